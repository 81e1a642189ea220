"""How the site handles requests for replies: it accepts them, refuses them, is slow or is down."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from care_dev.data.validation import field_error

MAX_DELAY_SECONDS: Final = 600.0


class Mode(StrEnum):
    """What happens to requests for a review and its reply."""

    ACCEPT = "accept"
    """Every valid request succeeds."""
    REFUSE_TOO_LONG = "refuse_too_long"
    """Every reply is refused as too long."""
    REFUSE_LINKS = "refuse_links"
    """A reply that contains a link is refused; others are accepted."""
    DOWN = "down"
    """Every request, even a read, fails with HTTP status 503."""
    SLOW = "slow"
    """A write takes effect after the delay, even if the client has disconnected by then."""
    INHERIT = "inherit"
    """Removes the behavior of this scope, so that the next wider scope applies. For all reviews, this means ACCEPT."""


@dataclass(frozen=True)
class Behavior:
    """A mode and, for SLOW, its delay in seconds."""

    mode: Mode = Mode.ACCEPT
    delay_seconds: float = 0.0


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class BehaviorChange:
    """A change of the behavior of one scope: one review, the reviews of an organization, or all reviews."""

    mode: Mode
    delay_seconds: Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS)] = 5.0
    """The delay in seconds, used by SLOW only."""
    organization: str = ""
    """Empty for all organizations."""
    external_id: str = ""
    """Empty for all reviews."""

    @model_validator(mode="after")
    def _check_scope(self) -> "BehaviorChange":
        if self.external_id and not self.organization:
            raise field_error("organization", "must be given with external_id")
        return self

    @property
    def behavior(self) -> Behavior | None:
        """The behavior to store for the scope, or None to remove it."""
        if self.mode is Mode.INHERIT:
            return None
        return Behavior(self.mode, self.delay_seconds if self.mode is Mode.SLOW else 0.0)
