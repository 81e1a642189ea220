"""The worker's calls at the same time as commands of agents, or as each other."""

from __future__ import annotations

from collections.abc import Awaitable

from google.protobuf.message import Message

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import recovery_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import Target, run
from tests.integration.service.simultaneous import ROUNDS, at_once, refusals
from tests.support.tenant import Tenant


def step_of(plan: workers.RecoveryPlan) -> str:
    return workers.RecoveryStep.Name(plan.step).removeprefix("RECOVERY_STEP_")


def begin(tenant: Tenant, recovery: Recovery, step: workers.RecoveryStep.ValueType) -> Awaitable[Message]:
    return tenant.worker.workers.BeginPosting(workers.BeginPostingRequest(name=recovery.name, step=step))


async def test_a_withdrawal_while_a_post_begins_loses_neither_its_state_nor_the_attempt(
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
        # A granted reply may be public and has to be read; otherwise there is nothing to do.
        assert step_of(plan) == ("READ" if begun.HasField("grant") else "DONE")


async def test_a_withdrawal_during_a_posted_report_loses_neither_its_state_nor_the_outcome(timed: Tenant) -> None:
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


async def test_posts_that_begin_at_once_get_different_attempts_and_the_last_one_counts(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    outcomes = await at_once([begin(timed, recovery, workers.RECOVERY_STEP_POST) for _ in range(10)])
    attempts = [each.grant.attempt for each in outcomes if isinstance(each, workers.BeginPostingResponse)]
    assert len(attempts) == len(set(attempts)) == 10
    for attempt in sorted(attempts):
        state = (await timed.recovery(recovery)).state
        assert state == recovery_pb2.RECOVERY_STATE_FORM_REQUESTED
        await timed.worker.workers.RecordPosted(workers.RecordPostedRequest(name=recovery.name, attempt=attempt))
    assert (await timed.recovery(recovery)).state == recovery_pb2.RECOVERY_STATE_AWAITING_CONTACT


async def test_a_post_and_a_retraction_of_one_review_are_never_both_granted(
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


async def test_reports_and_notes_at_once_all_succeed(timed: Tenant) -> None:
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
