"""The configured requirements for tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from care_service.tokens.claims import ClaimNames


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The requirements for every token, besides a valid signature."""

    issuer: str | None = None
    """The required value of `iss`; None allows any."""
    audience: str | None = None
    """The value that `aud` must be or contain; None allows any."""
    leeway: timedelta = timedelta(seconds=30)
    """The tolerated difference between the issuer's clock and the service's."""
    claims: ClaimNames = field(default_factory=ClaimNames)
