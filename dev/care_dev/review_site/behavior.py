"""How the site behaves towards those who post replies: it can be told to refuse, to be slow or to be down."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from care_dev.data.faults import field_fault

MAX_DELAY_SECONDS: Final = 600.0


class Mode(StrEnum):
    """What happens to requests for a review and its reply."""

    ACCEPT = "accept"
    """All is well."""
    REFUSE_TOO_LONG = "refuse_too_long"
    """Every reply is refused as too long."""
    REFUSE_LINKS = "refuse_links"
    """A reply that contains a link is refused; one without is taken."""
    DOWN = "down"
    """Every request, reading included, is answered with 503."""
    SLOW = "slow"
    """A write takes effect and is answered after the delay, even if the client has given up by then."""
    INHERIT = "inherit"
    """Forget what was set for this scope: the next wider one decides. For all reviews it means accept."""


@dataclass(frozen=True)
class Behavior:
    """A mode and, for SLOW, its delay in seconds."""

    mode: Mode = Mode.ACCEPT
    delay_seconds: float = 0.0


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class BehaviorChange:
    """A request to behave so from now on: for one review, for an organization's reviews, or for all."""

    mode: Mode
    delay_seconds: Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS)] = 5.0
    """Seconds; of use to SLOW alone."""
    organization: str = ""
    """Empty for all organizations."""
    external_id: str = ""
    """Empty for all reviews."""

    @model_validator(mode="after")
    def _check_scope(self) -> "BehaviorChange":
        if self.external_id and not self.organization:
            raise field_fault("organization", "must be given with external_id")
        return self

    @property
    def behavior(self) -> Behavior | None:
        """What to keep for the scope; None to forget what was kept."""
        if self.mode is Mode.INHERIT:
            return None
        return Behavior(self.mode, self.delay_seconds if self.mode is Mode.SLOW else 0.0)
