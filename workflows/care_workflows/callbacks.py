"""Takes a provider's news of messages over HTTP, and pokes the workflow that carries the message.

Level-triggered like all of Care: a callback is a hint, of which only the message's name is read. What became of the
message the workflow asks the provider itself, so a lost, doubled, late or misordered callback does no harm.
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

_LONGEST_BODY: Final = 64 * 1024
"""Bytes; a callback has about one thousand."""
_MOST_FIELDS: Final = 200
_READING: Final = 10.0
"""Seconds in which a body has to come."""
_POKING: Final = timedelta(seconds=5)

_log = logs.get_logger(__name__)


def create_app(temporal: Client, sms: SmsAccount) -> Starlette:
    """Return the listener behind ``sms.callback_url``."""
    take = _Callbacks(temporal, sms).take
    app = Starlette(routes=[Route("/sms/{organization}/{ticket:int}/{message}", take, methods=["POST"])])
    # Its redirect to the path without a slash at the end would be made of the request's Host header.
    app.router.redirect_slashes = False
    return app


class _Callbacks:
    def __init__(self, temporal: Client, sms: SmsAccount) -> None:
        self._temporal = temporal
        self._sms = sms
        self._warned = False

    async def take(self, request: Request) -> Response:
        """Answer 204 to whatever the provider signed, also where no workflow waits for it any more."""
        try:
            async with asyncio.timeout(_READING):
                body = await _body(request)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        if body is None:
            return Response(status_code=413)
        organization, ticket, message = (request.path_params[name] for name in ("organization", "ticket", "message"))
        name = f"organizations/{organization}/tickets/{ticket}/messages/{message}"
        # The URL as it was handed to the provider, whatever the Host header says.
        url = callback_url(self._sms.callback_url, name)
        if not is_signed(self._sms.auth_token, url, _fields(body), request.headers.get(HEADER, "")):
            self._warn_once()
            return Response(status_code=403)
        return Response(status_code=await self._poke(message_delivery_id(organization, ticket, message)))

    def _warn_once(self) -> None:
        """Tell an operator whose settings are wrong; strangers, who may call as often as they like, fill no log."""
        if not self._warned:
            self._warned = True
            _log.warning("ignored a callback that is not signed with CARE_SMS_AUTH_TOKEN for CARE_SMS_CALLBACK_URL")

    async def _poke(self, workflow: str) -> int:
        try:
            await self._temporal.get_workflow_handle(workflow).signal(POKE, rpc_timeout=_POKING)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                _log.warning("a callback could not be handed on", workflow=workflow, error=error.status.name)
                return 503
        return 204


async def _body(request: Request) -> bytes | None:
    """Return the request's body; None for one that is too long, the rest of which is not read."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_BODY:
            return None
    return bytes(body)


def _fields(body: bytes) -> list[tuple[str, str]]:
    """Read a form; none of it where it is no form, which then can't be signed either."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return []
