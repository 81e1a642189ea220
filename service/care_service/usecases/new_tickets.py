"""Gives a new ticket its number, and the assignee that the settings of its location select."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from care_rules.create import assign_new_ticket
from care_rules.decision import Decision
from care_rules.scheduling import ScheduledDecision
from care_rules.settings import AutoAssign, Settings
from care_service.usecases.ports.idempotency import IdempotencyRecord
from care_service.usecases.ports.ticket_store import TicketStore

DecisionT = TypeVar("DecisionT", Decision, Decision | None)
_NO_NUMBER: Final = 0


async def decide_with_number(store: TicketStore, settings: Settings, decide: Callable[[int], DecisionT]) -> DecisionT:
    """Calls `decide` with the number of a new ticket, and adds an assignee if the settings select one.

    `settings` are those of the new ticket's location. A decision without a new ticket is returned unchanged.
    """
    # Decides before it takes a number, so that a refusal leaves no gap. Then decides again, with the number.
    decision = decide(_NO_NUMBER)
    if decision is None:
        return None
    if not decision.is_new_ticket:
        return decision
    decision = decide(await store.next_number(decision.ticket.organization))
    if decision is None:
        raise AssertionError("the second decision is empty; it must differ only in the new ticket's number")
    ticket = decision.ticket
    if ticket.assignee is not None or settings.auto_assign is AutoAssign.OFF:
        return decision
    # This call comes last, because ROUND_ROBIN ends the agent's turn even if the ticket is not committed.
    agent = await store.next_assignee(ticket.organization, ticket.location, settings.auto_assign)
    return assign_new_ticket(decision, agent) if agent else decision


async def commit(store: TicketStore, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
    """Commits a decision on a new or an existing ticket. Raises StaleError if another call committed first."""
    if scheduled.decision.is_new_ticket:
        await store.commit_new(scheduled, record)
    else:
        await store.commit(scheduled, record)
