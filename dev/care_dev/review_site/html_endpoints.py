"""The site's pages: the list of reviews, one review, and the forms that change how the site behaves."""

from http import HTTPStatus
from typing import Final
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from care_dev.data.validation import describe_validation_error
from care_dev.review_site.behavior import MAX_DELAY_SECONDS, Behavior, BehaviorChange, Mode
from care_dev.review_site.errors import ApiError, Reason
from care_dev.review_site.links import linkify, without_links
from care_dev.review_site.store import Review, ReviewFilter, ReviewStore

_CHANGE: Final = TypeAdapter(BehaviorChange)
_REPLIED: Final = {"yes": True, "no": False}
_AVATAR_COLORS: Final = 6
_LONG_TEXT: Final = 600
"""The list shows only the beginning of a text with more characters than this."""
_MODE_LABELS: Final = {
    Mode.ACCEPT: "Accept replies",
    Mode.REFUSE_TOO_LONG: "Refuse replies as too long",
    Mode.REFUSE_LINKS: "Refuse replies with a link",
    Mode.SLOW: "Answer slowly",
    Mode.DOWN: "Be down",
}


class HtmlEndpoints:
    """Serves the pages of one store, and handles the forms on them."""

    def __init__(self, store: ReviewStore) -> None:
        self._store = store
        environment = Environment(
            loader=PackageLoader("care_dev.review_site"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(
            linkify=linkify, without_links=without_links, title=_title, author=_author, initial=_initial, color=_color
        )
        environment.filters["is_long"] = _is_long
        environment.globals.update(mode_labels=_MODE_LABELS, max_delay=MAX_DELAY_SECONDS)
        self._templates = Jinja2Templates(env=environment)

    def bind(self, app: Starlette) -> None:
        """Adds `path_for` to the templates. It returns a path of `app`, without a host from the Host header."""
        self._templates.env.globals["path_for"] = app.url_path_for

    async def list_reviews(self, request: Request) -> Response:
        """Shows the reviews of all businesses, or of the business in the query."""
        query = request.query_params
        chosen = ReviewFilter(query.get("organization"), query.get("location"), _REPLIED.get(query.get("replied", "")))
        businesses = self._store.list_businesses()
        context = {
            "chosen": chosen,
            "businesses": businesses,
            "organizations": len({business.organization for business in businesses}),
            "list": self._store.list_reviews(chosen),
            "behavior": self._store.get_behavior() or Behavior(),
        }
        return self._templates.TemplateResponse(request, "reviews.html", context)

    async def show_review(self, request: Request) -> Response:
        """Shows one review and, for developers, the history of its reply."""
        organization, external_id = request.path_params["organization"], request.path_params["external_id"]
        review = self._store.get_review(organization, external_id)
        if review is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        own = self._store.get_behavior(organization, external_id)
        context = {
            "review": review,
            "events": self._store.list_events(organization, external_id),
            "own_behavior": own,
            "behavior": self._store.resolve_behavior(organization, external_id),
        }
        return self._templates.TemplateResponse(request, "review.html", context)

    async def set_behavior(self, request: Request) -> Response:
        """Handles the form on the list: sets how the site behaves for all reviews."""
        await self._change_behavior(request, "", "")
        return RedirectResponse(request.app.url_path_for("list_reviews"), status_code=HTTPStatus.SEE_OTHER)

    async def set_review_behavior(self, request: Request) -> Response:
        """Handles the form on a review's page: sets how the site behaves for this review."""
        await self._change_behavior(request, **request.path_params)
        return RedirectResponse(
            request.app.url_path_for("show_review", **request.path_params), status_code=HTTPStatus.SEE_OTHER
        )

    async def take_down(self, request: Request) -> Response:
        """Handles the button on a review's page: removes the reply as moderation does, if there still is one."""
        review = self._store.get_review(**request.path_params)
        if review is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if review.reply:
            self._store.take_reply_down(review.organization, review.external_id)
        return RedirectResponse(
            request.app.url_path_for("show_review", **request.path_params), status_code=HTTPStatus.SEE_OTHER
        )

    async def handle_not_found(self, request: Request, error: Exception) -> Response:
        """Shows the page for an unknown path or review."""
        del error
        return self._templates.TemplateResponse(request, "not_found.html", status_code=HTTPStatus.NOT_FOUND)

    async def _change_behavior(self, request: Request, organization: str, external_id: str) -> None:
        form = await request.form()
        fields = {"mode": form.get("mode"), "delay_seconds": form.get("delay_seconds") or "5"}
        try:
            change = _CHANGE.validate_python({**fields, "organization": organization, "external_id": external_id})
        except ValidationError as error:
            raise ApiError(Reason.INVALID_FIELD, describe_validation_error(error)) from error
        self._store.set_behavior(organization, external_id, change.behavior)


def _title(identifier: str) -> str:
    """Returns an id such as `main-street` as a heading: `Main street`."""
    words = identifier.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _author(review: Review) -> str:
    return review.display_name or "Anonymous"


def _initial(review: Review) -> str:
    """Returns the first letter of the author's name. Empty if the name has no letter or the author is anonymous."""
    letters = "" if review.is_anonymous else review.display_name
    return next((letter.upper() for letter in letters if letter.isalpha()), "")


def _color(review: Review) -> int:
    return crc32(review.external_id.encode()) % _AVATAR_COLORS


def _is_long(text: str) -> bool:
    return len(text) > _LONG_TEXT
