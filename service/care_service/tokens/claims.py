"""What a token's claims say about its bearer (RFC 7519, section 4)."""

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
"""Beyond all calendars, and within what JSON numbers hold exactly; NaN is not below it."""
_KINDS: Final = check_complete(
    Role,
    {
        Role.AGENT: ActorKind.AGENT,
        Role.SUPERVISOR: ActorKind.AGENT,
        Role.SERVICE: ActorKind.SERVICE,
        Role.WORKER: ActorKind.WORKFLOW,
    },
)
"""Who the bearer of a role is; of several roles, the first one here decides."""


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claim says what; issuers differ in that."""

    sub: str = "sub"
    """The id of the agent, service or worker."""
    org: str = "org"
    """The id of the organization."""
    roles: str = "roles"
    """A list of `agent`, `supervisor`, `service` and `worker`; other entries mean nothing here."""
    name: str = "name"
    """How to call the bearer."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `org=https://example.com/org,roles=groups`; raises ValueError."""
        known = [field.name for field in fields(cls)]
        named: dict[str, str] = {}
        for part in text.split(","):
            ours, separator, theirs = (side.strip() for side in part.partition("="))
            if not separator or not theirs or ours not in known or ours in named:
                wanted = "must be pairs like org=https://example.com/org,roles=groups, each once, of"
                raise ValueError(f"{wanted} {', '.join(known)}")
            named[ours] = theirs
        return cls(**named)


def read_caller(claims: Claims, names: ClaimNames) -> Caller:
    """Returns who the token speaks for; refuses with TOKEN_INVALID."""
    subject, organization, name = claims.get(names.sub), claims.get(names.org), claims.get(names.name, "")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise token_invalid(f"The token's {names.sub} must match {AGENT_ID}.", names.sub)
    named = claims.get(names.roles, [])
    if not isinstance(named, list):
        raise token_invalid(f"The token's {names.roles} must be a list.", names.roles)
    known = {role.value for role in Role}
    roles = frozenset(Role(role) for role in named if isinstance(role, str) and role in known)
    if Role.SUPERVISOR in roles:
        roles |= {Role.AGENT}
    kind = next((kind for role, kind in _KINDS.items() if role in roles), ActorKind.SERVICE)
    acting_service = _acting_service(claims)
    if organization is None and kind is not ActorKind.AGENT and roles:
        return Caller(kind, subject, None, roles, "", acting_service)
    if not isinstance(organization, str) or not _ORGANIZATION.fullmatch(organization):
        words = f"The token needs an organization in {names.org}: only services and workers may do without."
        raise token_invalid(words, names.org)
    # Half a surrogate pair is no Unicode, and PostgreSQL stores no NUL.
    display_name = name[:_MAX_NAME].replace("\0", "").encode(errors="ignore").decode() if isinstance(name, str) else ""
    return Caller(kind, subject, organization, roles, display_name or subject, acting_service)


def read_time(claims: Claims, claim: str, default: float | None) -> float:
    """Returns a claim that is a time, in seconds since 1970; refuses with TOKEN_INVALID."""
    value = claims.get(claim, default)
    if isinstance(value, int | float) and 0 <= value < _LATEST:
        return float(value)
    raise token_invalid(f"The token's {claim} must be a time, in seconds since 1970.", claim)


def token_invalid(message: str, claim: str = "") -> Refusal:
    """Makes the refusal TOKEN_INVALID, which names the claim where it is about one."""
    return Refusal(Reason.TOKEN_INVALID, message, {"claim": claim} if claim else {})


def _acting_service(claims: Claims) -> str:
    """Returns who calls on the bearer's behalf, from `act` (RFC 8693, section 4.1).

    The outermost is the one that calls now; those within it are history, and decide nothing.
    """
    if "act" not in claims:
        return ""
    act = claims["act"]
    subject = act.get("sub") if isinstance(act, dict) else None
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise token_invalid(f'The token\'s act must be an object like {{"sub": "crm"}}; sub matches {AGENT_ID}.', "act")
    return subject
