"""Builds the mailbox's web application, which also runs the SMTP server."""

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
from care_dev.mailbox.endpoints import Endpoints
from care_dev.mailbox.store import EmailStore
from care_dev.review_site.errors import ApiError, handle_api_error
from care_dev.review_site.middleware import QuotedConvertor, RawPath, SafeHeaders, SameSiteWrites


def create_app(store: EmailStore, smtp_listener: socket.socket) -> Starlette:
    """Returns the application. While it runs, it accepts emails on `smtp_listener` and keeps them in `store`."""
    register_url_convertor("quoted", QuotedConvertor())
    endpoints = Endpoints(store)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        async with smtp.serve(store, smtp_listener):
            yield

    app = Starlette(
        routes=[
            Route("/", endpoints.list_emails, name="list_emails"),
            Route("/emails/{id:quoted}", endpoints.show_email, name="show_email"),
            Route("/emails/{id:quoted}/source", endpoints.get_source, name="get_source"),
            Route("/delete", endpoints.delete_emails, methods=["POST"], name="delete_emails"),
            Route("/v1/emails", endpoints.list_json),
            Route("/v1/emails/{id:quoted}", endpoints.get_json),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
        ],
        middleware=[Middleware(SafeHeaders), Middleware(SameSiteWrites), Middleware(RawPath)],
        exception_handlers={404: endpoints.handle_not_found, ApiError: handle_api_error},
        lifespan=lifespan,
    )
    endpoints.bind(app)
    return app
