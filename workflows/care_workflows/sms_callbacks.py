"""Receives the SMS provider's callbacks over HTTP, and pokes the workflow of the message.

A callback is only a hint: the only content that is used is the message's name. The workflow asks the provider what
became of the message. So a lost, repeated, late or reordered callback does no harm.
"""

import asyncio
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from care_client.workflow_names import POKE, message_delivery_id
from care_roles import logs
from care_workflows.channels.sms import SmsAccount, callback_url
from care_workflows.channels.sms_signature import HEADER, is_signed

_MAX_BODY_BYTES: Final = 64 * 1024
"""A callback has about 1,000 bytes."""
_MAX_FIELDS: Final = 200
_BODY_TIMEOUT: Final = 10.0
"""Seconds."""
_POKE_TIMEOUT: Final = timedelta(seconds=5)

_log = logs.get_logger(__name__)


def create_app(temporal: Client, sms: SmsAccount) -> Starlette:
    """Returns the application that serves ``sms.callback_url``."""
    receive = _Callbacks(temporal, sms).receive
    app = Starlette(routes=[Route("/sms/{organization}/{ticket:int}/{message}", receive, methods=["POST"])])
    # By default, Starlette redirects a path with a trailing slash to a URL that it makes from the Host header.
    app.router.redirect_slashes = False
    return app


class _Callbacks:
    def __init__(self, temporal: Client, sms: SmsAccount) -> None:
        self._temporal = temporal
        self._sms = sms
        self._has_warned = False

    async def receive(self, request: Request) -> Response:
        """Pokes the workflow that a signed callback is about.

        Responds with 204, even if the workflow has ended; with 503 if Temporal is unavailable. Responds with 403 if the
        signature is wrong, with 408 if the body does not arrive in time, and with 413 if it is too long.
        """
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                body = await _read_body(request)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        if body is None:
            return Response(status_code=413)
        organization, ticket, message = (request.path_params[name] for name in ("organization", "ticket", "message"))
        name = f"organizations/{organization}/tickets/{ticket}/messages/{message}"
        # The provider signs the URL that it got from us. The Host header may differ from that URL.
        url = callback_url(self._sms.callback_url, name)
        if not is_signed(self._sms.auth_token, url, _parse_form(body), request.headers.get(HEADER, "")):
            self._warn_once()
            return Response(status_code=403)
        return Response(status_code=await self._poke(message_delivery_id(organization, ticket, message)))

    def _warn_once(self) -> None:
        """Logs a warning, because the settings may be wrong. Logs it once, so that strangers cannot fill the log."""
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "ignored an SMS callback whose signature does not match CARE_SMS_AUTH_TOKEN and CARE_SMS_CALLBACK_URL"
            )

    async def _poke(self, workflow: str) -> int:
        """Pokes the workflow with this id; returns the HTTP status of the response."""
        try:
            await self._temporal.get_workflow_handle(workflow).signal(POKE, rpc_timeout=_POKE_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                _log.warning("SMS callback failed: Temporal is unavailable", workflow=workflow, error=error.status.name)
                return 503
        return 204


async def _read_body(request: Request) -> bytes | None:
    """Returns the request's body; None if it is too long, without reading the rest."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            return None
    return bytes(body)


def _parse_form(body: bytes) -> list[tuple[str, str]]:
    """Returns the form's fields; empty if the body is not a form."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return []
