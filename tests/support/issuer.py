"""A token issuer for tests: signs bearer tokens with keys of every kind, and publishes its keys over HTTP."""

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
"""All algorithms that tokens may be signed with."""


@cache
def private_key(algorithm: str, number: int = 0) -> PrivateKey:
    """Returns the private key for an algorithm. Each number has its own key."""
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
    """Returns the public key as a JSON Web Key with extra members such as `kid`. Members that are None are left out."""
    match key:
        case rsa.RSAPrivateKey():
            found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            found = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    # The library adds `key_ops`; issuers do not.
    found.pop("key_ops", None)
    return {name: value for name, value in (found | members).items() if value is not None}


def sign(key: PrivateKey, algorithm: str, key_id: str | None, **claims: object) -> str:
    """Returns a token of agent alice in organization `org`. `claims` replace the defaults; None leaves a claim out."""
    defaults: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "org": "org",
        "roles": ["agent"],
        "exp": datetime.now(UTC) + timedelta(hours=1),
    }
    content = {name: value for name, value in (defaults | claims).items() if value is not None}
    return jwt.encode(content, key, algorithm=algorithm, headers={"kid": key_id} if key_id else None)


@dataclass
class Issuer:
    """A token issuer. Its endpoint returns `status`, with the JWK Set if that is 200 and without a body otherwise."""

    url: str
    keys: dict[str, tuple[PrivateKey, str]] = field(default_factory=dict)
    """By key id, the key and its algorithm."""
    status: int = 200
    fetches: int = 0
    """How many times the keys were fetched."""
    _condition: asyncio.Condition = field(default_factory=asyncio.Condition)

    def add(self, key_id: str, algorithm: str = "ES256", number: int = 0) -> None:
        """Publishes a key with this id."""
        self.keys[key_id] = (private_key(algorithm, number), algorithm)

    def token(self, key_id: str, **claims: object) -> str:
        """Returns a token that is signed with a published key."""
        key, algorithm = self.keys[key_id]
        return sign(key, algorithm, key_id, **claims)

    @property
    def jwk_set(self) -> bytes:
        """The JWK Set with the published keys, as JSON."""
        keys = [jwk(key, kid=key_id, alg=algorithm, use="sig") for key_id, (key, algorithm) in self.keys.items()]
        return json.dumps({"keys": keys}).encode()

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that make a service trust this issuer."""
        return {"CARE_TOKEN_KEYS": self.url, "CARE_TOKEN_ISSUER": ISSUER, "CARE_TOKEN_AUDIENCE": AUDIENCE}

    async def wait_for_fetches(self, times: int) -> None:
        """Waits until the keys have been fetched `times` times."""
        async with self._condition:
            await self._condition.wait_for(lambda: self.fetches >= times)

    async def serve_keys(self, _: Request) -> Response:
        async with self._condition:
            self.fetches += 1
            self._condition.notify_all()
        return Response(self.jwk_set if self.status == 200 else b"", self.status, media_type="application/jwk-set+json")


@asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    """Yields an issuer without keys, which is reachable until the block exits."""
    async with unreachable_issuer() as (found, start), start():
        yield found


@asynccontextmanager
async def unreachable_issuer() -> AsyncIterator[tuple[Issuer, Callable[[], Any]]]:
    """Yields an issuer whose port refuses connections, and a context manager that makes it reachable for a block."""
    with socket.socket() as held:
        # The port is bound, so that no other process gets it. The system refuses connections, because nothing listens.
        held.bind(("127.0.0.1", 0))
        found = Issuer(f"http://127.0.0.1:{held.getsockname()[1]}/jwks.json")
        app = Starlette(routes=[Route("/jwks.json", found.serve_keys)])
        yield found, lambda: serve(app, held)
