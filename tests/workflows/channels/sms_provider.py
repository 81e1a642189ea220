"""A provider with Twilio's Messages API over real HTTP: it accepts messages and reports their status."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from care_workflows.channels.sms import SmsAccount
from tests.support.serving import serve
from tests.workflows.channels.values import AUTH_TOKEN

ACCOUNT: Final = "AC" + "0" * 32
SENDER: Final = "+15005550006"


@dataclass
class SmsProvider:
    """The provider. A test reads its messages and sets its behavior."""

    url: str = ""
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The messages by SID, as `GET` returns them."""
    forms: list[dict[str, str]] = field(default_factory=list)
    """The posted forms, in order."""
    refusal: tuple[int, int] | None = None
    """The HTTP status and the error code with which every post is refused."""
    status: str = "queued"
    """The status of a new message."""

    def account(self, sender: str = SENDER, callback_url: str = "") -> SmsAccount:
        return SmsAccount(self.url, ACCOUNT, AUTH_TOKEN, sender, callback_url)

    def becomes(self, sid: str, status: str, error_code: int | None = None) -> None:
        message = f"message about {error_code}" if error_code else None
        self.messages[sid] |= {"status": status, "error_code": error_code, "error_message": message}

    async def post(self, request: Request) -> Response:
        if self._is_stranger(request):
            return _error(401, 20003)
        self.forms.append(dict(parse_qsl((await request.body()).decode(), strict_parsing=True)))
        if self.refusal:
            return _error(*self.refusal)
        sid = f"SM{len(self.messages):032x}"
        new = {"sid": sid, "status": self.status, "error_code": None, "error_message": None}
        self.messages[sid] = self.forms[-1] | new
        return JSONResponse(self.messages[sid], 201)

    async def get(self, request: Request) -> Response:
        if self._is_stranger(request):
            return _error(401, 20003)
        message = self.messages.get(request.path_params["sid"])
        return JSONResponse(message) if message else _error(404, 20404)

    def _is_stranger(self, request: Request) -> bool:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        known = request.path_params["account"] == ACCOUNT
        return not known or scheme != "Basic" or b64decode(credentials).decode() != f"{ACCOUNT}:{AUTH_TOKEN}"


def sign(url: str, form: Mapping[str, str], auth_token: str = AUTH_TOKEN) -> str:
    """Returns the signature of a callback as https://www.twilio.com/docs/usage/security defines it."""
    text = url
    for name in sorted(form):
        text += name + form[name]
    return b64encode(hmac.new(auth_token.encode(), text.encode(), "sha1").digest()).decode()


@asynccontextmanager
async def running() -> AsyncIterator[SmsProvider]:
    """Serves a provider on its own port."""
    provider = SmsProvider()
    base = "/2010-04-01/Accounts/{account}/Messages"
    routes = [Route(f"{base}.json", provider.post, methods=["POST"]), Route(f"{base}/{{sid}}.json", provider.get)]
    async with serve(Starlette(routes=routes)) as provider.url:
        yield provider


def _error(status: int, code: int) -> Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": f"message about {code}", "more_info": more, "status": status}, status)
