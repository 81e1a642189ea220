"""Builds the site's web application: routes, middleware and error responses."""

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

from care_dev.review_site.errors import ApiError, handle_api_error
from care_dev.review_site.html_endpoints import HtmlEndpoints
from care_dev.review_site.json_endpoints import JsonEndpoints
from care_dev.review_site.middleware import QuotedConvertor, RawPath, SafeHeaders, SameSiteWrites
from care_dev.review_site.store import ReviewStore

_API = "/v1"


def create_app(store: ReviewStore) -> Starlette:
    """Returns the application for `store`, which the caller opens and closes."""
    register_url_convertor("quoted", QuotedConvertor())
    json_endpoints, html_endpoints = JsonEndpoints(store), HtmlEndpoints(store)

    async def handle_http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        is_missing = error.status_code == HTTPStatus.NOT_FOUND
        if is_missing and not request.url.path.startswith(f"{_API}/"):
            return await html_endpoints.handle_not_found(request, error)
        body = {
            "code": error.status_code,
            "status": "NOT_FOUND" if is_missing else "UNIMPLEMENTED",
            "message": error.detail,
        }
        return JSONResponse({"error": body}, status_code=error.status_code, headers=error.headers)

    app = Starlette(
        routes=[
            Mount(_API, routes=_json_routes(json_endpoints)),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
            *_html_routes(html_endpoints),
        ],
        middleware=[Middleware(SafeHeaders), Middleware(SameSiteWrites), Middleware(RawPath)],
        exception_handlers={ApiError: handle_api_error, HTTPException: handle_http_error},
    )
    html_endpoints.bind(app)
    return app


def _json_routes(endpoints: JsonEndpoints) -> list[Route]:
    review = "/{organization:quoted}/reviews/{external_id:quoted}"
    return [
        Route("/behavior", endpoints.put_behavior, methods=["PUT"]),
        Route("/{organization:quoted}/reviews", endpoints.put_reviews, methods=["PUT"]),
        Route(review, endpoints.get_review),
        Route(f"{review}/reply", endpoints.get_reply),
        Route(f"{review}/reply", endpoints.put_reply, methods=["PUT"]),
        Route(f"{review}/reply", endpoints.delete_reply, methods=["DELETE"]),
        Route(f"{review}/history", endpoints.get_history),
        Route(f"{review}/take-down", endpoints.take_down, methods=["POST"]),
    ]


def _html_routes(endpoints: HtmlEndpoints) -> list[Route]:
    review = "/{organization:quoted}/reviews/{external_id:quoted}"
    return [
        Route("/", endpoints.list_reviews, name="list_reviews"),
        Route("/behavior", endpoints.set_behavior, methods=["POST"], name="set_behavior"),
        Route(review, endpoints.show_review, name="show_review"),
        Route(f"{review}/behavior", endpoints.set_review_behavior, methods=["POST"], name="set_review_behavior"),
        Route(f"{review}/take-down", endpoints.take_down, methods=["POST"], name="take_down"),
    ]
