"""Puts the mailbox together: its SMTP server, routes and middleware over one store."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import register_url_convertor
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from care_dev.mailbox import smtp
from care_dev.mailbox.pages import Pages
from care_dev.mailbox.store import Store
from care_dev.review_site.asgi import QuotedConvertor, RawPath, SafeHeaders, SameSiteWrites
from care_dev.review_site.errors import ApiError, handle_api_error


def create_app(store: Store, smtp_listener: socket.socket) -> Starlette:
    """Return the mailbox over ``store``; it takes emails on ``smtp_listener`` for as long as it runs."""
    register_url_convertor("quoted", QuotedConvertor())
    pages = Pages(store)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        async with smtp.serve(store, smtp_listener):
            yield

    app = Starlette(
        routes=[
            Route("/", pages.list_emails, name="list_emails"),
            Route("/emails/{id:quoted}", pages.show_email, name="show_email"),
            Route("/emails/{id:quoted}/source", pages.get_source, name="get_source"),
            Route("/delete", pages.delete_emails, methods=["POST"], name="delete_emails"),
            Route("/v1/emails", pages.list_json),
            Route("/v1/emails/{id:quoted}", pages.get_json),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
        ],
        middleware=[Middleware(SafeHeaders), Middleware(SameSiteWrites), Middleware(RawPath)],
        exception_handlers={404: pages.handle_not_found, ApiError: handle_api_error},
        lifespan=lifespan,
    )
    pages.bind(app)
    return app
