"""Optimistic concurrency: if another call committed first, load, decide and commit again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal
from care_service.usecases.ports.ticket_store import StaleError, TicketStore

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_MAX_ATTEMPTS: Final = 4
"""How many attempts a call makes before it locks the ticket's row."""


class Attempt(Protocol[T_co]):
    """Loads from the store, decides and commits. Raises StaleError if another call committed first."""

    def __call__(self, store: TicketStore, /) -> Awaitable[T_co]:
        """Makes the attempt."""
        ...


async def retry_until_committed(
    store: TicketStore, attempt: Attempt[T], ticket: TicketName | Callable[[], Awaitable[TicketName | None]] | None
) -> T:
    """Repeats `attempt` until it commits. The last attempt locks `ticket`. Refuses with CONTENDED if it fails, too.

    `ticket` is a function if attempts can write to different tickets, such as to a new follow-up. The function finds
    the current one. None means that there is no ticket to lock.
    """
    for _ in range(_MAX_ATTEMPTS):
        try:
            return await attempt(store)
        except StaleError:
            continue
    if callable(ticket):
        ticket = await ticket()
    if ticket is not None:
        try:
            async with store.exclusive(ticket) as locked:
                return await attempt(locked)
        except StaleError:
            pass
    metadata = {"ticket": str(ticket)} if ticket else {}
    raise Refusal(Reason.CONTENDED, "Other calls keep changing the same ticket. Retry the call.", metadata)
