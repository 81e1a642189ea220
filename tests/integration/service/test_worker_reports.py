"""What a recovery wants next, and what the reports of the durable steps change, by a clock that the tests set."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from google.protobuf.duration_pb2 import Duration

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import recovery_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.recovery_pb2 import Recovery
from care.v1.settings_pb2 import FormReminders, Settings
from care.v1.settings_service_pb2 import UpdateSettingsRequest
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.support.care import WEB_URL, refusal
from tests.support.design_tables import ENDED_STATES
from tests.support.tenant import REPLY, Tenant

POST, READ, RETRACT = workers.RECOVERY_STEP_POST, workers.RECOVERY_STEP_READ, workers.RECOVERY_STEP_RETRACT
LINKS_NOT_ALLOWED: Final = recovery_pb2.REFUSAL_REASON_LINKS_NOT_ALLOWED
TAKEN_DOWN: Final = recovery_pb2.REFUSAL_REASON_TAKEN_DOWN
MONTH = timedelta(days=30)
"""A form's lifetime until the organization sets another."""
SETTLE = timedelta(minutes=1)
"""The default of CARE_SETTLE_TIME (docs/decisions/0008): how long a write without an outcome may still appear."""


def wants(plan: workers.RecoveryPlan) -> str:
    """State and step of a plan."""
    state = recovery_pb2.RecoveryState.Name(plan.state).removeprefix("RECOVERY_STATE_")
    return f"{state}: {workers.RecoveryStep.Name(plan.step).removeprefix('RECOVERY_STEP_')}"


def wait(plan: workers.RecoveryPlan) -> timedelta:
    assert plan.HasField("wait")
    return plan.wait.ToTimedelta()


async def posted(tenant: Tenant, recovery: Recovery, attempt: int) -> workers.RecoveryPlan:
    request = workers.RecordPostedRequest(name=recovery.name, attempt=attempt)
    return (await tenant.worker.workers.RecordPosted(request)).plan


async def refused(
    tenant: Tenant,
    recovery: Recovery,
    attempt: int,
    reason: recovery_pb2.RefusalReason.ValueType = LINKS_NOT_ALLOWED,
    words: str = "",
) -> workers.RecoveryPlan:
    request = workers.RecordRefusedRequest(name=recovery.name, attempt=attempt, reason=reason, provider_message=words)
    return (await tenant.worker.workers.RecordRefused(request)).plan


async def retracted(tenant: Tenant, recovery: Recovery, attempt: int) -> workers.RecoveryPlan:
    request = workers.RecordRetractedRequest(name=recovery.name, attempt=attempt)
    return (await tenant.worker.workers.RecordRetracted(request)).plan


async def attempt(tenant: Tenant, recovery: Recovery, step: workers.RecoveryStep.ValueType) -> int:
    """Hands a step out that must be wanted, and returns the attempt's number."""
    answer = await tenant.begin(recovery, step)
    assert answer.HasField("grant"), wants(answer.plan)
    return answer.grant.attempt


def settle(clock: SettableClock) -> None:
    clock.advance(seconds=SETTLE.total_seconds())


async def withdraw(tenant: Tenant, recovery: Recovery) -> None:
    request = conversations.WithdrawRecoveryFormRequest(name=recovery.name)
    await tenant.agent("alice").conversations.WithdrawRecoveryForm(request)


async def close(tenant: Tenant, ticket: Ticket) -> None:
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))


async def follow_up(tenant: Tenant, ticket: Ticket) -> Ticket:
    """Closes a ticket, and raises another of alice's for the same review."""
    await close(tenant, ticket)
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=ticket.review))
    second = (await tenant.service.tickets.CreateTicket(create)).ticket
    return (await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=second.name))).ticket


# --- posting ----------------------------------------------------------------------------------------------------------


