"""The steps of a recovery's workflow: grants, effects of reports, and the next step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from care_rules import commands
from care_rules.entities.recovery import RefusalReason
from care_rules.lifecycle import RecoveryState
from care_rules.names import RecoveryName, TicketName
from care_rules.recovery_plan import RecoveryStep
from care_rules.refusals import Reason
from care_rules.timing import DeadlineKind
from care_service.usecases import recoveries, recovery_steps
from care_service.usecases.links import Links
from care_service.usecases.recovery_steps import BegunPosting, RecoveryProgress
from tests.integration.usecases.office import REPLY, TIMING, WORKER, Office, assert_refused, recovery_name


async def request_form(office: Office) -> tuple[TicketName, RecoveryName]:
    name = await office.ticket()
    return name, recovery_name(await office.form(name))


async def check(office: Office, name: RecoveryName) -> RecoveryProgress:
    return await recovery_steps.check_recovery(office.store, TIMING, name, None, WORKER, office.now)


async def begin(office: Office, name: RecoveryName, step: RecoveryStep, links: Links | None = None) -> BegunPosting:
    return await recovery_steps.begin_posting(
        office.store, links or office.links, TIMING, name, step, WORKER, office.now
    )


async def report(
    office: Office,
    name: RecoveryName,
    command: commands.RecordPosted | commands.RecordRefused | commands.RecordRetracted,
) -> RecoveryProgress:
    return await recovery_steps.report_posting(office.store, TIMING, name, command, WORKER, office.now)


async def test_the_grant_of_the_reply_contains_its_link_and_the_post_is_recorded(office: Office) -> None:
    name, recovery = await request_form(office)
    assert (await check(office, recovery)).plan.step is RecoveryStep.POST
    begun = await begin(office, recovery, RecoveryStep.POST)
    grant = begun.grant
    assert grant is not None
    assert (grant.attempt, grant.read_first, grant.text) == (1, False, REPLY.replace("{form_link}", grant.link))
    assert office.links.read_form_token(grant.link.rpartition("/")[2]) == (recovery.id, "k1")
    # A grant is not visible: it writes no activity and changes no deadline.
    assert (await office.log(name))[0] == "FORM_REQUESTED"
    office.later(minutes=5)
    progress = await report(office, recovery, commands.RecordPosted(1))
    assert progress.snapshot.recovery.state is RecoveryState.AWAITING_CONTACT
    assert (progress.plan.step, progress.plan.wait) == (RecoveryStep.WAIT, timedelta(minutes=10))
    timing = (await office.load(name)).ticket.timing
    assert (timing.first_response_time, timing.waits_since) == (office.now, office.now)


async def test_a_second_attempt_reads_first(office: Office) -> None:
    _, recovery = await request_form(office)
    await begin(office, recovery, RecoveryStep.POST)
    assert (await begin(office, recovery, RecoveryStep.READ)).grant is None
    again = await begin(office, recovery, RecoveryStep.POST)
    assert again.grant is not None
    assert (again.grant.attempt, again.grant.read_first) == (2, True)
    # The report of the first attempt no longer changes anything.
    progress = await report(office, recovery, commands.RecordPosted(1))
    assert progress.snapshot.recovery.state is RecoveryState.FORM_REQUESTED


async def test_a_step_that_is_not_next_is_not_granted(office: Office) -> None:
    _, recovery = await request_form(office)
    begun = await begin(office, recovery, RecoveryStep.RETRACT)
    assert (begun.grant, begun.progress.plan.step) == (None, RecoveryStep.POST)


async def test_nothing_is_granted_without_the_key_of_the_link(office: Office) -> None:
    _, recovery = await request_form(office)
    without = Links({"k2": b"o" * 32}, "k2", office.links.base_url)
    await assert_refused(begin(office, recovery, RecoveryStep.POST, without), Reason.LINK_UNKNOWN)
    begun = await begin(office, recovery, RecoveryStep.POST)
    assert begun.grant is not None
    assert begun.grant.attempt == 1


async def test_a_refused_reply_ends_the_recovery_and_restarts_the_inactivity(office: Office) -> None:
    name, recovery = await request_form(office)
    await begin(office, recovery, RecoveryStep.POST)
    office.later(days=40)
    refused = commands.RecordRefused(1, RefusalReason.LINKS_NOT_ALLOWED, "No links")
    progress = await report(office, recovery, refused)
    assert (progress.snapshot.recovery.state, progress.plan.step) == (RecoveryState.REFUSED, RecoveryStep.DONE)
    timing = (await office.load(name)).ticket.timing
    assert (timing.next_kind, timing.next_time) == (DeadlineKind.INACTIVITY_WARNING, office.now + timedelta(days=27))


async def test_a_withdrawn_form_is_retracted_without_its_link(office: Office) -> None:
    _, recovery = await request_form(office)
    await office.post(recovery)
    await recoveries.withdraw_recovery_form(office.store, office.reader, recovery, office.request())
    # An attempt without an outcome is repeated. Only a post of the link has to read the site first.
    for attempt in (2, 3):
        grant = (await begin(office, recovery, RecoveryStep.RETRACT)).grant
        assert grant is not None
        assert (grant.attempt, grant.read_first) == (attempt, False)
        assert grant.text == "We are sorry. Please tell us how to reach you."
    progress = await report(office, recovery, commands.RecordRetracted(3))
    assert progress.plan.step is RecoveryStep.DONE


async def test_a_form_expires_at_its_time_and_not_before(office: Office) -> None:
    name, recovery = await request_form(office)
    await office.post(recovery)
    office.later(days=30, seconds=-1)
    expire = commands.ExpireForm()
    early = await recovery_steps.expire_form(office.store, TIMING, recovery, expire, WORKER, office.now)
    assert early.snapshot.recovery.state is RecoveryState.AWAITING_CONTACT
    office.later(seconds=1)
    expired = await recovery_steps.expire_form(office.store, TIMING, recovery, expire, WORKER, office.now)
    assert (expired.snapshot.recovery.state, expired.plan.step) == (RecoveryState.EXPIRED, RecoveryStep.RETRACT)
    assert (await office.load(name)).ticket.timing.active_time == office.now


async def test_the_chat_is_unlocked_once_and_greets_the_customer(office: Office) -> None:
    name, recovery = await request_form(office)
    await office.post(recovery)
    form = await office.reader.recovery(recovery)
    assert form is not None
    await office.submit(form.recovery)
    for _ in range(2):
        progress = await recovery_steps.unlock_chat(office.store, office.links, TIMING, recovery, WORKER, office.now)
        assert progress.snapshot.recovery.state is RecoveryState.CHAT_UNLOCKED
    assert (await office.log(name)).count("CHAT_UNLOCKED") == 1
    assert [kind for kind, _ in await office.thread(name)].count("AGENT_MESSAGE") == 1
    assert await office.wakes("MessageDelivery") == 1


async def test_a_check_cancels_the_wake_of_the_workflows_own_report(office: Office) -> None:
    _, recovery = await request_form(office)
    early = commands.ExpireForm(early=True)
    await recovery_steps.expire_form(office.store, TIMING, recovery, early, WORKER, office.now)
    waiting, reported = await office.wakes("ContactRecovery"), office.now
    office.later(seconds=1)
    await recovery_steps.check_recovery(office.store, TIMING, recovery, reported, WORKER, office.now)
    assert await office.wakes("ContactRecovery") == waiting - 1


async def test_an_unknown_recovery_and_another_organizations_are_not_found(office: Office) -> None:
    name, recovery = await request_form(office)
    unknown = RecoveryName(office.id, name.number, uuid4())
    await assert_refused(check(office, unknown), Reason.RESOURCE_NOT_FOUND)
    other = replace(WORKER, organization="another")
    checked = recovery_steps.check_recovery(office.store, TIMING, recovery, None, other, office.now)
    await assert_refused(checked, Reason.RESOURCE_NOT_FOUND)
