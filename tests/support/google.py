"""A fake of Google: the token endpoint, which checks the assertion, and the review methods of My Business API v4."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.serving import serve

REVIEW: Final = "accounts/1/locations/2/reviews/AbFv_Oq-3="
ACCOUNT: Final = "replies@care.example.com"
AUDIENCE: Final = "https://oauth2.googleapis.com/token"
"""The audience of google-auth's assertions, independent of the endpoint in the key file."""

_KEY: Final = generate_private_key(65537, 2048)
_PEM: Final = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass
class Google:
    """The state of the fake, the calls it received, and how it behaves."""

    url: str = ""
    reviews: dict[str, dict[str, str] | None] = field(default_factory=lambda: {REVIEW: None})
    """By name of the review, the reply with its state, or None."""
    moderates: bool = False
    """Whether new replies start as PENDING."""
    token_lifetime: int = 3600
    responses: list[Response] = field(default_factory=list)
    """Returned instead of the API's own responses, one after the other."""
    token_responses: list[Response] = field(default_factory=list)
    hang: str = ""
    """The HTTP method of requests that get no response; TOKEN for requests to the token endpoint."""
    tokens: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    def write_key(self, path: Path) -> Path:
        """Writes the service account's key file, as Google's console creates it."""
        info = {
            "type": "service_account",
            "project_id": "care",
            "private_key_id": "1",
            "private_key": _PEM,
            "client_email": ACCOUNT,
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(info))
        return path

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET ")]

    async def give_token(self, request: Request) -> Response:
        """Issues an access token for an assertion (RFC 7523, section 2.1)."""
        if self.hang == "TOKEN":
            await asyncio.Event().wait()
        if self.token_responses:
            return self.token_responses.pop(0)
        form = await request.form()
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        claims = jwt.decode(str(form["assertion"]), _KEY.public_key(), algorithms=["RS256"], audience=AUDIENCE)
        assert claims["iss"] == ACCOUNT
        assert claims["scope"] == "https://www.googleapis.com/auth/business.manage"
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return JSONResponse(
            {"access_token": self.tokens[-1], "expires_in": self.token_lifetime, "token_type": "Bearer"}
        )

    async def serve_review(self, request: Request) -> Response:
        if request.method == self.hang:
            await asyncio.Event().wait()
        name, is_reply = request.path_params["name"].removesuffix("/reply"), request.url.path.endswith("/reply")
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.calls.append(f"{request.method} {request.url.path}")
        if token not in self.tokens or token in self.revoked:
            return error(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED")
        if self.responses:
            return self.responses.pop(0)
        if name not in self.reviews:
            return error(HTTPStatus.NOT_FOUND, "NOT_FOUND")
        if request.method == "PUT":
            assert is_reply
            reply = {"comment": (await request.json())["comment"], "updateTime": "2026-01-02T03:04:05Z"}
            if self.moderates:
                reply["reviewReplyState"] = "PENDING"
            self.reviews[name] = reply
            return JSONResponse(reply)
        present = self.reviews[name]
        return JSONResponse({"name": name, "starRating": "ONE"} | ({"reviewReply": present} if present else {}))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = Starlette(
            routes=[
                Route("/token", self.give_token, methods=["POST"]),
                Route("/v4/{name:path}", self.serve_review, methods=["GET", "PUT"]),
            ]
        )
        async with serve(app) as self.url:
            yield self.url


def error(status: HTTPStatus, name: str, message: str = "Because.") -> Response:
    """Returns an error in the format of Google's APIs (AIP-193)."""
    return JSONResponse({"error": {"code": status, "status": name, "message": message}}, status_code=status)
