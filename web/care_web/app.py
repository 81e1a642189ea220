"""Puts the pages together over the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from care_web.asgi import LastResort, SafeHeaders
from care_web.assets import Asset, asset_routes
from care_web.customers import Customers
from care_web.pages import Pages
from care_web.rate_limit import AddressLimit
from care_web.rendering import Renderer

if TYPE_CHECKING:
    from starlette.types import ExceptionHandler

    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub

SUBMISSIONS_PER_MINUTE: Final = 10
"""From one address: a household behind one router can send its answers, a script is slowed down."""


def create_app(
    customers: CustomerServiceAsyncStub, *, submissions_per_minute: int = SUBMISSIONS_PER_MINUTE
) -> Starlette:
    """Return the pages over ``customers``, whose channel the caller opens and closes."""
    stylesheet, icon = Asset.load("form.css"), Asset.load("icon.svg")
    pages = Pages(Customers(customers), Renderer(stylesheet, icon), AddressLimit(submissions_per_minute))
    app = Starlette(
        routes=[
            Route("/", pages.show_root),
            Route("/healthz", pages.check_health),
            Route("/f/{token}", pages.handle_form, methods=["GET", "POST"]),
            Route("/f/{token}/thanks", pages.show_thanks),
            *asset_routes([stylesheet, icon]),
        ],
        # In here, around all that handles a request: Starlette's own last resort, further out, gets nothing to do.
        middleware=[Middleware(SafeHeaders), Middleware(LastResort, answer=pages.broken)],
        # Starlette types a handler by Exception, but calls it for its own class only.
        exception_handlers={HTTPException: cast("ExceptionHandler", pages.handle_http_error)},
    )
    # Its redirect to the path without a slash at the end would be made of the request's Host header.
    app.router.redirect_slashes = False
    return app
