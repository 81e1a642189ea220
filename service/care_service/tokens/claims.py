"""Reads the caller from a token's claims (RFC 7519, section 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from care_rules.callers import Caller, Role
from care_rules.completeness import check_complete
from care_rules.entities.activity import ActorKind
from care_rules.names import AGENT_ID, ORGANIZATION_ID
from care_rules.refusals import Reason, Refusal

Claims = Mapping[str, object]

_SUBJECT: Final = re.compile(AGENT_ID)
_ORGANIZATION: Final = re.compile(ORGANIZATION_ID)
_MAX_NAME: Final = 200
_LATEST: Final = 2**53
"""The limit of times, in seconds since 1970. Below it, JSON integers are exact. The comparison also rejects NaN."""
_KINDS: Final = check_complete(
    Role,
    {
        Role.AGENT: ActorKind.AGENT,
        Role.SUPERVISOR: ActorKind.AGENT,
        Role.SERVICE: ActorKind.SERVICE,
        Role.WORKER: ActorKind.WORKFLOW,
    },
)
"""The kind of caller for each role. If a token has several roles, the first of them in this order decides."""


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """The names of the claims, which differ between issuers."""

    sub: str = "sub"
    """The id of the agent, service or worker."""
    org: str = "org"
    """The id of the organization."""
    roles: str = "roles"
    """A list of `agent`, `supervisor`, `service` and `worker`. Other entries are ignored."""
    name: str = "name"
    """The bearer's display name."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a text like `org=https://example.com/org,roles=groups`. Raises ValueError if it has another form."""
        known = [field.name for field in fields(cls)]
        claims: dict[str, str] = {}
        for part in text.split(","):
            name, separator, claim = (side.strip() for side in part.partition("="))
            if not separator or not claim or name not in known or name in claims:
                example = "org=https://example.com/org,roles=groups"
                raise ValueError(f"must be pairs like {example}, at most one for each of {', '.join(known)}")
            claims[name] = claim
        return cls(**claims)


def read_caller(claims: Claims, names: ClaimNames) -> Caller:
    """Returns the caller that a token identifies. Refuses with TOKEN_INVALID if a claim is missing or invalid."""
    subject, organization, name = claims.get(names.sub), claims.get(names.org), claims.get(names.name, "")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise token_invalid(f"The token's {names.sub} must match {AGENT_ID}.", names.sub)
    entries = claims.get(names.roles, [])
    if not isinstance(entries, list):
        raise token_invalid(f"The token's {names.roles} must be a list.", names.roles)
    known = {role.value for role in Role}
    roles = frozenset(Role(role) for role in entries if isinstance(role, str) and role in known)
    if Role.SUPERVISOR in roles:
        roles |= {Role.AGENT}
    kind = next((kind for role, kind in _KINDS.items() if role in roles), ActorKind.SERVICE)
    acting_service = _acting_service(claims)
    if organization is None and kind is not ActorKind.AGENT and roles:
        return Caller(kind, subject, None, roles, "", acting_service)
    if not isinstance(organization, str) or not _ORGANIZATION.fullmatch(organization):
        message = f"The token needs an organization in {names.org}. Only services and workers may omit it."
        raise token_invalid(message, names.org)
    # Removes lone surrogates, which are invalid in UTF-8, and NUL, which PostgreSQL can't store.
    display_name = name[:_MAX_NAME].replace("\0", "").encode(errors="ignore").decode() if isinstance(name, str) else ""
    return Caller(kind, subject, organization, roles, display_name or subject, acting_service)


def read_time(claims: Claims, claim: str, default: float | None) -> float:
    """Returns the time in a claim, in seconds since 1970. Refuses with TOKEN_INVALID if the claim is not a time."""
    value = claims.get(claim, default)
    if isinstance(value, int | float) and 0 <= value < _LATEST:
        return float(value)
    raise token_invalid(f"The token's {claim} must be a time, in seconds since 1970.", claim)


def token_invalid(message: str, claim: str = "") -> Refusal:
    """Returns the refusal TOKEN_INVALID. If it is about a claim, its metadata names the claim."""
    return Refusal(Reason.TOKEN_INVALID, message, {"claim": claim} if claim else {})


def _acting_service(claims: Claims) -> str:
    """Returns the service that calls on the bearer's behalf, from `act` (RFC 8693, section 4.1).

    The outermost `act` is the current service. Nested ones are earlier services, and are ignored.
    """
    if "act" not in claims:
        return ""
    act = claims["act"]
    subject = act.get("sub") if isinstance(act, dict) else None
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise token_invalid(f'The token\'s act must be an object like {{"sub": "crm"}}; sub matches {AGENT_ID}.', "act")
    return subject
