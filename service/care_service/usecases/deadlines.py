"""The calls of a ticket's workflow, which gets the ticket's next deadline and fires deadlines that are reached."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from uuid_utils.compat import uuid7

from care_rules import firing
from care_rules.callers import Caller
from care_rules.names import TicketName
from care_rules.refusals import not_found
from care_rules.scheduling import ScheduledDecision, refresh_deadlines
from care_rules.snapshot import TicketSnapshot, apply
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.retrying import retry_until_committed


async def get_next_deadline(store: TicketStore, name: TicketName, caller: Caller) -> TicketSnapshot:
    """Returns a ticket with the next deadline by the current settings. Records that the workflow knows the deadline."""
    caller.check_organization(name.organization, str(name))
    return await _write(store, name, refresh_deadlines)


async def fire_deadline(store: TicketStore, name: TicketName, caller: Caller, now: datetime) -> TicketSnapshot:
    """Fires the earliest deadline that has been reached, if any. Returns the ticket with its next deadline."""
    caller.check_organization(name.organization, str(name))
    message_id = uuid7()
    return await _write(store, name, lambda snapshot: firing.fire_deadline(snapshot, message_id, caller, now))


async def _write(
    store: TicketStore, name: TicketName, decide: Callable[[TicketSnapshot], ScheduledDecision | None]
) -> TicketSnapshot:
    async def attempt(store: TicketStore) -> TicketSnapshot:
        loaded = await store.load(name, agent=None)
        if loaded is None:
            raise not_found(str(name))
        snapshot, _ = loaded
        scheduled = decide(snapshot)
        if scheduled is None:
            return snapshot
        await store.commit(scheduled, None)
        return apply(snapshot, scheduled.decision)

    return await retry_until_committed(store, attempt, name)
