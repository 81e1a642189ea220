"""The configuration of the fake service, and its conversion to the settings of the rules."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from care_rules.recovery_plan import SiteTiming
from care_rules.settings import Settings

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """The configuration of the fake service. The defaults are those of the real service."""

    form_lifetime: timedelta = timedelta(days=30)
    form_reminders: tuple[timedelta, ...] = (timedelta(days=3), timedelta(days=7))
    """How long after posting the assignee is reminded that a form is unanswered."""
    moderation_checks: tuple[timedelta, ...] = (
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=3),
    )
    """How long after posting the public reply is read again."""
    settle: timedelta = timedelta(minutes=1)
    """How long after the start of an attempt its write may still appear at a review site."""
    inactivity: timedelta = timedelta(days=30)
    """How long a ticket must be inactive before it is closed, in whole days; zero for never."""
    inactivity_warning: timedelta = timedelta(days=3)
    """How long before the close for inactivity the assignee is warned, in whole days; zero for no warning."""
    grace: timedelta = timedelta(days=7)
    """How long after RESOLVED a ticket is closed, in whole days; zero for never."""

    def __post_init__(self) -> None:
        """Raises ValueError if a time that must be in whole days is not."""
        for name in ("inactivity", "inactivity_warning", "grace"):
            if getattr(self, name) % _DAY:
                raise ValueError(f"{name} must be a whole number of days, as in the service's settings")

    def settings(self) -> Settings:
        """Returns the organization's settings: the values of the policy, and the service's defaults for the rest."""
        return Settings(
            form_lifetime=self.form_lifetime,
            form_reminders=self.form_reminders,
            inactivity_days=self.inactivity // _DAY,
            inactivity_warning_days=self.inactivity_warning // _DAY,
            grace_days=self.grace // _DAY,
        )

    def site_timing(self) -> SiteTiming:
        """Returns the times that apply to review sites."""
        return SiteTiming(checks=self.moderation_checks, settle=self.settle)
