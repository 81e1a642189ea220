"""An issuer of bearer tokens: signs them with keys of every kind, and publishes its keys over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.serving import serve

ISSUER: Final = "https://login.example.com"
AUDIENCE: Final = "care"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""All that tokens may be signed with."""


@cache
def private_key(algorithm: str, number: int = 0) -> PrivateKey:
    """A key for an algorithm; another one for each number."""
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: PrivateKey, **members: object) -> dict[str, Any]:
    """The public key as a JSON Web Key, with further members such as `kid`; those that are None are left out."""
    match key:
        case rsa.RSAPrivateKey():
            found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            found = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    # As issuers do: without what the library adds.
    found.pop("key_ops", None)
    return {name: value for name, value in (found | members).items() if value is not None}


def sign(key: PrivateKey, algorithm: str, key_id: str | None, **claims: object) -> str:
    """A token of the agent alice of the organization `org`, unless `claims` say otherwise; None leaves a claim out."""
    usual: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "org": "org",
        "roles": ["agent"],
        "exp": datetime.now(UTC) + timedelta(hours=1),
    }
    content = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(content, key, algorithm=algorithm, headers={"kid": key_id} if key_id else None)


@dataclass
class Issuer:
    """Publishes `keys` for as long as `status` is 200."""

    url: str
    keys: dict[str, tuple[PrivateKey, str]] = field(default_factory=dict)
    """By id: the key and its algorithm."""
    status: int = 200
    asked: int = 0
    """How often somebody fetched the keys."""
    _condition: asyncio.Condition = field(default_factory=asyncio.Condition)

    def add(self, key_id: str, algorithm: str = "ES256", number: int = 0) -> None:
        """Publishes a key under this id."""
        self.keys[key_id] = (private_key(algorithm, number), algorithm)

    def token(self, key_id: str, **claims: object) -> str:
        """A token signed with one of the published keys."""
        key, algorithm = self.keys[key_id]
        return sign(key, algorithm, key_id, **claims)

    @property
    def document(self) -> bytes:
        """The JWK Set."""
        keys = [jwk(key, kid=key_id, alg=algorithm, use="sig") for key_id, (key, algorithm) in self.keys.items()]
        return json.dumps({"keys": keys}).encode()

    @property
    def variables(self) -> Mapping[str, str]:
        """What a service needs to know of it."""
        return {"CARE_TOKEN_KEYS": self.url, "CARE_TOKEN_ISSUER": ISSUER, "CARE_TOKEN_AUDIENCE": AUDIENCE}

    async def until_asked(self, times: int) -> None:
        """Waits until somebody has fetched the keys so often."""
        async with self._condition:
            await self._condition.wait_for(lambda: self.asked >= times)

    async def answer(self, _: Request) -> Response:
        async with self._condition:
            self.asked += 1
            self._condition.notify_all()
        return Response(
            self.document if self.status == 200 else b"", self.status, media_type="application/jwk-set+json"
        )


@asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer that can be reached until the block is left; it has no key yet."""
    async with absent_issuer() as (found, arrive), arrive():
        yield found


@asynccontextmanager
async def absent_issuer() -> AsyncIterator[tuple[Issuer, Callable[[], Any]]]:
    """An issuer whose port nobody listens on, and what makes it reachable, for as long as its block lasts."""
    with socket.socket() as held:
        # Bound, and so nobody else's; without listening, the system refuses connections.
        held.bind(("127.0.0.1", 0))
        found = Issuer(f"http://127.0.0.1:{held.getsockname()[1]}/jwks.json")
        app = Starlette(routes=[Route("/jwks.json", found.answer)])
        yield found, lambda: serve(app, held)
