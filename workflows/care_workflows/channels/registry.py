"""Which adapter serves which review site, and which channel to customers."""

from collections.abc import Mapping

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, RefusalReason, ReplyRefused
from care_workflows.channels.messenger import Messenger
from care_workflows.channels.review_site import ReviewSite


class ReviewSites:
    """The review sites that a worker can post to, by the name that a review carries in ``site``."""

    def __init__(self, sites: Mapping[str, ReviewSite]) -> None:
        """Register ``sites``; later changes to the mapping have no effect."""
        self._sites = dict(sites)

    @property
    def names(self) -> tuple[str, ...]:
        """The registered names in alphabetical order."""
        return tuple(sorted(self._sites))

    def get(self, site: str) -> ReviewSite:
        """Return the adapter of ``site``.

        Raises ``ReplyRefused`` with NOT_PERMITTED for a site that has none. A refusal and not an outage: no retry
        brings an adapter, and a refusal ends the recovery where the agent sees it and can act, whereas waiting would
        look like a slow site for weeks.
        """
        try:
            return self._sites[site]
        except KeyError:
            message = (
                f"This worker has no adapter for the review site {site!r}; it has: {', '.join(self.names) or 'none'}."
            )
        raise ReplyRefused(RefusalReason.NOT_PERMITTED, message)


class Messengers:
    """The ways to customers that a worker has, by the bare word of the contract's ``Channel``: EMAIL, SMS."""

    def __init__(self, messengers: Mapping[str, Messenger]) -> None:
        """Register ``messengers``; later changes to the mapping have no effect."""
        self._messengers = dict(messengers)

    @property
    def names(self) -> tuple[str, ...]:
        """The registered channels in alphabetical order."""
        return tuple(sorted(self._messengers))

    def get(self, channel: str) -> Messenger:
        """Return the adapter of ``channel``; raises ``MessageRefused`` with NO_CHANNEL for one that has none.

        A refusal for the same reason as with ``ReviewSites``.
        """
        try:
            return self._messengers[channel]
        except KeyError:
            message = f"This worker has no adapter for {channel}; it has: {', '.join(self.names) or 'none'}."
        raise MessageRefused(DeliveryFailure.NO_CHANNEL, message)
