"""Where the streams read the change feed."""

from __future__ import annotations

from typing import Protocol

from care_service.usecases.feed import ChangedTickets, FeedFilter, FeedPage, FeedPosition


class Feed(Protocol):
    """The activity log of all tickets. Nothing is added before a position that was returned."""

    async def end(self) -> FeedPosition:
        """Returns the present end of the feed: everything committed from now on comes after it."""
        ...

    async def changed_tickets(self, after: FeedPosition, limit: int) -> ChangedTickets:
        """Returns the tickets that changed after a position; reads at most `limit` activities."""
        ...

    async def changes(self, wanted: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int) -> FeedPage:
        """Returns the next changes in order, at most `limit`. Those of one ticket come in the order of their numbers.

        `through` is a position that `end` or `changed_tickets` returned: what comes later may not be complete yet.
        """
        ...
