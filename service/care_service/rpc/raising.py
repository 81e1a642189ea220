"""What every way to raise a ticket has in common: the assignee that its location's settings give it."""

from __future__ import annotations

from collections.abc import Callable

from care_rules.create import assigned
from care_rules.decision import Decision
from care_rules.settings import AutoAssign, Settings
from care_rules.snapshot import TicketSnapshot
from care_service.usecases.ports import TicketStore


async def auto_assigned(store: TicketStore, settings: Settings, decision: Decision) -> Decision:
    """Returns the decision on a new ticket, assigned to whose turn it is where the settings say so and nobody has it.

    Call it once a number is taken: a turn that is not used is lost.
    """
    ticket = decision.ticket
    if ticket.assignee is not None or settings.auto_assign is AutoAssign.OFF:
        return decision
    agent = await store.next_assignee(ticket.organization, ticket.location, settings.auto_assign)
    return assigned(decision, agent) if agent else decision


async def follow_up(store: TicketStore, last: TicketSnapshot, decide: Callable[[int], Decision | None]) -> Decision:
    """Returns what `decide` says for a number that is taken now, where it raises a ticket that follows `last`."""
    decision = decide(await store.next_number(last.ticket.organization))
    if decision is None:
        raise AssertionError("the number decides nothing but the new ticket's name")
    return await auto_assigned(store, last.settings, decision)
