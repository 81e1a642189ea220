"""Which adapter serves which review site."""

from collections.abc import Mapping

from care_workflows.channels.errors import RefusalReason, ReplyRefused
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
