"""Puts the site together: routes, middleware and error answers over one store."""

from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from care_dev.review_site.api import Api
from care_dev.review_site.asgi import QuotedConvertor, RawPath, SafeHeaders, SameSiteWrites
from care_dev.review_site.errors import ApiError, handle_api_error
from care_dev.review_site.pages import Pages
from care_dev.review_site.store import Store

_API = "/v1"


def create_app(store: Store) -> Starlette:
    """Return the site over ``store``, which the caller opens and closes."""
    register_url_convertor("quoted", QuotedConvertor())
    api, pages = Api(store), Pages(store)

    async def handle_http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        is_missing = error.status_code == HTTPStatus.NOT_FOUND
        if is_missing and not request.url.path.startswith(f"{_API}/"):
            return await pages.handle_not_found(request, error)
        body = {
            "code": error.status_code,
            "status": "NOT_FOUND" if is_missing else "UNIMPLEMENTED",
            "message": error.detail,
        }
        return JSONResponse({"error": body}, status_code=error.status_code, headers=error.headers)

    app = Starlette(
        routes=[
            Mount(_API, routes=_api_routes(api)),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
            *_page_routes(pages),
        ],
        middleware=[Middleware(SafeHeaders), Middleware(SameSiteWrites), Middleware(RawPath)],
        exception_handlers={ApiError: handle_api_error, HTTPException: handle_http_error},
    )
    pages.bind(app)
    return app


def _api_routes(api: Api) -> list[Route]:
    review = "/{organization:quoted}/reviews/{external_id:quoted}"
    return [
        Route("/behavior", api.put_behavior, methods=["PUT"]),
        Route("/{organization:quoted}/reviews", api.put_reviews, methods=["PUT"]),
        Route(review, api.get_review),
        Route(f"{review}/reply", api.get_reply),
        Route(f"{review}/reply", api.put_reply, methods=["PUT"]),
        Route(f"{review}/reply", api.delete_reply, methods=["DELETE"]),
        Route(f"{review}/history", api.get_history),
        Route(f"{review}/take-down", api.take_down, methods=["POST"]),
    ]


def _page_routes(pages: Pages) -> list[Route]:
    review = "/{organization:quoted}/reviews/{external_id:quoted}"
    return [
        Route("/", pages.list_reviews, name="list_reviews"),
        Route("/behavior", pages.set_behavior, methods=["POST"], name="set_behavior"),
        Route(review, pages.show_review, name="show_review"),
        Route(f"{review}/behavior", pages.set_review_behavior, methods=["POST"], name="set_review_behavior"),
        Route(f"{review}/take-down", pages.take_down, methods=["POST"], name="take_down"),
    ]
