"""Bearer tokens: JSON Web Tokens (RFC 7519) in the `authorization` metadata (RFC 6750, section 2.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final

import jwt

from care_service.domain.callers import Caller, Role
from care_service.domain.entities import ActorKind
from care_service.domain.names import AGENT_ID, ORGANIZATION_ID
from care_service.domain.refusals import Reason, Refusal

_ALGORITHM: Final = "HS256"
_SUBJECT: Final = re.compile(AGENT_ID)
_ORGANIZATION: Final = re.compile(ORGANIZATION_ID)
_MAX_NAME: Final = 200
_LATEST: Final = 2**53
"""Beyond all calendars, and within what JSON numbers hold exactly; NaN is not below it."""
_KNOWN: Final = 4_096
"""How many tokens are remembered."""
_KINDS: Final = ((Role.AGENT, ActorKind.AGENT), (Role.SERVICE, ActorKind.SERVICE), (Role.WORKER, ActorKind.WORKFLOW))


class Authenticator:
    """Turns call metadata into a caller. Claims: `sub`, `org`, `roles` (a list), `name`, `exp`."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # A caller sends the same token with every call; the signature's check is what costs.
        self._known = lru_cache(maxsize=_KNOWN)(self._verify)

    def caller(self, metadata: Iterable[tuple[str, str | bytes]], now: datetime) -> Caller:
        """Returns who calls; refuses with TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED."""
        values = [value for key, value in metadata if key == "authorization"]
        if not values:
            raise Refusal(Reason.TOKEN_MISSING, "Send a bearer token: authorization: Bearer <token>.")
        value = values[0] if isinstance(values[0], str) else ""
        scheme, _, token = value.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _invalid("The authorization metadata is not of the form: Bearer <token>.")
        caller, begin, expiry = self._known(token.strip())
        if begin > now.timestamp():
            raise _invalid("The bearer token is not valid yet.", "nbf")
        if expiry <= now.timestamp():
            raise Refusal(Reason.TOKEN_EXPIRED, "The bearer token's time is over: get a new one.")
        return caller

    def _verify(self, token: str) -> tuple[Caller, float, float]:
        """Returns who the token speaks for, and its `nbf` and `exp` as Unix times (RFC 7519, section 4.1)."""
        try:
            # Times are checked below, against the clock that everything else goes by.
            claims: dict[str, object] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError as error:
            raise _invalid("The bearer token is malformed or signed by another key.") from error
        return _caller(claims), _time(claims, "nbf", 0), _time(claims, "exp", None)


def _time(claims: dict[str, object], claim: str, default: float | None) -> float:
    value = claims.get(claim, default)
    if isinstance(value, int | float) and 0 <= value < _LATEST:
        return float(value)
    raise _invalid(f"The token's {claim} must be a time, in seconds since 1970.", claim)


def _caller(claims: dict[str, object]) -> Caller:
    subject, organization, name = claims.get("sub"), claims.get("org"), claims.get("name", "")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise _invalid(f"The token's subject must match {AGENT_ID}.", "sub")
    named = claims.get("roles", [])
    if not isinstance(named, list):
        raise _invalid("The token's roles must be a list.", "roles")
    known = {role.value for role in Role}
    roles = frozenset(Role(role) for role in named if isinstance(role, str) and role in known)
    if Role.SUPERVISOR in roles:
        roles |= {Role.AGENT}
    kind = next((kind for role, kind in _KINDS if role in roles), ActorKind.SERVICE)
    if organization is None and kind is not ActorKind.AGENT and roles:
        return Caller(kind, subject, None, roles, "")
    if not isinstance(organization, str) or not _ORGANIZATION.fullmatch(organization):
        raise _invalid("The token needs an organization: only services and workers may do without.", "org")
    # Half a surrogate pair is no Unicode, and PostgreSQL stores no NUL.
    display_name = name[:_MAX_NAME].replace("\0", "").encode(errors="ignore").decode() if isinstance(name, str) else ""
    return Caller(kind, subject, organization, roles, display_name or subject)


def _invalid(message: str, claim: str = "") -> Refusal:
    return Refusal(Reason.TOKEN_INVALID, message, {"claim": claim} if claim else {})
