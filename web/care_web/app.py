"""Puts the pages together over the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from care_web.answers import Answers
from care_web.asgi import LastResort, SafeHeaders
from care_web.assets import Asset, asset_routes
from care_web.chat_pages import ChatPages
from care_web.chats import Chats
from care_web.customers import Customers
from care_web.form_pages import FormPages
from care_web.live import MAX_STREAMS, LiveChat, Streams
from care_web.rate_limit import AddressLimit
from care_web.rendering import Renderer
from care_web.site_pages import SitePages

if TYPE_CHECKING:
    from starlette.types import ExceptionHandler

    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub

SUBMISSIONS_PER_MINUTE: Final = 10
"""From one address: a household behind one router can send its answers, a script is slowed down."""
MESSAGES_PER_MINUTE: Final = 30
"""Likewise: more than one person writes."""


def create_app(
    customers: CustomerServiceAsyncStub,
    *,
    submissions_per_minute: int = SUBMISSIONS_PER_MINUTE,
    messages_per_minute: int = MESSAGES_PER_MINUTE,
    max_streams: int = MAX_STREAMS,
) -> Starlette:
    """Return the pages over ``customers``, whose channel the caller opens and closes."""
    stylesheet, icon, script = Asset.load("pages.css"), Asset.load("icon.svg"), Asset.load("chat.js")
    renderer = Renderer(stylesheet, icon, script)
    answers, chats = Answers(renderer), Chats(customers)
    site = SitePages(answers)
    form = FormPages(Customers(customers), answers, AddressLimit(submissions_per_minute))
    chat = ChatPages(chats, answers, AddressLimit(messages_per_minute))
    app = Starlette(
        routes=[
            Route("/", site.show_root),
            Route("/healthz", site.check_health),
            Route("/f/{token}", form.handle_form, methods=["GET", "POST"]),
            Route("/f/{token}/thanks", form.show_thanks),
            Route("/c/{token}", chat.handle_chat, methods=["GET", "POST"]),
            Route("/c/{token}/events", LiveChat(chats, renderer, Streams(max_streams)), methods=["GET"]),
            *asset_routes([stylesheet, icon, script]),
        ],
        # In here, around all that handles a request: Starlette's own last resort, further out, gets nothing to do.
        middleware=[Middleware(SafeHeaders), Middleware(LastResort, answer=site.broken)],
        # Starlette types a handler by Exception, but calls it for its own class only.
        exception_handlers={HTTPException: cast("ExceptionHandler", site.handle_http_error)},
    )
    # Its redirect to the path without a slash at the end would be made of the request's Host header.
    app.router.redirect_slashes = False
    return app
