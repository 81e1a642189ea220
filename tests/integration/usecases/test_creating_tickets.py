"""Creating tickets: numbers, automatic assignment, the first deadlines, and repeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from care_rules import names
from care_rules.entities.activity import Activity
from care_rules.entities.ticket import Priority
from care_rules.names import Child, TicketName
from care_rules.refusals import Reason
from care_rules.settings import AutoAssign, Settings
from care_rules.snapshot import TicketSnapshot
from care_rules.timing import DeadlineKind
from care_service.usecases import directory, tickets
from care_service.usecases.directory import AgentChanges
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.request import Request
from tests.integration.usecases.office import Office, assert_refused, encode, fresh, refused


async def test_a_ticket_of_a_review_gets_its_subject_and_shows_the_review(office: Office) -> None:
    review = await office.ingest()
    snapshot = fresh(await office.create(office.new_ticket(review)))
    ticket = snapshot.ticket
    assert (ticket.number, ticket.subject, ticket.location, ticket.review_id) == (
        1,
        "1-star review at Local, soho",
        "soho",
        review.id,
    )
    name = TicketName(office.id, 1)
    assert await office.log(name) == ["CREATED"]
    assert await office.thread(name) == [("REVIEW", "Cold soup.")]
    assert (await office.load(name)).ticket == ticket


async def test_a_ticket_with_a_contact_starts_a_recovery(office: Office) -> None:
    snapshot = fresh(await office.create(office.new_ticket(email="robin@example.com")))
    assert snapshot.ticket.contact_state == "CONTACT_RECEIVED"
    assert snapshot.contact is not None
    assert await office.wakes("ContactRecovery") == 1


async def test_a_refusal_takes_no_number(office: Office) -> None:
    review = await office.ingest()
    await office.create(office.new_ticket(review))
    await assert_refused(office.create(office.new_ticket(review)), Reason.TICKET_EXISTS)
    await directory.update_agent(
        office.reader,
        office.directory,
        Child(office.id, "alice"),
        AgentChanges(can_be_reporter=False),
        office.request(),
    )
    await assert_refused(office.create(office.new_ticket(), office.request()), Reason.REPORTER_NOT_ALLOWED)
    await assert_refused(office.create(replace(office.new_ticket(), phone="12")), Reason.INVALID_FIELD)
    missing = replace(office.new_ticket(), review=uuid4())
    await assert_refused(office.create(missing), Reason.RESOURCE_NOT_FOUND)
    assert fresh(await office.create(office.new_ticket())).ticket.number == 2


async def test_another_organizations_ticket_is_not_created(office: Office) -> None:
    other = replace(office.agent(), organization="another")
    refusal = await refused(office.create(office.new_ticket(), office.request(other)))
    assert (refusal.reason, refusal.metadata) == (
        Reason.RESOURCE_NOT_FOUND,
        {"resource": names.organization(office.id)},
    )


async def test_a_new_ticket_has_its_first_deadline_and_wakes_its_workflow(office: Office) -> None:
    timing = fresh(await office.create(office.new_ticket())).ticket.timing
    warning = office.now + timedelta(days=30 - 3)
    assert (timing.active_time, timing.next_kind, timing.next_time) == (
        office.now,
        DeadlineKind.INACTIVITY_WARNING,
        warning,
    )
    assert timing.watch_time == warning
    assert await office.wakes("TicketWorkflow") == 1


async def test_automatic_assignment_takes_turns_and_a_refusal_takes_none(office: Office) -> None:
    await office.set(Settings(auto_assign=AutoAssign.ROUND_ROBIN), "auto_assign")
    review = await office.ingest()
    first = fresh(await office.create(office.new_ticket(review)))
    await assert_refused(office.create(office.new_ticket(review)), Reason.TICKET_EXISTS)
    second = fresh(await office.create(office.new_ticket()))
    third = fresh(await office.create(office.new_ticket()))
    assert [snapshot.ticket.assignee for snapshot in (first, second, third)] == ["alice", "bob", "alice"]
    assignee = {change.field: change.after for change in (await _created_activity(office, 1)).changes}["assignee"]
    assert assignee == names.agent(office.id, "alice")


async def test_the_least_loaded_agent_is_assigned(office: Office) -> None:
    await office.ticket(with_review=False)
    await office.set(Settings(auto_assign=AutoAssign.LEAST_LOADED), "auto_assign")
    assert fresh(await office.create(office.new_ticket())).ticket.assignee == "bob"


async def test_a_location_without_assignees_leaves_its_ticket_unassigned(office: Office) -> None:
    await office.set(Settings(auto_assign=AutoAssign.ROUND_ROBIN), "auto_assign")
    for agent in ("alice", "bob"):
        elsewhere = AgentChanges(locations=frozenset({"camden"}))
        name = Child(office.id, agent)
        await directory.update_agent(office.reader, office.directory, name, elsewhere, office.request(office.service))
    assert fresh(await office.create(office.new_ticket())).ticket.assignee is None


async def test_a_given_priority_is_kept(office: Office) -> None:
    snapshot = fresh(await office.create(replace(office.new_ticket(), priority=Priority.URGENT)))
    assert snapshot.ticket.priority is Priority.URGENT


# --- repeats ----------------------------------------------------------------------------------------------------------


async def test_a_repeat_returns_the_stored_response_and_creates_nothing(office: Office) -> None:
    request_id = uuid4()
    created = fresh(await office.create(office.new_ticket(), office.request(id=request_id)))
    repeated = await office.create(office.new_ticket(), office.request(id=request_id))
    assert isinstance(repeated, StoredResponse)
    assert repeated.body == encode(created)
    assert fresh(await office.create(office.new_ticket())).ticket.number == 2


async def test_another_request_with_the_same_id_is_refused(office: Office) -> None:
    request_id = uuid4()
    await office.create(office.new_ticket(), office.request(id=request_id))
    again = office.create(office.new_ticket(), office.request(id=request_id, fingerprint=b"another"))
    refusal = await refused(again)
    assert (refusal.reason, refusal.metadata) == (Reason.REQUEST_ID_REUSED, {"request_id": str(request_id)})


async def test_another_callers_request_with_the_same_id_is_another_request(office: Office) -> None:
    request_id = uuid4()
    for caller in (office.agent("alice"), office.agent("bob"), office.service):
        fresh(await office.create(office.new_ticket(), office.request(caller, id=request_id)))


async def test_a_stored_response_expires_after_a_day(office: Office) -> None:
    request_id = uuid4()
    await office.create(office.new_ticket(), office.request(id=request_id))
    office.later(hours=24, seconds=-1)
    assert isinstance(await office.create(office.new_ticket(), office.request(id=request_id)), StoredResponse)
    office.later(seconds=2)
    again = fresh(await office.create(office.new_ticket(), office.request(id=request_id)))
    assert again.ticket.number == 2


async def test_a_refused_request_can_be_repeated(office: Office) -> None:
    request_id, name = uuid4(), await office.ticket(taken=False)
    request: Request[TicketSnapshot] = office.request(office.agent("carol"), id=request_id)
    await assert_refused(tickets.take_ticket(office.store, name, request), Reason.NOT_ASSIGNABLE)
    await office.directory.ensure_agent(office.id, "carol", "Carol", office.now)
    assert fresh(await tickets.take_ticket(office.store, name, request)).ticket.assignee == "carol"


async def _created_activity(office: Office, number: int) -> Activity:
    return (await office.reader.activities(TicketName(office.id, number), None, 10))[-1]
