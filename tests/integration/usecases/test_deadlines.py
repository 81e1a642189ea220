"""The deadlines of a ticket: the plan for its workflow, and what is written when one is reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from care_rules.entities.ticket import CloseReason
from care_rules.lifecycle import TicketStatus
from care_rules.names import TicketName
from care_rules.refusals import Reason
from care_rules.settings import Settings
from care_rules.timing import DeadlineKind
from care_service.usecases import deadlines
from tests.integration.usecases.office import WORKER, Office, assert_refused


async def test_the_workflow_is_told_the_next_deadline_once(office: Office) -> None:
    name = await office.ticket(with_review=False)
    await office.set(Settings(inactivity_days=10), "inactivity_days")
    snapshot = await deadlines.get_next_deadline(office.store, name, WORKER)
    timing = snapshot.ticket.timing
    assert (timing.next_kind, timing.next_time) == (DeadlineKind.INACTIVITY_WARNING, office.now + timedelta(days=7))
    assert timing.watch_time == timing.next_time
    stored = (await office.load(name)).ticket
    assert stored == snapshot.ticket
    await deadlines.get_next_deadline(office.store, name, WORKER)
    assert (await office.load(name)).ticket == stored


async def test_a_known_deadline_does_not_wake_the_workflow(office: Office) -> None:
    name = await office.ticket(with_review=False)
    await deadlines.get_next_deadline(office.store, name, WORKER)
    before = await office.wakes("TicketWorkflow")
    office.later(days=1)
    await office.note(name)
    assert await office.wakes("TicketWorkflow") == before


async def test_a_deadline_that_is_not_reached_is_not_fired(office: Office) -> None:
    name = await office.ticket(with_review=False)
    office.later(days=27, seconds=-1)
    snapshot = await deadlines.fire_deadline(office.store, name, WORKER, office.now)
    assert snapshot.ticket.timing.warn_time is None
    assert await office.log(name) == ["TAKEN", "CREATED"]


async def test_an_inactive_ticket_is_warned_of_and_closed(office: Office) -> None:
    name = await office.ticket(with_review=False)
    before = await office.wakes("TicketWorkflow")
    office.later(days=27)
    timing = (await deadlines.fire_deadline(office.store, name, WORKER, office.now)).ticket.timing
    close = office.now + timedelta(days=3)
    assert (timing.next_kind, timing.next_time, timing.watch_time) == (DeadlineKind.INACTIVITY_CLOSE, close, close)
    # The workflow knows the deadline from the response, so it is not woken.
    assert await office.wakes("TicketWorkflow") == before
    office.later(days=3)
    ticket = (await deadlines.fire_deadline(office.store, name, WORKER, office.now)).ticket
    assert (ticket.status, ticket.close_reason) == (TicketStatus.CLOSED, CloseReason.INACTIVITY)
    assert ticket.timing.next_kind is None
    assert await office.log(name) == ["AUTO_CLOSED", "INACTIVITY_WARNED", "TAKEN", "CREATED"]


async def test_an_unknown_ticket_and_another_organizations_are_not_found(office: Office) -> None:
    name = await office.ticket(with_review=False)
    unknown = TicketName(office.id, 99)
    await assert_refused(deadlines.get_next_deadline(office.store, unknown, WORKER), Reason.RESOURCE_NOT_FOUND)
    other = replace(WORKER, organization="another")
    await assert_refused(deadlines.fire_deadline(office.store, name, other, office.now), Reason.RESOURCE_NOT_FOUND)
