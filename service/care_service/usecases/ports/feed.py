"""The port for reads of the change feed."""

from __future__ import annotations

from typing import Protocol

from care_service.usecases.feed import ChangedTickets, FeedFilter, FeedPage, FeedPosition


class Feed(Protocol):
    """The activity log of all tickets. No activity is ever added before a position that a method has returned."""

    async def end(self) -> FeedPosition:
        """Returns the current end of the feed. Every activity that is committed later comes after this position."""
        ...

    async def changed_tickets(self, after: FeedPosition, limit: int) -> ChangedTickets:
        """Returns the tickets that changed after a position. Reads at most `limit` activities."""
        ...

    async def changes(
        self, feed_filter: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int
    ) -> FeedPage:
        """Returns the next changes in order, at most `limit`. A ticket's activities come in the order of their numbers.

        `through` is a position that `end` or `changed_tickets` returned. Changes after it may not be complete yet.
        """
        ...
