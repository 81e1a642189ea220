"""SQL statements about tickets agree with the rules, over every combination of states."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest

from care_client import workflow_names
from care_rules.deadlines import next_reminder
from care_rules.entities.activity import FieldChange
from care_rules.entities.agent import Agent
from care_rules.entities.ticket import CloseReason, Priority, Ticket
from care_rules.lifecycle import LIVE, STATUS, UNRESOLVED, RecoveryState, TicketStatus
from care_rules.queries import STAGES, stages_of_status
from care_rules.settings import AutoAssign, Settings, SettingsRevision
from care_service.storage.database import Database
from care_service.storage.directory import PostgresDirectory
from care_service.storage.expected_workflows import ExpectedWorkflows
from care_service.storage.outbox import Outbox
from care_service.storage.rows import AGENT, ORGANIZATION, TICKET
from care_service.storage.tickets import PostgresTickets
from tests.integration.service.stored import (
    ALL,
    NOW,
    SOON,
    Examples,
    fetch,
    store,
)


def every_ticket(sample: Examples) -> list[Ticket]:
    """Makes one ticket for each combination of status, close reason and contact state that the rules allow."""
    found: list[Ticket] = []
    for status, reason, state in product(TicketStatus, [None, *CloseReason], RecoveryState):
        is_closed = status is TicketStatus.CLOSED
        if is_closed is (reason is None) or (state in LIVE and is_closed):
            continue
        if state not in LIVE and state is not RecoveryState.NO_CONTACT:
            continue
        found.append(
            replace(
                sample.ticket,
                number=len(found) + 1,
                review_id=None,
                status=status,
                close_reason=reason,
                contact_state=state,
                recovery_id=uuid4() if state in LIVE else None,
            )
        )
    return found


async def test_open_tickets_are_those_whose_status_is_not_final(database: Database, sample: Examples) -> None:
    tickets = every_ticket(sample)
    await store(database, TICKET, tickets)
    page = await ExpectedWorkflows(database).page(workflow_names.TICKET_WORKFLOW, None, ALL)
    expected = [each.number for each in tickets if not STATUS.is_final(each.status)]
    assert [each.ticket_number for each in page] == expected


async def test_changed_settings_wake_the_tickets_and_forms_whose_deadlines_they_move(
    database: Database, sample: Examples
) -> None:
    tickets = every_ticket(sample)
    await store(database, ORGANIZATION, [sample.organization])
    await store(database, TICKET, tickets)
    changes = tuple(FieldChange(field, "", "") for field in ("inactivity_days", "form_reminders"))
    revision = SettingsRevision("acme", "", 1, "alice", changes, NOW)
    organization = replace(sample.organization, settings_revision=1)
    await PostgresDirectory(database).put_organization(organization, set(), None, revision)
    wakes = await Outbox(database).claim(ALL, timedelta(minutes=1))
    woken = {wake.ticket_number for wake in wakes if wake.workflow == workflow_names.TICKET_WORKFLOW}
    assert woken == {each.number for each in tickets if not STATUS.is_final(each.status)}
    forms = {wake.resource_id for wake in wakes if wake.workflow == workflow_names.CONTACT_RECOVERY}
    assert forms == {
        each.recovery_id
        for each in tickets
        if next_reminder(each, replace(sample.form, state=each.contact_state, post_time=NOW), Settings()) is not None
    }


async def test_a_claimed_row_of_a_ticket_carries_its_next_deadline(database: Database, sample: Examples) -> None:
    with_deadline = replace(sample.ticket, timing=replace(sample.ticket.timing, next_time=SOON))
    without = replace(sample.ticket, number=2, review_id=None, timing=replace(sample.ticket.timing, next_time=None))
    await store(database, TICKET, [with_deadline, without])
    await ExpectedWorkflows(database).wake(
        await ExpectedWorkflows(database).page(workflow_names.TICKET_WORKFLOW, None, ALL)
    )
    wakes = await Outbox(database).claim(ALL, timedelta(minutes=1))
    assert {wake.ticket_number: wake.next_time for wake in wakes} == {1: SOON, 2: None}


@pytest.mark.parametrize("status", TicketStatus)
async def test_the_least_loaded_agent_has_the_fewest_unresolved_tickets(
    database: Database, sample: Examples, status: TicketStatus
) -> None:
    agents = [Agent("acme", name, name, True, True, (), NOW, NOW) for name in ("alice", "bob")]
    await store(database, AGENT, agents)
    reason = CloseReason.MANUAL if status is TicketStatus.CLOSED else None
    await store(database, TICKET, [replace(sample.ticket, status=status, close_reason=reason, assignee="alice")])
    chosen = await PostgresTickets(database).next_assignee("acme", "main", AutoAssign.LEAST_LOADED)
    assert chosen == ("bob" if status in UNRESOLVED else "alice")


async def test_the_stage_follows_from_status_and_close_reason(database: Database, sample: Examples) -> None:
    await store(database, TICKET, every_ticket(sample))
    rows = await fetch(database, "SELECT status, close_reason, stage FROM tickets")
    assert {(row["status"], row["close_reason"], row["stage"]) for row in rows} == {
        (status, None, status) for status in TicketStatus if status is not TicketStatus.CLOSED
    } | {(TicketStatus.CLOSED, reason, reason) for reason in CloseReason}
    assert {row["stage"] for row in rows} == set(STAGES)
    assert all(row["stage"] in stages_of_status(TicketStatus(row["status"])) for row in rows)


async def test_priorities_are_ranked_in_the_order_of_the_enum(database: Database, sample: Examples) -> None:
    tickets = [
        replace(sample.ticket, number=number, review_id=None, priority=each) for number, each in enumerate(Priority, 1)
    ]
    await store(database, TICKET, tickets)
    rows = await fetch(database, "SELECT priority FROM tickets WHERE priority_rank > 0 ORDER BY priority_rank")
    assert [row["priority"] for row in rows] == list(Priority)
