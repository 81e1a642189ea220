"""Creates the ASGI application that serves the customer's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from care_web.assets import Asset, asset_routes
from care_web.chat_client import ChatClient
from care_web.chat_events import MAX_STREAMS, ChatEvents, StreamLimit
from care_web.chat_pages import ChatPages
from care_web.form_client import FormClient
from care_web.form_pages import FormPages
from care_web.middleware import CatchErrors, SecurityHeaders
from care_web.rate_limit import AddressLimit
from care_web.rendering import Renderer
from care_web.responses import Responses
from care_web.site_pages import SitePages

if TYPE_CHECKING:
    from starlette.types import ExceptionHandler

    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub

SUBMISSIONS_PER_MINUTE: Final = 10
"""The limit per network address. A household behind one router stays below the limit; a script does not."""
MESSAGES_PER_MINUTE: Final = 30
"""The limit per network address. Several people may chat from the same address."""


def create_app(
    service: CustomerServiceAsyncStub,
    *,
    submissions_per_minute: int = SUBMISSIONS_PER_MINUTE,
    messages_per_minute: int = MESSAGES_PER_MINUTE,
    max_streams: int = MAX_STREAMS,
) -> Starlette:
    """Returns the application. The caller opens and closes the channel of ``service``."""
    stylesheet, icon, script = Asset.load("pages.css"), Asset.load("icon.svg"), Asset.load("chat.js")
    renderer = Renderer(stylesheet, icon, script)
    responses, chats = Responses(renderer), ChatClient(service)
    site = SitePages(responses)
    form = FormPages(FormClient(service), responses, AddressLimit(submissions_per_minute))
    chat = ChatPages(chats, responses, AddressLimit(messages_per_minute))
    app = Starlette(
        routes=[
            Route("/", site.show_root),
            Route("/healthz", site.check_health),
            Route("/f/{token}", form.handle_form, methods=["GET", "POST"]),
            Route("/f/{token}/thanks", form.show_thanks),
            Route("/c/{token}", chat.handle_chat, methods=["GET", "POST"]),
            Route("/c/{token}/events", ChatEvents(chats, renderer, StreamLimit(max_streams)), methods=["GET"]),
            *asset_routes([stylesheet, icon, script]),
        ],
        # Starlette's own error handler is outside of this middleware, so exceptions never reach it.
        middleware=[Middleware(SecurityHeaders), Middleware(CatchErrors, error_page=site.internal_error)],
        # Starlette declares that a handler takes any Exception, but calls it only for the class of its registration.
        exception_handlers={HTTPException: cast("ExceptionHandler", site.handle_http_error)},
    )
    # Starlette's redirect to a path without a trailing slash contains the Host header, which anyone can set.
    app.router.redirect_slashes = False
    return app
