"""Maps review sites and channels to the adapters that serve them."""

from collections.abc import Mapping

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, RefusalReason, ReplyRefused
from care_workflows.channels.messenger import Messenger
from care_workflows.channels.review_site import ReviewSite


class ReviewSites:
    """A worker's review sites, by the name in ``Review.site``."""

    def __init__(self, sites: Mapping[str, ReviewSite]) -> None:
        """Copies ``sites``: later changes to the mapping have no effect."""
        self._sites = dict(sites)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in alphabetical order."""
        return tuple(sorted(self._sites))

    def get(self, site: str) -> ReviewSite:
        """Returns the adapter of ``site``; raises ``ReplyRefused`` with NOT_PERMITTED if ``site`` has none.

        This is a refusal and not an outage, because no retry adds an adapter. A refusal ends the recovery, so the agent
        sees the problem and can act. Retries would look like a slow site for weeks.
        """
        try:
            return self._sites[site]
        except KeyError:
            message = (
                f"This worker has no adapter for the review site {site!r}; it has: {', '.join(self.names) or 'none'}."
            )
        raise ReplyRefused(RefusalReason.NOT_PERMITTED, message)


class Messengers:
    """A worker's messengers, by the contract's ``Channel`` without its prefix: EMAIL, SMS."""

    def __init__(self, messengers: Mapping[str, Messenger]) -> None:
        """Copies ``messengers``: later changes to the mapping have no effect."""
        self._messengers = dict(messengers)

    @property
    def names(self) -> tuple[str, ...]:
        """The channels in alphabetical order."""
        return tuple(sorted(self._messengers))

    def get(self, channel: str) -> Messenger:
        """Returns the adapter of ``channel``; raises ``MessageRefused`` with NO_CHANNEL if ``channel`` has none.

        This is a refusal and not an outage, for the reason that ``ReviewSites.get`` gives.
        """
        try:
            return self._messengers[channel]
        except KeyError:
            message = f"This worker has no adapter for {channel}; it has: {', '.join(self.names) or 'none'}."
        raise MessageRefused(DeliveryFailure.NO_CHANNEL, message)
