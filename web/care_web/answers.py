"""The answers that all pages share: a message in place of the page, and what was typed in a form to send again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from care_web.languages import LANGUAGES
from care_web.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import HTMLResponse

    from care_web.failures import TryLater
    from care_web.rendering import Renderer

FORM_ID: Final = "form"
"""Of the form in its page; the buttons of the switch name it."""

_FAULTS: Final = {
    HTTPStatus.NOT_FOUND: "missing",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "large",
}
"""Texts for answers to requests that the pages do not make; for all other statuses ``unreadable``."""


class Answers:
    """Makes them, in the language of a visit."""

    def __init__(self, renderer: Renderer) -> None:
        self.page: Final = renderer.page
        self._broken = {
            tag: self.message(Visit(language), "broken", HTTPStatus.INTERNAL_SERVER_ERROR, ["broken.lead"])
            for tag, language in LANGUAGES.items()
        }

    def broken(self, visit: Visit) -> HTMLResponse:
        """Return the page for a mistake of ours; made beforehand, so that no mistake can be in the way of it."""
        return self._broken[visit.language.tag]

    def unknown(self, visit: Visit) -> HTMLResponse:
        """Return the page for all links that are none of ours, or none any more."""
        return self.message(visit, "unknown", HTTPStatus.NOT_FOUND, ["unknown.lead", "unknown.advice"])

    def unavailable(self, visit: Visit, url: str, error: TryLater) -> HTMLResponse:
        """Return the page for one at ``url`` that can't be shown just now."""
        language = visit.language
        return self.message(
            visit,
            "unavailable",
            HTTPStatus.SERVICE_UNAVAILABLE,
            [language.say("unavailable.lead", wait=language.wait(error.seconds))],
            action=(url, language.say("unavailable.retry")),
            headers=_retry_after(error),
        )

    def fault(
        self, visit: Visit, status: HTTPStatus, headers: Mapping[str, str] | None = None, *, limit: int = 0
    ) -> HTMLResponse:
        """Return the page for a request that the pages themselves do not make; a text has ``limit`` characters."""
        name = _FAULTS.get(status, "unreadable")
        lead = visit.language.say(
            f"{name}.lead", **({"limit": visit.language.number(limit)} if name == "large" else {})
        )
        advice = ["missing.advice"] if name == "missing" else []
        return self.message(visit, name, status, [lead, *advice], headers=headers)

    def again(
        self, visit: Visit, url: str, error: TryLater, template: str, context: Mapping[str, object]
    ) -> HTMLResponse:
        """Return what was typed, in a form that can be sent to ``url`` again."""
        tell = visit.language.tell
        about = {
            "title": tell("title.error", title=tell(f"{error.name}.title")),
            "name": error.name,
            "wait": visit.language.wait(error.seconds),
            "path": url,
            "form_id": FORM_ID,
        }
        return self.page(visit, template, error.status, {**about, **context}, _retry_after(error))

    def message(
        self,
        visit: Visit,
        name: str,
        status: HTTPStatus,
        paragraphs: Sequence[str],
        *,
        business: str = "",
        action: tuple[str, Markup] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Return a page of one message; ``paragraphs`` are keys of texts, or texts that were filled in already."""
        say = visit.language.say
        context = {
            "title": visit.language.tell(f"{name}.title"),
            "name": name,
            "tone": "done" if name == "thanks" else "plain",
            "business": business,
            "paragraphs": [text if isinstance(text, Markup) else say(text) for text in paragraphs],
            "action": action,
            "kept": query or {},
            "reference": (query or {}).get("reference"),
        }
        return self.page(visit, "message.html", status, context, headers)


def _retry_after(error: TryLater) -> dict[str, str]:
    return {"Retry-After": str(error.seconds)}
