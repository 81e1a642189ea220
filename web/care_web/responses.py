"""The HTTP responses that the form and the chat share: notices, and forms to send again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from care_web.languages import LANGUAGES
from care_web.request_context import RequestContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import HTMLResponse

    from care_web.rendering import Renderer
    from care_web.service_errors import TryLater

FORM_ID: Final = "form"
"""The id of a page's form. The buttons of the language menu refer to it."""

_CLIENT_ERROR_TEXTS: Final = {
    HTTPStatus.NOT_FOUND: "missing",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "large",
}
"""The text keys of statuses that have their own texts. All other client errors use ``unreadable``."""


class Responses:
    """Builds responses in the language of a request.

    A ``key`` names a group of texts: ``unknown`` has ``unknown.title``, ``unknown.lead`` and so on.
    """

    def __init__(self, renderer: Renderer) -> None:
        self.page: Final = renderer.page
        self._internal_errors = {
            tag: self.notice(
                RequestContext(language), "broken", HTTPStatus.INTERNAL_SERVER_ERROR, paragraphs=["broken.lead"]
            )
            for tag, language in LANGUAGES.items()
        }

    def internal_error(self, context: RequestContext) -> HTMLResponse:
        """Returns the page for an unexpected exception. The page was rendered at startup, so this cannot fail."""
        return self._internal_errors[context.language.tag]

    def unknown_link(self, context: RequestContext) -> HTMLResponse:
        """Returns the page for a link that was never valid, or no longer is."""
        return self.notice(context, "unknown", HTTPStatus.NOT_FOUND, paragraphs=["unknown.lead", "unknown.advice"])

    def unavailable(self, context: RequestContext, url: str, error: TryLater) -> HTMLResponse:
        """Returns the page to show instead of the page at ``url`` while the service cannot provide its content."""
        language = context.language
        return self.notice(
            context,
            "unavailable",
            HTTPStatus.SERVICE_UNAVAILABLE,
            paragraphs=[language.translate("unavailable.lead", wait=language.format_wait(error.seconds))],
            action=(url, language.translate("unavailable.retry")),
            headers=_retry_after(error),
        )

    def client_error(
        self, context: RequestContext, status: HTTPStatus, headers: Mapping[str, str] | None = None, *, limit: int = 0
    ) -> HTMLResponse:
        """Returns the page for a request that cannot be handled, such as one for an unknown path.

        ``limit`` is how many characters a message may have. Only the text for status 413 shows the limit.
        """
        key = _CLIENT_ERROR_TEXTS.get(status, "unreadable")
        values = {"limit": context.language.format_number(limit)} if key == "large" else {}
        advice = ["missing.advice"] if key == "missing" else []
        lead = context.language.translate(f"{key}.lead", **values)
        return self.notice(context, key, status, paragraphs=[lead, *advice], headers=headers)

    def retry_form(
        self, context: RequestContext, url: str, error: TryLater, template: str, variables: Mapping[str, object]
    ) -> HTMLResponse:
        """Returns a form that holds the customer's input and sends it to ``url`` again."""
        text = context.language.translate_plain
        shared = {
            "title": text("title.error", title=text(f"{error.key}.title")),
            "key": error.key,
            "wait": context.language.format_wait(error.seconds),
            "path": url,
            "form_id": FORM_ID,
        }
        return self.page(context, template, error.status, {**shared, **variables}, _retry_after(error))

    def notice(
        self,
        context: RequestContext,
        key: str,
        status: HTTPStatus,
        *,
        paragraphs: Sequence[str],
        business: str = "",
        action: tuple[str, Markup] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Returns a page with a title and a few paragraphs.

        Args:
            context: The context of the request.
            key: The group of texts that the title comes from.
            status: The status of the response.
            paragraphs: Text keys, or texts that are translated already.
            business: The name of the business to show above the title. Empty for none.
            action: The URL and the text of a link below the paragraphs.
            query: The page's own query, which the language menu keeps.
            headers: Further headers of the response.
        """
        translate = context.language.translate
        variables = {
            "title": context.language.translate_plain(f"{key}.title"),
            "key": key,
            "business": business,
            "paragraphs": [text if isinstance(text, Markup) else translate(text) for text in paragraphs],
            "action": action,
            "query": query or {},
            "reference": (query or {}).get("reference"),
        }
        return self.page(context, "notice.html", status, variables, headers)


def _retry_after(error: TryLater) -> dict[str, str]:
    return {"Retry-After": str(error.seconds)}
