"""Two and more writers at once, and one request sent many times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from uuid import uuid4

import pytest
from google.protobuf.message import Message

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import directory_service_pb2 as directory
from care.v1 import recovery_pb2, ticket_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.directory_pb2 import Agent, Location, Organization
from care.v1.recovery_pb2 import Recovery
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from care_client.errors import CareError
from care_dev.stack import postgres
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import Encodable, Target, assert_refused, ready, request, run, send
from tests.support.care import care, refusal
from tests.support.design_tables import COMMANDS
from tests.support.tenant import Tenant

TIMES = 50
ROUNDS = 10
"""How often a race of two is run, so that both orders and the overlap come up."""


async def outcome(call: Awaitable[object]) -> object:
    """The answer of a call, or the error that it is refused with."""
    try:
        return await call
    except CareError as error:
        return error


async def at_once(calls: Iterable[Awaitable[object]]) -> list[object]:
    return await asyncio.gather(*(outcome(call) for call in calls))


def refusals(outcomes: Iterable[object]) -> list[CareError]:
    return [each for each in outcomes if isinstance(each, CareError)]


# --- one ticket, many agents ------------------------------------------------------------------------------------------


async def test_of_fifty_agents_who_take_one_ticket_one_gets_it_and_the_others_are_told_who(tenant: Tenant) -> None:
    ticket = await tenant.ticket(None)
    agents = [f"agent{number}" for number in range(TIMES)]
    take = tickets.TakeTicketRequest(name=ticket.name)
    outcomes = await at_once([tenant.agent(agent).tickets.TakeTicket(take) for agent in agents])
    winners = [agent for agent, each in zip(agents, outcomes, strict=True) if not isinstance(each, CareError)]
    assert len(winners) == 1
    owner = {"ticket": ticket.name, "assignee": tenant.agent_name(winners[0])}
    told = refusals(outcomes)
    assert len(told) == TIMES - 1
    for error in told:
        assert_refused(error, "ALREADY_ASSIGNED", owner)
    after = await tenant.get(ticket)
    assert (after.assignee, after.etag) == (owner["assignee"], "2")
    assert await tenant.log_types(ticket) == ["TAKEN", "CREATED"]


async def test_thirty_notes_at_once_are_all_written_and_numbered_without_gaps(tenant: Tenant) -> None:
    ticket, alice = await tenant.ticket(), tenant.agent("alice")
    texts = {f"Note {number}" for number in range(30)}
    outcomes = await at_once(
        [alice.conversations.AddNote(conversations.AddNoteRequest(parent=ticket.name, text=text)) for text in texts]
    )
    assert refusals(outcomes) == []
    log = await tenant.log(ticket)
    assert [int(entry.name.rpartition("/")[2]) for entry in log] == list(range(32, 0, -1))
    listed = await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))
    assert {entry.text for entry in listed.messages[1:]} == texts
    assert (await tenant.get(ticket)).etag == "32"


async def test_of_two_commands_with_the_same_etag_one_is_told_of_the_other(tenant: Tenant) -> None:
    alice = tenant.agent("alice")
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        target = Target(tenant, ticket)
        outcomes = await at_once(
            [send(alice, request(command, target, etag=ticket.etag)) for command in ("StartTicket", "AddNote")]
        )
        (error,) = refusals(outcomes)
        assert_refused(error, "ETAG_MISMATCH", {"ticket": ticket.name, "etag": str(int(ticket.etag) + 1)})


async def test_of_two_forms_at_once_one_is_told_of_the_other(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        target = Target(tenant, await tenant.ticket())
        outcomes = await at_once([run(tenant.agent("alice"), "SendRecoveryForm", target) for _ in range(2)])
        (error,) = refusals(outcomes)
        assert error.reason == "FORM_LIVE"
        assert error.metadata["recovery"] == (await tenant.get(target.ticket)).recovery


async def test_of_two_tickets_for_one_review_at_once_one_wins_and_the_other_is_told_of_it(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        review = await tenant.review()
        create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=review.name))
        clients = (tenant.service, tenant.agent("alice"))
        outcomes = await at_once([client.tickets.CreateTicket(create) for client in clients])
        (error,) = refusals(outcomes)
        found = (await tenant.service.reviews.GetReview(reviews.GetReviewRequest(name=review.name))).review
        assert_refused(error, "TICKET_EXISTS", {"ticket": found.ticket, "review": review.name})


async def test_tickets_raised_at_once_all_get_numbers_of_their_own(tenant: Tenant) -> None:
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given)
    outcomes = await at_once([tenant.service.tickets.CreateTicket(create) for _ in range(30)])
    numbers = [each.ticket.number for each in outcomes if isinstance(each, tickets.CreateTicketResponse)]
    assert len(numbers) == len(set(numbers)) == 30


# --- closing against everything ---------------------------------------------------------------------------------------


async def assert_closed_for_good(tenant: Tenant, ticket: Ticket, recovery: Recovery) -> Recovery:
    """A CLOSED ticket has no live recovery, and its log ends with what is its version."""
    after, found = await tenant.get(ticket), await tenant.recovery(recovery)
    assert after.status == ticket_pb2.TICKET_STATUS_CLOSED
    assert (after.contact_state, after.recovery) == (ticket_pb2.CONTACT_STATE_NO_CONTACT, "")
    assert found.HasField("end_time")
    assert len(await tenant.log(ticket)) == int(after.etag)
    return found


async def test_a_submission_against_a_close_never_leaves_a_live_recovery_on_a_closed_ticket(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        recovery = await tenant.form(ticket)
        submit = customers.SubmitContactRequest(
            token=tenant.form_token(recovery), email="robin@example.com", consent=True
        )
        close = tickets.CloseTicketRequest(name=ticket.name)
        closed, submitted = await at_once(
            [tenant.agent("alice").tickets.CloseTicket(close), tenant.customer.customers.SubmitContact(submit)]
        )
        assert not isinstance(closed, CareError)
        found = await assert_closed_for_good(tenant, ticket, recovery)
        assert found.state == recovery_pb2.RECOVERY_STATE_ENDED_BY_CLOSE
        assert not isinstance(submitted, CareError)
        # Who was thanked was heard: by this ticket, or else by the one that follows it.
        follow_up = (await tenant.get(ticket)).follow_up
        assert found.HasField("contact") == (not follow_up)
        if follow_up:
            assert (await tenant.get(Ticket(name=follow_up))).customer.email == "robin@example.com"


async def test_ten_submissions_after_a_close_raise_one_follow_up_and_keep_the_rest_as_claims(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "ENDED_BY_CLOSE")
    outcomes = await at_once([tenant.submit(recovery, email=f"claim{number}@example.com") for number in range(10)])
    assert refusals(outcomes) == []
    listed = (await tenant.service.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))).tickets
    (follow_up,) = [each for each in listed if each.name != ticket.name]
    assert (follow_up.follow_up_of, (await tenant.get(ticket)).follow_up) == (ticket.name, follow_up.name)
    assert len(await tenant.log(follow_up)) == int(follow_up.etag)
    request = conversations.ListContactsRequest(parent=follow_up.name)
    contacts = (await tenant.service.conversations.ListContacts(request)).contacts
    assert [each.email for each in contacts].count(follow_up.customer.email) == 1
    assert 1 < len(contacts) < 10


async def test_a_follow_up_against_a_new_ticket_for_the_review_leaves_one_that_is_not_closed(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        recovery = await tenant.in_recovery_state(ticket, "ENDED_BY_CLOSE")
        create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=ticket.review))
        created, submitted = await at_once([tenant.service.tickets.CreateTicket(create), tenant.submit(recovery)])
        assert not isinstance(submitted, CareError)
        follow_up = (await tenant.get(ticket)).follow_up
        if isinstance(created, CareError):
            assert_refused(created, "TICKET_EXISTS", {"ticket": follow_up, "review": ticket.review})
        else:
            assert follow_up == ""


async def test_an_unlock_against_a_close_never_leaves_a_live_recovery_on_a_closed_ticket(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        recovery = await tenant.in_recovery_state(ticket, "CONTACT_RECEIVED")
        outcomes = await at_once(
            [
                tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name)),
                tenant.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name)),
            ]
        )
        assert refusals(outcomes) == []
        await assert_closed_for_good(tenant, ticket, recovery)


async def test_ten_submissions_at_once_bring_one_contact_and_thank_all(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    token = tenant.form_token(recovery)
    outcomes = await at_once(
        [
            tenant.customer.customers.SubmitContact(
                customers.SubmitContactRequest(token=token, email=f"claim{number}@example.com", consent=True)
            )
            for number in range(10)
        ]
    )
    assert [(error.reason, error.code) for error in refusals(outcomes)] == []
    assert (await tenant.log_types(ticket)).count("CONTACT_SUBMITTED") == 1
    found = await tenant.recovery(recovery)
    assert found.contact.email not in {claim.email for claim in found.claims}


async def test_a_submission_against_a_withdrawal_ends_in_one_of_the_two(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        recovery = await tenant.form(await tenant.ticket())
        token = tenant.form_token(recovery)
        withdrawn, submitted = await at_once(
            [
                tenant.agent("alice").conversations.WithdrawRecoveryForm(
                    conversations.WithdrawRecoveryFormRequest(name=recovery.name)
                ),
                tenant.customer.customers.SubmitContact(
                    customers.SubmitContactRequest(token=token, email="robin@example.com", consent=True)
                ),
            ]
        )
        state = (await tenant.recovery(recovery)).state
        if isinstance(withdrawn, CareError):
            assert withdrawn.reason == "ILLEGAL_TRANSITION"
            assert not isinstance(submitted, CareError)
            assert state == recovery_pb2.RECOVERY_STATE_CONTACT_RECEIVED
        else:
            assert isinstance(submitted, CareError)
            assert_refused(submitted, "LINK_WITHDRAWN")
            assert state == recovery_pb2.RECOVERY_STATE_WITHDRAWN


# --- commands against the worker --------------------------------------------------------------------------------------


def step_of(plan: workers.RecoveryPlan) -> str:
    return workers.RecoveryStep.Name(plan.step).removeprefix("RECOVERY_STEP_")


def begin(tenant: Tenant, recovery: Recovery, step: workers.RecoveryStep.ValueType) -> Awaitable[Message]:
    return tenant.worker.workers.BeginPosting(workers.BeginPostingRequest(name=recovery.name, step=step))


async def test_a_withdrawal_against_a_hand_out_loses_neither_the_state_nor_the_mark(
    timed: Tenant, clock: SettableClock
) -> None:
    for _ in range(ROUNDS):
        recovery = await timed.form(await timed.ticket())
        withdraw = conversations.WithdrawRecoveryFormRequest(name=recovery.name)
        begun, withdrawn = await at_once(
            [
                begin(timed, recovery, workers.RECOVERY_STEP_POST),
                timed.agent("alice").conversations.WithdrawRecoveryForm(withdraw),
            ]
        )
        assert isinstance(begun, workers.BeginPostingResponse)
        assert not isinstance(withdrawn, CareError)
        clock.advance(minutes=1)
        plan = await timed.check(recovery)
        assert plan.state == recovery_pb2.RECOVERY_STATE_WITHDRAWN
        # What was handed out may be public, and has to be looked at; otherwise there is nothing to do.
        assert step_of(plan) == ("READ" if begun.HasField("grant") else "DONE")


async def test_a_withdrawal_against_a_posted_report_loses_neither_the_state_nor_the_outcome(timed: Tenant) -> None:
    for _ in range(ROUNDS):
        ticket = await timed.ticket()
        recovery = await timed.form(ticket)
        grant = (await timed.begin(recovery, workers.RECOVERY_STEP_POST)).grant
        report = workers.RecordPostedRequest(name=recovery.name, attempt=grant.attempt)
        outcomes = await at_once(
            [
                timed.worker.workers.RecordPosted(report),
                run(timed.agent("alice"), "WithdrawRecoveryForm", Target(timed, ticket, recovery.name)),
                run(timed.agent("alice"), "AddNote", Target(timed, ticket)),
            ]
        )
        assert refusals(outcomes) == []
        plan = await timed.check(recovery)
        assert (plan.state, step_of(plan)) == (recovery_pb2.RECOVERY_STATE_WITHDRAWN, "RETRACT")
        assert plan.HasField("post_time")
        types = await timed.log_types(ticket)
        assert sorted(types[:3]) == ["FORM_POSTED", "FORM_WITHDRAWN", "NOTE_ADDED"]


async def test_hand_outs_at_once_name_different_attempts_and_the_last_one_counts(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    outcomes = await at_once([begin(timed, recovery, workers.RECOVERY_STEP_POST) for _ in range(10)])
    attempts = [each.grant.attempt for each in outcomes if isinstance(each, workers.BeginPostingResponse)]
    assert len(attempts) == len(set(attempts)) == 10
    for attempt in sorted(attempts):
        state = (await timed.recovery(recovery)).state
        assert state == recovery_pb2.RECOVERY_STATE_FORM_REQUESTED
        await timed.worker.workers.RecordPosted(workers.RecordPostedRequest(name=recovery.name, attempt=attempt))
    assert (await timed.recovery(recovery)).state == recovery_pb2.RECOVERY_STATE_AWAITING_CONTACT


async def test_a_post_and_a_retraction_of_one_review_are_never_both_handed_out(
    timed: Tenant, clock: SettableClock
) -> None:
    for _ in range(ROUNDS):
        ticket = await timed.ticket()
        older = await timed.in_recovery_state(ticket, "ENDED_BY_CLOSE")
        create = tickets.CreateTicketRequest(parent=timed.name, ticket=Ticket(review=ticket.review))
        second = (await timed.service.tickets.CreateTicket(create)).ticket
        await timed.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=second.name))
        newer = await timed.form(second)
        outcomes = await at_once(
            [begin(timed, older, workers.RECOVERY_STEP_RETRACT), begin(timed, newer, workers.RECOVERY_STEP_POST)]
        )
        granted = [each.HasField("grant") for each in outcomes if isinstance(each, workers.BeginPostingResponse)]
        assert sorted(granted) == [False, True]


async def test_reports_against_notes_all_succeed(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    grant = (await timed.begin(recovery, workers.RECOVERY_STEP_POST)).grant
    report = workers.RecordPostedRequest(name=recovery.name, attempt=grant.attempt)
    notes = [run(timed.agent("alice"), "AddNote", Target(timed, ticket)) for _ in range(10)]
    outcomes = await at_once([*notes, *(timed.worker.workers.RecordPosted(report) for _ in range(10))])
    assert refusals(outcomes) == []
    types = await timed.log_types(ticket)
    assert (types.count("NOTE_ADDED"), types.count("FORM_POSTED")) == (10, 1)
    assert (await timed.recovery(recovery)).state == recovery_pb2.RECOVERY_STATE_AWAITING_CONTACT


# --- the directory ----------------------------------------------------------------------------------------------------


async def test_two_supervisors_who_change_different_fields_of_an_agent_at_once_both_succeed(tenant: Tenant) -> None:
    await tenant.meet("bob")
    name, client = tenant.agent_name("bob"), tenant.supervisor
    for number in range(ROUNDS):
        rename = directory.UpdateAgentRequest(agent=Agent(name=name, display_name=f"Bob {number}"))
        rename.update_mask.paths.append("display_name")
        toggle = directory.UpdateAgentRequest(agent=Agent(name=name, can_be_assignee=number % 2 == 0))
        toggle.update_mask.paths.append("can_be_assignee")
        outcomes = await at_once([client.directory.UpdateAgent(rename), client.directory.UpdateAgent(toggle)])
        assert refusals(outcomes) == []
        found = (await client.directory.GetAgent(directory.GetAgentRequest(name=name))).agent
        assert (found.display_name, found.can_be_assignee) == (f"Bob {number}", number % 2 == 0)


async def test_a_review_taken_in_fifty_times_at_once_is_one(tenant: Tenant) -> None:
    review = await tenant.review()
    review.text = "Cold soup, edited."
    ingest = reviews.IngestReviewRequest(parent=tenant.name, review=review)
    outcomes = await at_once([tenant.service.reviews.IngestReview(ingest) for _ in range(TIMES)])
    assert refusals(outcomes) == []
    assert {each.review.name for each in outcomes if isinstance(each, reviews.IngestReviewResponse)} == {review.name}
    listed = await tenant.service.reviews.ListReviews(reviews.ListReviewsRequest(parent=tenant.name))
    assert [each.text for each in listed.reviews] == ["Cold soup, edited."]


# --- one request, many times ------------------------------------------------------------------------------------------


async def repeated(call: Callable[[], Awaitable[Encodable]]) -> bytes:
    """Sends one request fifty times, the first half of them at once, and returns the one answer that all got."""
    first = await asyncio.gather(*(call() for _ in range(TIMES // 2)))
    answers = [*first, *[await call() for _ in range(TIMES // 2)]]
    encoded = {answer.SerializeToString(deterministic=True) for answer in answers}
    assert len(encoded) == 1
    return encoded.pop()


async def move_on(tenant: Tenant, ticket: Ticket) -> None:
    """Lets a supervisor take the ticket away, and close it if it is not yet."""
    if (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_CLOSED:
        return
    sue = tenant.supervisor.tickets
    to_sue = tickets.AssignTicketRequest(name=ticket.name, assignee=tenant.agent_name("sue"))
    await sue.AssignTicket(to_sue)
    await sue.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))


@pytest.mark.parametrize("command", COMMANDS)
async def test_fifty_repeats_of_a_command_act_once_and_answer_the_same_also_after_the_ticket_moved_on(
    tenant: Tenant, command: str
) -> None:
    target, alice, request_id = await ready(tenant, command), tenant.agent("alice"), str(uuid4())
    before = len(await tenant.log(target.ticket))
    # The etag was right for the first of them alone: a repeat is recognized before it is compared.
    message = request(command, target, etag=target.ticket.etag, request_id=request_id)
    answer = await repeated(lambda: send(alice, message))
    log = await tenant.log(target.ticket)
    assert len(log) == before + 1
    assert log[0].request_id == request_id
    await move_on(tenant, target.ticket)
    after = await tenant.log(target.ticket)
    assert (await send(alice, message)).SerializeToString(deterministic=True) == answer
    assert await tenant.log(target.ticket) == after


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_repeat_may_write_the_request_id_in_capitals(tenant: Tenant, command: str) -> None:
    target, alice, request_id = await ready(tenant, command), tenant.agent("alice"), str(uuid4())
    answer = await send(alice, request(command, target, request_id=request_id.upper()))
    after = await tenant.log(target.ticket)
    assert after[0].request_id == request_id
    assert await send(alice, request(command, target, request_id=request_id)) == answer
    assert await tenant.log(target.ticket) == after
    other = request(command, target, etag="999", request_id=request_id.upper())
    assert_refused(await refusal(send(alice, other)), "REQUEST_ID_REUSED", {"request_id": request_id})


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_request_id_serves_no_other_body_and_no_other_method(tenant: Tenant, command: str) -> None:
    target, alice, request_id = await ready(tenant, command), tenant.agent("alice"), str(uuid4())
    await send(alice, request(command, target, request_id=request_id))
    other = "AddNote" if command != "AddNote" else "StartTicket"
    after = await tenant.get(target.ticket)
    for message in (
        request(command, target, etag="999", request_id=request_id),
        request(other, target, request_id=request_id),
    ):
        assert_refused(await refusal(send(alice, message)), "REQUEST_ID_REUSED", {"request_id": request_id})
    assert await tenant.get(target.ticket) == after


async def test_a_request_id_is_the_callers_own(tenant: Tenant) -> None:
    request_id = str(uuid4())
    first, second = Target(tenant, await tenant.ticket("alice")), Target(tenant, await tenant.ticket("bob"))
    await send(tenant.agent("alice"), request("StartTicket", first, request_id=request_id))
    await send(tenant.agent("bob"), request("StartTicket", second, request_id=request_id))
    other = Tenant(tenant.care, f"{tenant.id}-other")
    third = Target(other, await other.ticket("alice"))
    await send(other.agent("alice"), request("StartTicket", third, request_id=request_id))
    assert (await tenant.get(second.ticket)).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS
    assert (await other.get(third.ticket)).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS


async def test_a_refused_request_may_be_repeated_with_its_id_once_it_is_possible(tenant: Tenant) -> None:
    target, alice = Target(tenant, await tenant.in_status("RESOLVED")), tenant.agent("alice")
    message = request("StartTicket", target, request_id=str(uuid4()))
    assert (await refusal(send(alice, message))).reason == "ILLEGAL_TRANSITION"
    fresh = Target(tenant, await tenant.ticket())
    again = request("StartTicket", fresh, request_id=message.request_id)  # type: ignore[attr-defined]
    assert (await send(alice, again)).ticket.status == ticket_pb2.TICKET_STATUS_IN_PROGRESS


async def test_a_request_that_changed_nothing_is_not_kept(tenant: Tenant) -> None:
    alice, request_id = tenant.agent("alice"), str(uuid4())
    target = Target(tenant, await tenant.ticket())
    take = request("TakeTicket", target, request_id=request_id)
    assert (await send(alice, take)).ticket.assignee == tenant.agent_name("alice")
    await send(alice, request("StartTicket", target, request_id=request_id))


@pytest.mark.parametrize("hours", [23, 25])
async def test_a_request_id_is_kept_for_24_hours(timed: Tenant, clock: SettableClock, hours: int) -> None:
    alice, request_id = timed.agent("alice"), str(uuid4())
    target = Target(timed, await timed.ticket())
    await send(alice, request("StartTicket", target, request_id=request_id))
    clock.advance(hours=hours)
    message = request("ResolveTicket", target, request_id=request_id)
    if hours < 24:
        assert_refused(await refusal(send(alice, message)), "REQUEST_ID_REUSED", {"request_id": request_id})
    else:
        assert (await send(alice, message)).ticket.status == ticket_pb2.TICKET_STATUS_RESOLVED
        again = (await send(alice, message)).ticket
        assert again.status == ticket_pb2.TICKET_STATUS_RESOLVED


async def test_fifty_repeats_of_a_new_ticket_make_one_also_after_it_was_closed(tenant: Tenant) -> None:
    review = await tenant.review()
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=review.name), request_id=str(uuid4()))
    client = tenant.agent("alice")
    ticket = tickets.CreateTicketResponse.FromString(await repeated(lambda: client.tickets.CreateTicket(create))).ticket
    listed = await client.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))
    assert [each.name for each in listed.tickets] == [ticket.name]
    await move_on(tenant, ticket)
    # A new one could be raised for the review by now; the repeat still means the old one.
    assert (await client.tickets.CreateTicket(create)).ticket == ticket
    other = tickets.CreateTicketRequest()
    other.CopyFrom(create)
    other.ticket.subject = "Another"
    error = await refusal(client.tickets.CreateTicket(other))
    assert_refused(error, "REQUEST_ID_REUSED", {"request_id": create.request_id})


async def test_fifty_repeats_of_a_submission_leave_one_address(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    submit = customers.SubmitContactRequest(
        token=tenant.form_token(recovery), email="robin@example.com", consent=True, request_id=str(uuid4())
    )
    client = tenant.customer.customers
    await repeated(lambda: client.SubmitContact(submit))
    assert await tenant.log_types(ticket) == ["CONTACT_SUBMITTED", "FORM_REQUESTED", "TAKEN", "CREATED"]
    assert not (await tenant.recovery(recovery)).claims


async def test_a_repeated_submission_is_thanked_for_also_after_the_form_ended(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    submit = customers.SubmitContactRequest(
        token=tenant.form_token(recovery), email="robin@example.com", consent=True, request_id=str(uuid4())
    )
    client = tenant.customer.customers
    await asyncio.gather(*(client.SubmitContact(submit) for _ in range(5)))
    assert (await tenant.log_types(ticket)).count("CONTACT_SUBMITTED") == 1
    await move_on(tenant, ticket)
    await client.SubmitContact(submit)
    other = customers.SubmitContactRequest()
    other.CopyFrom(submit)
    other.email = "kim@example.com"
    error = await refusal(client.SubmitContact(other))
    assert error.reason == "REQUEST_ID_REUSED"
    assert "ticket" not in error.metadata


def ingestion(tenant: Tenant, request_id: str) -> reviews.IngestReviewRequest:
    review = Review(site="local", external_id=str(uuid4()), location=f"{tenant.name}/locations/soho", stars=2)
    review.create_time.FromSeconds(1_700_000_000)
    return reviews.IngestReviewRequest(parent=tenant.name, review=review, request_id=request_id)


async def test_fifty_repeats_of_a_review_take_it_in_once_and_answer_the_same_also_after_an_edit(
    tenant: Tenant,
) -> None:
    client, ingest = tenant.service.reviews, ingestion(tenant, str(uuid4()))
    answer = await repeated(lambda: client.IngestReview(ingest))
    edit = reviews.IngestReviewRequest()
    edit.CopyFrom(ingest)
    edit.request_id, edit.review.text = "", "Better now."
    edit.review.update_time.FromSeconds(1_700_000_001)
    await client.IngestReview(edit)
    assert (await client.IngestReview(ingest)).SerializeToString(deterministic=True) == answer
    found = await client.GetReview(
        reviews.GetReviewRequest(name=reviews.IngestReviewResponse.FromString(answer).review.name)
    )
    assert found.review.text == "Better now."
    edit.request_id = ingest.request_id
    error = await refusal(client.IngestReview(edit))
    assert_refused(error, "REQUEST_ID_REUSED", {"request_id": ingest.request_id})


async def test_the_same_review_at_the_very_same_moment_is_no_failure(server: postgres.Server) -> None:
    async with care(server.create_database("same_moment")) as service:
        async with service.database.driver() as connection:
            # Both callers find no such review, and then write theirs: a slow index, which comes before those that hold
            # reviews apart, gives them the time. PostgreSQL goes through a table's indexes in the order of creation.
            await connection.execute("""
                CREATE FUNCTION slowly(external_id text) RETURNS text IMMUTABLE LANGUAGE plpgsql
                AS 'BEGIN PERFORM pg_sleep(0.2); RETURN external_id; END';
                CREATE INDEX slow ON reviews (slowly(external_id));
                ALTER TABLE reviews DROP CONSTRAINT pk_reviews,
                  ADD CONSTRAINT pk_reviews PRIMARY KEY (organization, id);
                ALTER TABLE reviews DROP CONSTRAINT uq_reviews_organization_site_external_id,
                  ADD CONSTRAINT uq_reviews_organization_site_external_id UNIQUE (organization, site, external_id);
            """)
        tenant = Tenant(service, "acme")
        ingest = ingestion(tenant, "")
        # Known already, so that nothing but the review is new.
        await tenant.service.reviews.IngestReview(ingestion(tenant, ""))
        answers = await asyncio.gather(*(tenant.service.reviews.IngestReview(ingest) for _ in range(2)))
        assert answers[0].review == answers[1].review


_names = count(1)


def directory_updates(tenant: Tenant, request_id: str) -> Sequence[tuple[str, Message, Message]]:
    """For each update of the directory: its method, a request, and another that changes the same."""
    agent, place = tenant.agent_name("bob"), f"{tenant.name}/locations/camden"
    label = f"Name {next(_names)}"
    return [
        (
            "UpdateAgent",
            directory.UpdateAgentRequest(agent=Agent(name=agent, display_name=label), request_id=request_id),
            directory.UpdateAgentRequest(agent=Agent(name=agent, display_name="Robert")),
        ),
        (
            "UpdateOrganization",
            directory.UpdateOrganizationRequest(
                organization=Organization(name=tenant.name, display_name=label), request_id=request_id
            ),
            directory.UpdateOrganizationRequest(organization=Organization(name=tenant.name, display_name="Soup & Co")),
        ),
        (
            "UpdateLocation",
            directory.UpdateLocationRequest(
                location=Location(name=place, display_name=label), allow_missing=True, request_id=request_id
            ),
            directory.UpdateLocationRequest(location=Location(name=place, display_name="Camden")),
        ),
    ]


@pytest.mark.parametrize("index", range(3), ids=["UpdateAgent", "UpdateOrganization", "UpdateLocation"])
async def test_fifty_repeats_of_an_update_of_the_directory_act_once_and_answer_the_same(
    tenant: Tenant, index: int
) -> None:
    await tenant.meet("bob")
    client, request_id = tenant.supervisor, str(uuid4())
    method, update, other = directory_updates(tenant, request_id)[index]
    answer = await repeated(lambda: call_directory(client, method, update))
    later = await call_directory(client, method, other)
    again = await call_directory(client, method, update)
    assert again.SerializeToString(deterministic=True) == answer
    # The repeat wrote nothing: what came later still stands.
    assert await stored_name(client, method, tenant) == shown_name(later)
    reused = type(other)()
    reused.CopyFrom(other)
    reused.request_id = request_id  # type: ignore[attr-defined]
    error = await refusal(call_directory(client, method, reused))
    assert_refused(error, "REQUEST_ID_REUSED", {"request_id": request_id})


def call_directory(client: CareClient, method: str, message: Message) -> Awaitable[Message]:
    answer: Awaitable[Message] = getattr(client.directory, method)(message)
    return answer


async def stored_name(client: CareClient, method: str, tenant: Tenant) -> str:
    match method:
        case "UpdateAgent":
            found: Message = await client.directory.GetAgent(directory.GetAgentRequest(name=tenant.agent_name("bob")))
        case "UpdateOrganization":
            found = await client.directory.GetOrganization(directory.GetOrganizationRequest(name=tenant.name))
        case _:
            place = f"{tenant.name}/locations/camden"
            found = await client.directory.GetLocation(directory.GetLocationRequest(name=place))
    return shown_name(found)


def shown_name(answer: Message) -> str:
    (entry,) = (value for _, value in answer.ListFields())
    return str(entry.display_name)