async def test_a_new_form_wants_to_be_posted_and_its_plan_says_what_an_operator_looks_for(
    timed: Tenant, clock: SettableClock
) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    plan = await timed.check(recovery)
    assert wants(plan) == "FORM_REQUESTED: POST"
    assert not plan.HasField("wait")
    assert plan.kind == recovery_pb2.RECOVERY_KIND_FORM
    assert (plan.ticket, plan.location, plan.assignee) == (ticket.name, ticket.location, ticket.assignee)
    assert (plan.ticket_status, plan.ticket_priority) == (ticket.status, ticket.priority)
    assert plan.review_site == "local"
    assert plan.plan_time.ToDatetime() == clock.now().replace(tzinfo=None)
    assert plan.expire_time.ToDatetime() == (clock.now() + MONTH).replace(tzinfo=None)
    assert not plan.HasField("post_time")


async def test_what_is_handed_out_for_a_post_holds_the_text_with_the_link(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    grant = (await timed.begin(recovery, POST)).grant
    assert grant.link.startswith(f"{WEB_URL}/")
    assert grant.text == REPLY.replace("{form_link}", grant.link)
    assert (grant.review_site, grant.location) == ("local", ticket.location)
    assert grant.review_external_id
    assert grant.attempt > 0


async def test_a_post_that_was_handed_out_may_be_handed_out_again_as_another_attempt(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    before = await timed.wakes(recovery.name)
    first, second = await attempt(timed, recovery, POST), await attempt(timed, recovery, POST)
    assert first < second
    assert wants(await posted(timed, recovery, first)) == "FORM_REQUESTED: POST"
    assert await timed.wakes(recovery.name) == before
    plan = await posted(timed, recovery, second)
    assert wants(plan) == "AWAITING_CONTACT: WAIT"
    assert plan.HasField("post_time")
    assert await timed.wakes(recovery.name) == before + 1


@pytest.mark.parametrize("number", [-1, 0])
async def test_a_report_names_an_attempt(timed: Tenant, number: int) -> None:
    recovery = await timed.form(await timed.ticket())
    for report in (posted, refused, retracted):
        error = await refusal(report(timed, recovery, number))
        assert_refused(error, "INVALID_FIELD")
        assert [violation.field for violation in error.field_violations] == ["attempt"]


@pytest.mark.parametrize("number", [1, 99, 2**63 - 1])
async def test_the_report_of_an_attempt_that_was_never_handed_out_changes_nothing(timed: Tenant, number: int) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    before = await timed.recovery(recovery)
    for report in (posted, refused, retracted):
        assert wants(await report(timed, recovery, number)) == "FORM_REQUESTED: POST"
    assert await timed.recovery(recovery) == before
    assert await timed.log_types(ticket) == ["FORM_REQUESTED", "TAKEN", "CREATED"]


async def test_a_refused_post_ends_the_recovery_with_the_reason_and_the_sites_words(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    before = await timed.wakes(recovery.name)
    plan = await refused(timed, recovery, await attempt(timed, recovery, POST), words="No links, please. " * 200)
    assert wants(plan) == "REFUSED: DONE"
    assert plan.refusal_reason == LINKS_NOT_ALLOWED
    after = await timed.recovery(recovery)
    assert after.refusal_reason == LINKS_NOT_ALLOWED
    assert after.refusal_message == ("No links, please. " * 200)[:2000]
    assert after.HasField("end_time")
    assert (await timed.get(ticket)).contact_state == ticket_pb2.CONTACT_STATE_NO_CONTACT
    assert await timed.log_types(ticket) == ["FORM_REFUSED", "FORM_REQUESTED", "TAKEN", "CREATED"]
    assert await timed.wakes(recovery.name) == before + 1


@pytest.mark.parametrize("report", [posted, refused])
async def test_a_doubled_report_changes_nothing(timed: Tenant, report: object) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    number = await attempt(timed, recovery, POST)
    say = posted if report is posted else refused
    plan = await say(timed, recovery, number)
    before, log, woken = await timed.recovery(recovery), await timed.log_types(ticket), await timed.wakes(recovery.name)
    assert wants(await say(timed, recovery, number)) == wants(plan)
    assert await timed.recovery(recovery) == before
    assert (await timed.log_types(ticket), await timed.wakes(recovery.name)) == (log, woken)


async def test_a_late_refusal_of_the_attempt_that_was_recorded_as_posted_changes_nothing(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    number = await attempt(timed, recovery, POST)
    await posted(timed, recovery, number)
    assert wants(await refused(timed, recovery, number)) == "AWAITING_CONTACT: WAIT"


async def test_a_recovery_that_ends_while_its_post_is_out_lets_it_settle_and_reads_the_site(
    timed: Tenant, clock: SettableClock
) -> None:
    recovery = await timed.form(await timed.ticket())
    first = await attempt(timed, recovery, POST)
    clock.advance(seconds=20)
    await withdraw(timed, recovery)
    plan = await timed.check(recovery)
    assert (wants(plan), wait(plan)) == ("WITHDRAWN: HOLD", timedelta(seconds=40))
    assert not (await timed.begin(recovery, READ)).HasField("grant")
    clock.advance(seconds=40)
    assert wants(await timed.check(recovery)) == "WITHDRAWN: READ"
    grant = (await timed.begin(recovery, READ)).grant
    assert grant.text == REPLY.replace("{form_link}", grant.link)
    # The attempt before has lost its say; what the reading attempt saw counts.
    assert wants(await refused(timed, recovery, first)) == "WITHDRAWN: READ"
    assert wants(await posted(timed, recovery, grant.attempt)) == "WITHDRAWN: RETRACT"


async def test_an_attempt_that_follows_one_without_an_outcome_is_told_to_read_first(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    assert not (await timed.begin(recovery, POST)).grant.read_first
    assert (await timed.begin(recovery, POST)).grant.read_first


async def test_a_link_is_not_taken_out_while_an_earlier_write_may_still_put_it_back(
    timed: Tenant, clock: SettableClock
) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await attempt(timed, recovery, POST)
    clock.advance(seconds=20)
    await posted(timed, recovery, await attempt(timed, recovery, POST))
    await withdraw(timed, recovery)
    plan = await timed.check(recovery)
    assert (wants(plan), wait(plan)) == ("WITHDRAWN: HOLD", timedelta(seconds=40))
    newer = await timed.form(ticket)
    assert wants(await timed.check(newer)) == "FORM_REQUESTED: HOLD"
    clock.advance(seconds=40)
    assert wants(await timed.check(recovery)) == "WITHDRAWN: RETRACT"
    assert wants(await timed.check(newer)) == "FORM_REQUESTED: POST"


async def test_a_write_that_appears_after_the_refusal_is_found_and_taken_out(
    timed: Tenant, clock: SettableClock
) -> None:
    """The first attempt got no answer, the second was refused; then the site carries the first one out."""
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await attempt(timed, recovery, POST)
    clock.advance(seconds=20)
    plan = await refused(timed, recovery, await attempt(timed, recovery, POST))
    assert (wants(plan), wait(plan)) == ("REFUSED: HOLD", timedelta(minutes=1))
    settle(clock)
    assert wants(await posted(timed, recovery, await attempt(timed, recovery, READ))) == "REFUSED: RETRACT"
    assert wants(await retracted(timed, recovery, await attempt(timed, recovery, RETRACT))) == "REFUSED: DONE"
    found = await timed.recovery(recovery)
    assert (found.state, found.refusal_reason) == (recovery_pb2.RECOVERY_STATE_REFUSED, LINKS_NOT_ALLOWED)
    assert await timed.log_types(ticket) == [
        "REPLY_RETRACTED",
        "FORM_POSTED",
        "FORM_REFUSED",
        "FORM_REQUESTED",
        "TAKEN",
        "CREATED",
    ]


async def test_a_refusal_that_stays_one_after_settling_is_logged_once(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await attempt(timed, recovery, POST)
    await refused(timed, recovery, await attempt(timed, recovery, POST))
    settle(clock)
    assert wants(await refused(timed, recovery, await attempt(timed, recovery, READ), TAKEN_DOWN)) == "REFUSED: DONE"
    assert (await timed.recovery(recovery)).refusal_reason == LINKS_NOT_ALLOWED
    assert await timed.log_types(ticket) == ["FORM_REFUSED", "FORM_REQUESTED", "TAKEN", "CREATED"]


async def test_a_recovery_that_ended_and_is_not_public_is_done(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await attempt(timed, recovery, POST)
    await withdraw(timed, recovery)
    settle(clock)
    assert wants(await refused(timed, recovery, await attempt(timed, recovery, READ))) == "WITHDRAWN: DONE"
    assert not (await timed.begin(recovery, RETRACT)).HasField("grant")


async def test_a_recovery_that_was_never_handed_out_has_nothing_to_tidy_up(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    await withdraw(timed, recovery)
    assert wants(await timed.check(recovery)) == "WITHDRAWN: DONE"


@pytest.mark.parametrize("step", [POST, READ, RETRACT])
async def test_a_step_that_is_not_wanted_is_not_handed_out(timed: Tenant, step: workers.RecoveryStep.ValueType) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    answer = await timed.begin(recovery, step)
    assert not answer.HasField("grant")
    assert wants(answer.plan) == "AWAITING_CONTACT: WAIT"


# --- the contact, and the chat ----------------------------------------------------------------------------------------


async def test_a_contact_is_unlocked_without_waiting_for_the_site(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await attempt(timed, recovery, POST)
    before = await timed.wakes(recovery.name)
    await timed.submit(recovery)
    assert await timed.wakes(recovery.name) == before + 1
    assert wants(await timed.check(recovery)) == "CONTACT_RECEIVED: UNLOCK"
    answer = await timed.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))
    # Still handed out: what became of the reply is looked up afterwards.
    assert wants(answer.plan) == "CHAT_UNLOCKED: HOLD"
    settle(clock)
    assert wants(await posted(timed, recovery, await attempt(timed, recovery, READ))) == "CHAT_UNLOCKED: DONE"
    assert (await timed.get(ticket)).contact_state == ticket_pb2.CONTACT_STATE_CHAT_UNLOCKED


async def test_a_second_unlock_changes_nothing(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    before = await timed.recovery(recovery)
    log, woken = await timed.log_types(ticket), await timed.wakes(recovery.name)
    await timed.unlock(recovery)
    assert await timed.recovery(recovery) == before
    assert (await timed.log_types(ticket), await timed.wakes(recovery.name)) == (log, woken)


async def test_a_direct_recovery_only_unlocks(timed: Tenant) -> None:
    add = conversations.AddContactRequest(parent=(await timed.ticket()).name, email="robin@example.com")
    recovery = (await timed.agent("alice").conversations.AddContact(add)).recovery
    plan = await timed.check(recovery)
    assert (wants(plan), plan.kind) == ("CONTACT_RECEIVED: UNLOCK", recovery_pb2.RECOVERY_KIND_DIRECT)
    assert not (await timed.begin(recovery, POST)).HasField("grant")
    assert await timed.wakes(recovery.name) == 1
    answer = await timed.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))
    assert wants(answer.plan) == "CHAT_UNLOCKED: DONE"
    assert await timed.wakes(recovery.name) == 2


async def test_the_reply_of_a_rejected_contact_loses_its_link(timed: Tenant) -> None:
    recovery = await timed.in_recovery_state(await timed.ticket(), "REJECTED")
    assert wants(await timed.check(recovery)) == "REJECTED: RETRACT"


async def test_whoever_asks_with_the_time_of_the_report_needs_no_wake(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    before = await timed.wakes(recovery.name)
    plan = await posted(timed, recovery, await attempt(timed, recovery, POST))
    assert await timed.wakes(recovery.name) == before + 1
    # Another one's time, or another recovery, takes nothing back; nor is a wake taken back that is not a report's.
    await timed.submit(recovery)
    other = await timed.form(await timed.ticket())
    for name, off in ((recovery.name, 1), (other.name, 0)):
        request = workers.CheckRecoveryRequest(name=name, report_time=plan.plan_time)
        request.report_time.nanos += off * 1000
        await timed.worker.workers.CheckRecovery(request)
    assert await timed.wakes(recovery.name) == before + 2
    request = workers.CheckRecoveryRequest(name=recovery.name, report_time=plan.plan_time)
    assert wants((await timed.worker.workers.CheckRecovery(request)).plan) == "CONTACT_RECEIVED: UNLOCK"
    assert await timed.wakes(recovery.name) == before + 1


# --- expiry -----------------------------------------------------------------------------------------------------------


async def test_a_form_waits_until_its_time_is_over_and_not_less(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await remind(timed)
    await timed.posted(recovery)
    clock.advance(days=4)
    assert wants(await posted(timed, recovery, await attempt(timed, recovery, READ))) == "AWAITING_CONTACT: WAIT"
    plan = await timed.check(recovery)
    assert wait(plan) == timedelta(days=26)
    clock.advance(days=26, microseconds=-1)
    expire = workers.ExpireFormRequest(name=recovery.name)
    before = await timed.wakes(recovery.name)
    plan = (await timed.worker.workers.ExpireForm(expire)).plan
    assert (wants(plan), wait(plan)) == ("AWAITING_CONTACT: WAIT", timedelta(microseconds=1))
    assert await timed.wakes(recovery.name) == before
    clock.advance(microseconds=1)
    assert wants(await timed.check(recovery)) == "AWAITING_CONTACT: EXPIRE"
    assert wants((await timed.worker.workers.ExpireForm(expire)).plan) == "EXPIRED: RETRACT"
    assert await timed.wakes(recovery.name) == before + 1
    assert wants((await timed.worker.workers.ExpireForm(expire)).plan) == "EXPIRED: RETRACT"
    assert await timed.wakes(recovery.name) == before + 1


async def test_an_operator_ends_a_form_before_its_time(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    clock.advance(hours=5)
    early = workers.ExpireFormRequest(name=recovery.name, early=True)
    assert wants((await timed.worker.workers.ExpireForm(early)).plan) == "EXPIRED: RETRACT"
    assert (await timed.log_types(ticket))[0] == "FORM_EXPIRED"
    ended = await timed.recovery(recovery)
    assert ended.expire_time == ended.end_time
    assert wants((await timed.worker.workers.ExpireForm(early)).plan) == "EXPIRED: RETRACT"
    assert (await timed.log_types(ticket)).count("FORM_EXPIRED") == 1


async def test_a_contact_that_was_faster_than_the_operator_stays(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    await timed.submit(recovery)
    early = workers.ExpireFormRequest(name=recovery.name, early=True)
    assert wants((await timed.worker.workers.ExpireForm(early)).plan) == "CONTACT_RECEIVED: UNLOCK"


async def test_a_form_that_could_not_be_posted_in_time_expires_too(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await attempt(timed, recovery, POST)
    clock.advance(days=30)
    assert wants(await timed.check(recovery)) == "FORM_REQUESTED: EXPIRE"
    assert not (await timed.begin(recovery, POST)).HasField("grant")
    answer = await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    assert wants(answer.plan) == "EXPIRED: READ"


async def test_a_contact_that_came_first_wins_over_the_expiry(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.submit(recovery)
    clock.advance(days=31)
    answer = await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    assert wants(answer.plan) == "CONTACT_RECEIVED: UNLOCK"


# --- moderation -------------------------------------------------------------------------------------------------------

CHECKS = (timedelta(minutes=10), timedelta(hours=1), timedelta(days=1), timedelta(days=3))
"""After posting; the default of CARE_MODERATION_CHECKS."""


async def test_the_site_is_read_again_at_each_configured_time_after_posting(
    timed: Tenant, clock: SettableClock
) -> None:
    recovery = await timed.form(await timed.ticket())
    await remind(timed)
    plan = await posted(timed, recovery, await attempt(timed, recovery, POST))
    passed = timedelta()
    for check in CHECKS:
        assert (wants(plan), wait(plan)) == ("AWAITING_CONTACT: WAIT", check - passed)
        clock.advance(seconds=(check - passed).total_seconds())
        passed = check
        assert wants(await timed.check(recovery)) == "AWAITING_CONTACT: READ"
        plan = await posted(timed, recovery, await attempt(timed, recovery, READ))
    assert (wants(plan), wait(plan)) == ("AWAITING_CONTACT: WAIT", MONTH - passed)


async def remind(tenant: Tenant, *hours: int) -> None:
    """Has assignees reminded so long after a form's reply is public, and never else."""
    after = [Duration(seconds=each * 3600) for each in hours]
    given = Settings(name=f"{tenant.name}/settings", form_reminders=FormReminders(after=after))
    await tenant.supervisor.settings.UpdateSettings(UpdateSettingsRequest(settings=given))


async def test_the_reminder_comes_in_its_time_and_after_the_site(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await remind(timed, 2)
    await posted(timed, recovery, await attempt(timed, recovery, POST))
    clock.advance(hours=1)
    plan = await posted(timed, recovery, await attempt(timed, recovery, READ))
    assert (wants(plan), wait(plan)) == ("AWAITING_CONTACT: WAIT", timedelta(hours=1))
    clock.advance(hours=1)
    assert wants(await timed.check(recovery)) == "AWAITING_CONTACT: REMIND"
    await timed.worker.workers.FireDeadline(workers.FireDeadlineRequest(name=ticket.name))
    assert (await timed.log_types(ticket))[0] == "FORM_REMINDED"
    assert wait(await timed.check(recovery)) == timedelta(hours=22)
    # What is due at the site comes first: a reply that was taken down is nothing to be reminded of.
    await remind(timed, 1, 24)
    clock.advance(hours=22)
    assert wants(await timed.check(recovery)) == "AWAITING_CONTACT: READ"
    plan = await posted(timed, recovery, await attempt(timed, recovery, READ))
    assert wants(plan) == "AWAITING_CONTACT: REMIND"


async def test_checks_that_were_missed_are_made_up_for_by_one(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    clock.advance(days=2)
    assert wants(await timed.check(recovery)) == "AWAITING_CONTACT: READ"
    plan = await posted(timed, recovery, await attempt(timed, recovery, READ))
    assert (wants(plan), wait(plan)) == ("AWAITING_CONTACT: WAIT", timedelta(days=1))


async def test_a_reply_that_was_taken_down_ends_its_recovery(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    clock.advance(hours=1)
    before = await timed.wakes(recovery.name)
    plan = await refused(timed, recovery, await attempt(timed, recovery, READ), TAKEN_DOWN)
    assert wants(plan) == "REFUSED: DONE"
    assert await timed.wakes(recovery.name) == before + 1
    assert (await timed.log_types(ticket))[0] == "FORM_REFUSED"
    assert (await timed.recovery(recovery)).refusal_reason == TAKEN_DOWN


async def test_reading_again_writes_no_activity_and_keeps_the_etag(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    before = await timed.get(ticket)
    clock.advance(hours=1)
    await posted(timed, recovery, await attempt(timed, recovery, READ))
    assert await timed.get(ticket) == before


async def test_a_posted_report_that_comes_late_again_makes_no_check_superfluous(
    timed: Tenant, clock: SettableClock
) -> None:
    recovery = await timed.form(await timed.ticket())
    number = await attempt(timed, recovery, POST)
    await posted(timed, recovery, number)
    clock.advance(minutes=11)
    # Nobody has read the site since: the doubled report must not count as if.
    assert wants(await posted(timed, recovery, number)) == "AWAITING_CONTACT: READ"


async def test_a_reading_attempt_that_a_contact_overtook_changes_nothing(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    clock.advance(hours=1)
    number = await attempt(timed, recovery, READ)
    await timed.submit(recovery)
    assert wants(await refused(timed, recovery, number, TAKEN_DOWN)) == "CONTACT_RECEIVED: UNLOCK"


# --- retraction -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["WITHDRAWN", "REPLACED", "REJECTED", "ENDED_BY_CLOSE"])
async def test_a_recovery_that_ends_with_its_link_public_takes_it_out(timed: Tenant, state: str) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, state)
    assert wants(await timed.check(recovery)) == f"{state}: RETRACT"
    grant = (await timed.begin(recovery, RETRACT)).grant
    assert grant.text.startswith("We are sorry. Please tell us how to reach you")
    assert grant.link not in grant.text
    assert "form_link" not in grant.text
    etag = (await timed.get(ticket)).etag
    assert wants(await retracted(timed, recovery, grant.attempt)) == f"{state}: DONE"
    assert (await timed.recovery(recovery)).HasField("retract_time")
    assert (await timed.log_types(ticket))[0] == "REPLY_RETRACTED"
    # Bookkeeping goes on after CLOSED too.
    assert int((await timed.get(ticket)).etag) == int(etag) + 1


async def test_a_retraction_that_was_handed_out_may_be_handed_out_again(timed: Tenant) -> None:
    recovery = await timed.in_recovery_state(await timed.ticket(), "WITHDRAWN")
    first, second = await attempt(timed, recovery, RETRACT), await attempt(timed, recovery, RETRACT)
    assert wants(await retracted(timed, recovery, first)) == "WITHDRAWN: RETRACT"
    assert wants(await retracted(timed, recovery, second)) == "WITHDRAWN: DONE"
    assert wants(await retracted(timed, recovery, second)) == "WITHDRAWN: DONE"


async def test_a_retraction_that_the_site_refuses_pauses_and_is_tried_again(
    timed: Tenant, clock: SettableClock
) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, "WITHDRAWN")
    plan = await refused(timed, recovery, await attempt(timed, recovery, RETRACT))
    assert wants(plan) == "WITHDRAWN: WAIT"
    assert wait(plan) > timedelta()
    assert (await timed.log_types(ticket))[0] == "RETRACTION_REFUSED"
    clock.advance(seconds=wait(plan).total_seconds())
    assert wants(await timed.check(recovery)) == "WITHDRAWN: RETRACT"
    assert wants(await retracted(timed, recovery, await attempt(timed, recovery, RETRACT))) == "WITHDRAWN: DONE"


async def test_a_retraction_that_pauses_holds_up_no_newer_form(timed: Tenant) -> None:
    ticket = await timed.ticket()
    older = await timed.in_recovery_state(ticket, "WITHDRAWN")
    number = await attempt(timed, older, RETRACT)
    newer = await timed.form(ticket)
    assert wants(await timed.check(newer)) == "FORM_REQUESTED: HOLD"
    await refused(timed, older, number)
    assert wants(await timed.check(newer)) == "FORM_REQUESTED: POST"


# --- one writer per review --------------------------------------------------------------------------------------------


async def both(timed: Tenant, clock: SettableClock, *, same_ticket: bool) -> tuple[Recovery, Recovery]:
    """An older recovery whose post is out as it ends, and a newer one: of one ticket, or of two of one review."""
    ticket = await timed.ticket()
    older = await timed.form(ticket)
    await attempt(timed, older, POST)
    if same_ticket:
        await withdraw(timed, older)
    else:
        ticket = await follow_up(timed, ticket)
    newer = await timed.form(ticket)
    settle(clock)
    return older, newer


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_newer_form_holds_until_the_older_ones_outcome_is_recorded(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await both(timed, clock, same_ticket=same_ticket)
    plan = await timed.check(newer)
    assert wants(plan) == "FORM_REQUESTED: HOLD"
    assert timedelta() < wait(plan) < timedelta(minutes=1)
    assert not (await timed.begin(newer, POST)).HasField("grant")
    await refused(timed, older, await attempt(timed, older, READ))
    assert wants(await timed.check(newer)) == "FORM_REQUESTED: POST"


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_retraction_holds_while_a_newer_reply_is_out_and_is_superfluous_once_it_is_posted(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await both(timed, clock, same_ticket=same_ticket)
    await posted(timed, older, await attempt(timed, older, READ))
    number = await attempt(timed, newer, POST)
    plan = await timed.check(older)
    assert wants(plan).endswith(": HOLD")
    assert timedelta() < wait(plan) < timedelta(minutes=1)
    assert not (await timed.begin(older, RETRACT)).HasField("grant")
    await posted(timed, newer, number)
    assert wants(await timed.check(older)).endswith(": DONE")


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_newer_reply_that_was_refused_leaves_the_retraction_necessary(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await both(timed, clock, same_ticket=same_ticket)
    await posted(timed, older, await attempt(timed, older, READ))
    assert wants(await timed.check(older)).endswith(": RETRACT")
    await refused(timed, newer, await attempt(timed, newer, POST))
    assert wants(await timed.check(older)).endswith(": RETRACT")
    assert wants(await retracted(timed, older, await attempt(timed, older, RETRACT))).endswith(": DONE")


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_newer_form_holds_while_the_older_link_is_being_taken_out(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await both(timed, clock, same_ticket=same_ticket)
    await posted(timed, older, await attempt(timed, older, READ))
    number = await attempt(timed, older, RETRACT)
    assert wants(await timed.check(newer)) == "FORM_REQUESTED: HOLD"
    await retracted(timed, older, number)
    assert wants(await timed.check(newer)) == "FORM_REQUESTED: POST"


async def test_attempts_are_numbered_per_review_whichever_ticket_they_are_for(
    timed: Tenant, clock: SettableClock
) -> None:
    ticket = await timed.ticket()
    older = await timed.form(ticket)
    numbers = [await attempt(timed, older, POST)]
    newer = await timed.form(await follow_up(timed, ticket))
    settle(clock)
    numbers.append(await attempt(timed, older, READ))
    await refused(timed, older, numbers[-1])
    numbers.append(await attempt(timed, newer, POST))
    assert numbers == sorted(set(numbers))
    # The older recovery's number means nothing to the newer one.
    assert wants(await posted(timed, newer, numbers[0])) == "FORM_REQUESTED: POST"


async def test_forms_of_two_reviews_do_not_wait_for_each_other(timed: Tenant) -> None:
    first, second = await timed.form(await timed.ticket()), await timed.form(await timed.ticket())
    await attempt(timed, first, POST)
    assert wants(await timed.check(second)) == "FORM_REQUESTED: POST"


# --- ended recoveries, CLOSED tickets, and what is not there ----------------------------------------------------------


@pytest.mark.parametrize("state", [state for state in ENDED_STATES if state != "EXPIRED"])
async def test_every_report_about_an_ended_recovery_is_a_success_that_keeps_its_state(
    timed: Tenant, state: str
) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, state)
    before, woken = await timed.recovery(recovery), await timed.wakes(recovery.name)
    plans = [
        await posted(timed, recovery, 1),
        await refused(timed, recovery, 1),
        await retracted(timed, recovery, 1),
        (await timed.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))).plan,
        (await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))).plan,
    ]
    assert {wants(plan).partition(":")[0] for plan in plans} == {state}
    assert await timed.recovery(recovery) == before
    assert await timed.wakes(recovery.name) == woken


async def test_an_outcome_is_still_recorded_after_the_ticket_is_closed(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    number = await attempt(timed, recovery, POST)
    await close(timed, ticket)
    assert wants(await timed.check(recovery)) == "ENDED_BY_CLOSE: HOLD"
    # The attempt that is out still has its say, as long as no other was handed out.
    assert wants(await posted(timed, recovery, number)) == "ENDED_BY_CLOSE: RETRACT"
    after = await timed.get(ticket)
    assert (after.status, after.recovery) == (ticket_pb2.TICKET_STATUS_CLOSED, "")


@pytest.mark.parametrize(
    "method",
    ["CheckRecovery", "BeginPosting", "RecordPosted", "RecordRefused", "RecordRetracted", "UnlockChat", "ExpireForm"],
)
async def test_a_recovery_that_is_not_there_is_not_found(timed: Tenant, method: str) -> None:
    ticket = await timed.ticket()
    missing = f"{ticket.name}/recoveries/0190a0a0-0000-7000-8000-000000000000"
    needed = {"step": POST, "attempt": 1, "reason": LINKS_NOT_ALLOWED}
    request = getattr(workers, f"{method}Request")
    fields = {name: value for name, value in needed.items() if name in request.DESCRIPTOR.fields_by_name}
    message = request(name=missing, **fields)
    error = await refusal(getattr(timed.worker.workers, method)(message))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": missing})


async def test_wrong_steps_and_reasons_are_refused(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    worker = timed.worker.workers
    for step in (workers.RECOVERY_STEP_UNSPECIFIED, workers.RECOVERY_STEP_UNLOCK, workers.RECOVERY_STEP_DONE):
        error = await refusal(worker.BeginPosting(workers.BeginPostingRequest(name=recovery.name, step=step)))
        assert_refused(error, "INVALID_FIELD")
        assert [violation.field for violation in error.field_violations] == ["step"]
    error = await refusal(worker.RecordRefused(workers.RecordRefusedRequest(name=recovery.name, attempt=1)))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["reason"]


async def test_no_plan_holds_anything_of_the_customer(timed: Tenant) -> None:
    recovery = await timed.in_recovery_state(await timed.ticket(), "CHAT_UNLOCKED")
    token = timed.form_token(recovery)
    plan = str(await timed.check(recovery))
    assert all(secret not in plan for secret in ("robin@example.com", "Robin", "Cold soup", "sorry", token))
