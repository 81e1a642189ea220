"""Callers and their metadata: each role, other organizations, no token, and invalid tokens."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

import jwt

from tests.support.care import Care
from tests.support.reflection import Metadata
from tests.support.tenant import Tenant


@dataclass(frozen=True)
class Caller:
    """A caller with or without a token."""

    label: str
    metadata: Metadata
    roles: frozenset[str] = frozenset()
    organization: str | None = None
    valid: bool = True
    """Whether the service accepts the token."""
    subject: str = ""

    @property
    def bears(self) -> bool:
        """Whether the caller sends a token."""
        return any(key == "authorization" for key, _ in self.metadata)

    @property
    def secrets(self) -> list[str]:
        """The values that no error and no log line may contain."""
        values = [value for key, value in self.metadata if key == "authorization" and isinstance(value, str)]
        return [word for value in values for word in value.split() if len(word) > 8]


NOBODY: Final = Caller("nobody", ())


def _invalid(label: str, token: str) -> Caller:
    """Returns a caller whose token may be refused."""
    return Caller(label, (("authorization", f"Bearer {token}"),), valid=False)


def valid_callers(care: Care, tenant: Tenant) -> Mapping[str, list[Caller]]:
    """Returns the callers of each role. `public` is a caller without a token."""

    def caller(name: str, role: str, organization: str | None = tenant.id) -> Caller:
        claims = {"sub": name, "roles": [role]} | ({"org": organization} if organization else {})
        roles = {role, "agent"} if role == "supervisor" else {role}
        return Caller(
            f"{name} of {organization}",
            (("authorization", f"Bearer {care.token(**claims)}"),),
            frozenset(roles),
            organization,
            subject=name,
        )

    return {
        "agent": [caller("alice", "agent"), caller("alice", "agent"), caller("bob", "agent")],
        "supervisor": [caller("sue", "supervisor")],
        "service": [caller("intake", "service"), caller("reports", "service", None)],
        "worker": [caller("worker", "worker"), caller("worker", "worker", None)],
        "public": [NOBODY],
    }


def invalid_caller(rng: Random, care: Care, tenant: Tenant) -> Caller:
    """Returns a caller with an invalid or unusual token."""
    fine = {"sub": "mallory", "org": tenant.id, "roles": ["agent", "supervisor", "service", "worker"]}
    wrong: dict[str, Any] = {
        "sub": rng.choice(["", "a b", "a/b", "x" * 129, 7, None, "a\n", "ä", "..", "organizations/x"]),
        "org": rng.choice(["", "-", "A", "a" * 64, 7, None, [], "a\n", "../b"]),
        "roles": rng.choice(["agent", None, {}, [None, 7, []], ["admin"], ["agent"] * 500, [], [["agent"]]]),
        "name": rng.choice([None, 7, "", "\0", "\ud800", "x" * 3_000, "\u202e", "a\nb"]),
        "exp": rng.choice([0, -1, "x", None, 1e300, 2**60, True, float("nan"), float("inf"), []]),
        "nbf": rng.choice([0, -1, "x", None, 1e300, 2**60, float("nan"), []]),
        "act": rng.choice([None, "x", {}, {"sub": 7}, {"sub": ""}, {"sub": "a b"}, {"act": {}}, [], {"sub": "é"}]),
        "aud": rng.choice([None, 7, "x", ["x"], {}, [7]]),
        "iss": rng.choice([None, 7, "", {}, []]),
        "iat": rng.choice([None, "x", -1, 2**60]),
    }
    claim = rng.choice(list(wrong))
    match rng.randrange(4):
        case 0:
            # A claim of the wrong type in a correctly signed token. jwt.encode refuses some of them.
            claims = {"exp": int(care.expiry.timestamp())} | fine | {claim: wrong[claim]}
            token = jwt.api_jws.encode(json.dumps(claims).encode(), care.token_key)
            return _invalid(f"a token with {claim}={wrong[claim]!r:.60}", token)
        case 1:
            return _invalid("a token signed by another key", jwt.encode(fine, "k" * 32, algorithm="HS256"))
        case 2:
            return _invalid("an expired token", care.token(**fine, exp=1))
        case _:
            header, _, rest = care.token(**fine).partition(".")
            other = rng.choice(_HEADERS)
            forged = urlsafe_b64encode(other.encode()).rstrip(b"=").decode()
            token = rng.choice(
                [f"{forged}.{rest}", f"{forged}.{forged}.", f"{header}.{forged}.x", header, f"{header}.{rest}."]
            )
            return _invalid(f"a token of the parts {other[:30]!r}", token)


_HEADERS: Final = (
    '{"alg":"none"}',
    '{"alg":"HS512"}',
    '{"alg":7}',
    '{"alg":["HS256"]}',
    '{"alg":"HS256","kid":7}',
    '{"alg":"HS256","kid":"../../etc/passwd"}',
    '{"alg":"HS256","crit":["x"]}',
    '{"alg":"HS256","b64":false,"crit":["b64"]}',
    '{"alg":"RS256","kid":"x"}',
    "[]",
    "7",
    "null",
    '"x"',
    "{",
    "\0",
    "[" * 3_000,
    '{"a":' * 900,
    '{"alg":' + "9" * 4_500 + "}",
    "\ufeff{}",
)


def odd_metadata(rng: Random, caller: Caller) -> Caller:
    """Returns the same caller with unusual metadata. The token may become invalid."""
    own = list(caller.metadata)
    more: Metadata = rng.choice(
        [
            [("traceparent", rng.choice(_TRACES))],
            [("traceparent", _TRACES[0]), ("traceparent", _TRACES[1]), ("tracestate", "a=" + "b" * 600)],
            [("tracestate", "=,=,;;"), ("baggage", "a=%%%," * 100)],
            [("x-request-id", " one level=error  ")],
            [("x-bin", rng.randbytes(300)), ("trace-bin", b"")],
            [("grpc-trace-bin", rng.randbytes(29))],
            [(f"x-header-{number}", "v" * 40) for number in range(60)],
            [("x-large", "v" * 5_000)],
            [("x-forwarded-for", "unknown, ::1"), ("accept-language", "*;q=x"), ("user-agent-x", "\x7e" * 100)],
        ]
    )
    strange: list[tuple[str, str | bytes]] = [("authorization", rng.choice(_AUTHORIZATIONS))]
    match rng.randrange(4):
        case 0 | 1:
            return replace(caller, label=f"{caller.label} with {more[0][0]}", metadata=[*own, *more])
        case 2:
            metadata = rng.choice([own + own, own + strange, strange + own])
            return Caller(f"{caller.label} with several authorizations", metadata, valid=False)
        case _:
            return Caller(f"authorization {strange[0][1]!r:.40}", strange, valid=False)


_TRACES: Final = (
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-0000000000000000-00",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-xyz",
    "",
    "0" * 2_000,
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01-more",
)
_AUTHORIZATIONS: Final = (
    "",
    "Bearer",
    "Bearer ",
    "Bearer  x",
    "bearer a.b.c",
    "Bearer ..",
    "Bearer " + "a" * 5_000,
    "Bearer " + "." * 500,
    "Basic YTpi",
    "Digest x",
    "Bearer a.b.c Bearer d.e.f",
    "Bearer " + urlsafe_b64encode(b"[" * 3_000).decode() + ".e30.e30",
)
