"""The activities against a real review site and a gRPC service: what they write and report, and what stays secret."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.workflows_pb2 import ContactRecoveryInput
from care_client.client import CareClient
from care_workflows import activity_options
from care_workflows.channels.errors import RefusalReason, ReplyRefused
from care_workflows.channels.local_site import LocalReviewSite
from care_workflows.channels.registry import ReviewSites
from care_workflows.channels.review_site import PublicReply, ReplyTarget
from care_workflows.recovery_activities import RecoveryActivities
from tests.workflows import review_site
from tests.workflows.review_site import LocalSite
from tests.workflows.worker_service import (
    LINK,
    RECOVERY,
    TEXT,
    TEXT_WITHOUT_LINK,
    TOKEN,
    ScriptedWorkerService,
    connect_worker,
)

START = ContactRecoveryInput(recovery=RECOVERY)
TICKET = "organizations/acme/tickets/17"
POSTED = worker.RecordPostedRequest(name=RECOVERY, attempt=7)
RETRACTED = worker.RecordRetractedRequest(name=RECOVERY, attempt=7)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[LocalSite]:
    async with review_site.running(tmp_path) as running:
        yield running


@pytest.fixture
def service() -> ScriptedWorkerService:
    return ScriptedWorkerService()


@pytest.fixture
async def care(service: ScriptedWorkerService) -> AsyncIterator[CareClient]:
    async with connect_worker(service) as client:
        yield client


@pytest.fixture
async def activities(care: CareClient, site: LocalSite) -> AsyncIterator[RecoveryActivities]:
    async with LocalReviewSite(site.url) as local:
        yield RecoveryActivities(care.workers, ReviewSites({"local": local}))


async def failure_of(step: object) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(step, START)  # type: ignore[arg-type]
    shown = "".join(traceback.format_exception(caught.value))
    assert LINK not in shown
    assert "Zoë" not in shown
    assert caught.value.__cause__ is None
    return caught.value


async def refusal_in(service: ScriptedWorkerService) -> worker.RecordRefusedRequest:
    [report] = service.reports
    assert isinstance(report, worker.RecordRefusedRequest)
    assert (report.name, report.attempt) == (RECOVERY, 7)
    return report


# --- posting ----------------------------------------------------------------------------------------------------------


async def test_reply_is_posted_and_reported(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    plan = await ActivityEnvironment().run(activities.post_reply, START)
    assert plan == service.plan
    assert await site.reply() == TEXT
    assert service.begun == [worker.RECOVERY_STEP_POST]
    assert service.reports == [POSTED]
    assert service.tokens == {f"Bearer {TOKEN}"}


async def test_repeated_attempt_writes_once(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    for _ in range(3):
        await ActivityEnvironment().run(activities.post_reply, START)
    assert await site.writes() == 1
    assert service.reports == [POSTED] * 3


async def test_later_attempt_reads_before_it_writes(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    """A later attempt reads first: the earlier attempt, which had another key for the adapter, may have succeeded."""
    await ActivityEnvironment().run(activities.post_reply, START)
    assert service.grant is not None
    service.grant.attempt, service.grant.read_first = 8, True
    await ActivityEnvironment().run(activities.post_reply, START)
    assert await site.writes() == 1
    assert service.reports[-1] == worker.RecordPostedRequest(name=RECOVERY, attempt=8)


async def test_later_attempt_writes_where_nothing_is_public(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    assert service.grant is not None
    service.grant.read_first = True
    await ActivityEnvironment().run(activities.post_reply, START)
    assert await site.reply() == TEXT
    assert service.reports == [POSTED]


async def test_step_that_is_no_longer_planned_does_nothing(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    service.grant = None
    for step in (activities.post_reply, activities.read_reply, activities.retract_reply):
        assert await ActivityEnvironment().run(step, START) == service.plan
    assert service.reports == []
    assert await site.writes() == 0


async def test_refusal_is_reported_with_the_message_of_the_site(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    await site.set_behavior("refuse_links")
    await ActivityEnvironment().run(activities.post_reply, START)
    report = await refusal_in(service)
    assert report.reason == recovery.REFUSAL_REASON_LINKS_NOT_ALLOWED
    assert "link" in report.provider_message


async def test_refusal_of_a_reply_that_is_already_public_is_reported_as_posted(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    await site.put_reply(TEXT)  # by an attempt that could not report its success
    await site.set_behavior("refuse_links")
    await ActivityEnvironment().run(activities.post_reply, START)
    assert service.reports == [POSTED]


async def test_attempt_can_be_retried_if_the_site_is_down(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    await site.set_behavior("down")
    for step in (activities.post_reply, activities.read_reply, activities.retract_reply):
        failure = await failure_of(step)
        assert (failure.type, failure.message, failure.non_retryable) == ("SiteUnavailable", "SERVER_ERROR", False)
    assert service.reports == []


async def test_attempt_ends_within_its_deadline(care: CareClient, service: ScriptedWorkerService) -> None:
    activities = RecoveryActivities(care.workers, ReviewSites({"local": SilentSite()}), timedelta(milliseconds=200))
    failure = await failure_of(activities.post_reply)
    assert (failure.type, failure.message) == ("SiteUnavailable", "ATTEMPT_DEADLINE")
    assert service.reports == []
    # Temporal starts the next attempt after this deadline.
    for options in (activity_options.SITE_RETRIES.early, activity_options.SITE_RETRIES.late):
        assert options["start_to_close_timeout"] > activity_options.ATTEMPT_DEADLINE  # type: ignore[operator]


async def test_site_without_adapter_is_refused(care: CareClient, service: ScriptedWorkerService) -> None:
    await ActivityEnvironment().run(RecoveryActivities(care.workers, ReviewSites({})).post_reply, START)
    assert (await refusal_in(service)).reason == recovery.REFUSAL_REASON_NOT_PERMITTED


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_public_reply_is_reported_as_posted(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    await site.put_reply(TEXT)
    await ActivityEnvironment().run(activities.read_reply, START)
    assert service.begun == [worker.RECOVERY_STEP_READ]
    assert service.reports == [POSTED]


@pytest.mark.parametrize("taken_down", [True, False], ids=["taken down", "replaced by one without the link"])
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (recovery.RECOVERY_STATE_AWAITING_CONTACT, recovery.REFUSAL_REASON_TAKEN_DOWN),
        (recovery.RECOVERY_STATE_WITHDRAWN, recovery.REFUSAL_REASON_OTHER),
    ],
)
async def test_reply_that_is_not_public_is_reported_as_refused(
    activities: RecoveryActivities,
    service: ScriptedWorkerService,
    site: LocalSite,
    state: recovery.RecoveryState.ValueType,
    reason: recovery.RefusalReason.ValueType,
    taken_down: bool,
) -> None:
    service.plan.state = state
    await site.put_reply(TEXT if taken_down else TEXT_WITHOUT_LINK)
    if taken_down:
        await site.take_down()
    await ActivityEnvironment().run(activities.read_reply, START)
    assert (await refusal_in(service)).reason == reason


async def test_review_that_is_gone_has_no_public_reply(
    activities: RecoveryActivities, service: ScriptedWorkerService
) -> None:
    assert service.grant
    service.grant.review_external_id = "gone"
    await ActivityEnvironment().run(activities.read_reply, START)
    assert (await refusal_in(service)).reason == recovery.REFUSAL_REASON_OTHER


async def test_site_that_may_not_be_read_causes_no_report(care: CareClient, service: ScriptedWorkerService) -> None:
    failure = await failure_of(RecoveryActivities(care.workers, ReviewSites({})).read_reply)
    assert (failure.type, failure.message, failure.non_retryable) == ("SiteUnavailable", "NOT_PERMITTED", False)
    assert service.reports == []


# --- removing the link ------------------------------------------------------------------------------------------------


@pytest.fixture
def without_link(service: ScriptedWorkerService) -> None:
    assert service.grant
    service.grant.text = TEXT_WITHOUT_LINK


@pytest.mark.usefixtures("without_link")
async def test_link_is_removed_and_reported(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    await site.put_reply(TEXT)
    await ActivityEnvironment().run(activities.retract_reply, START)
    assert await site.reply() == TEXT_WITHOUT_LINK
    assert service.begun == [worker.RECOVERY_STEP_RETRACT]
    assert service.reports == [RETRACTED]


@pytest.mark.usefixtures("without_link")
async def test_refused_retraction_is_reported(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    await site.put_reply(TEXT)
    await site.set_behavior("refuse_too_long")
    await ActivityEnvironment().run(activities.retract_reply, START)
    assert (await refusal_in(service)).reason == recovery.REFUSAL_REASON_TOO_LONG


@pytest.mark.usefixtures("without_link")
async def test_refused_retraction_of_a_reply_that_is_not_public_is_done(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    await site.put_reply(TEXT)
    await site.take_down()
    await site.set_behavior("refuse_too_long")
    await ActivityEnvironment().run(activities.retract_reply, START)
    assert service.reports == [RETRACTED]


# --- calls of the service ---------------------------------------------------------------------------------------------


async def test_service_steps_return_its_plan(activities: RecoveryActivities, service: ScriptedWorkerService) -> None:
    for step in (activities.check_recovery, activities.unlock_chat, activities.expire_form):
        assert await ActivityEnvironment().run(step, START) == service.plan
    assert service.reports == [
        worker.UnlockChatRequest(name=RECOVERY),
        worker.UnlockChatRequest(name=RECOVERY),
        worker.ExpireFormRequest(name=RECOVERY),
    ]


async def test_report_is_followed_by_a_check_so_that_no_poke_is_needed(
    activities: RecoveryActivities, service: ScriptedWorkerService, site: LocalSite
) -> None:
    service.plan.plan_time.FromMicroseconds(1_772_366_400_000_001)
    asked = worker.CheckRecoveryRequest(name=RECOVERY, report_time=service.plan.plan_time)
    await site.set_behavior("refuse_too_long")
    for step in (activities.post_reply, activities.expire_form, activities.expire_form_now):
        service.asked_after.clear()
        assert await ActivityEnvironment().run(step, START) == service.plan
        assert service.asked_after == [asked]


async def test_report_that_writes_no_wake_is_not_followed_by_a_check(
    activities: RecoveryActivities, service: ScriptedWorkerService
) -> None:
    for step in (activities.post_reply, activities.unlock_chat):
        assert await ActivityEnvironment().run(step, START) == service.plan
    assert service.asked_after == []


@pytest.mark.parametrize(
    ("step", "then"),
    [
        # A late attempt must not end the form and cancel the wake. So this step is an activity of its own.
        (worker.RECOVERY_STEP_EXPIRE, []),
        (
            worker.RECOVERY_STEP_REMIND,
            [worker.FireDeadlineRequest(name=TICKET), worker.CheckRecoveryRequest(name=RECOVERY)],
        ),
        (worker.RECOVERY_STEP_POST, []),
    ],
)
async def test_steps_of_the_service_are_done_within_the_check(
    activities: RecoveryActivities,
    service: ScriptedWorkerService,
    step: worker.RecoveryStep.ValueType,
    then: list[object],
) -> None:
    service.plan.step, service.plan.ticket = step, TICKET
    assert await ActivityEnvironment().run(activities.check_recovery, START) == service.plan
    assert service.reports == [worker.UnlockChatRequest(name=RECOVERY), *then]


@pytest.mark.parametrize(
    ("code", "reason", "hopeless"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", True),
        (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", True),
        (grpc.StatusCode.FAILED_PRECONDITION, "TICKET_CLOSED", True),
        (grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED", True),
        (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", True),
        (grpc.StatusCode.UNIMPLEMENTED, "", True),
        (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", False),
        (grpc.StatusCode.ABORTED, "CONTENDED", False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", False),
        (grpc.StatusCode.INTERNAL, "", False),
        (grpc.StatusCode.UNKNOWN, "", False),
    ],
)
async def test_refused_calls_fail_by_their_reason(
    activities: RecoveryActivities, service: ScriptedWorkerService, code: grpc.StatusCode, reason: str, hopeless: bool
) -> None:
    service.refusal = (code, reason)
    for step in (activities.check_recovery, activities.post_reply, activities.unlock_chat):
        failure = await failure_of(step)
        assert (failure.type, failure.non_retryable) == (reason or code.name, hopeless)
        assert failure.message == (f"{code.name}: {reason}" if reason else code.name)


# --- adapters of other teams ------------------------------------------------------------------------------------------


class SilentSite:
    """An adapter that never returns, and has no deadline of its own."""

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        await asyncio.Event().wait()

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        raise AssertionError("not to be read")

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        raise AssertionError("not to be written")


class TalkativeSite:
    """An adapter whose exceptions contain the text or the link of the reply."""

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        raise KeyError(text)

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        raise ReplyRefused(RefusalReason.OTHER, LINK)

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        raise asyncio.InvalidStateError(text)


async def test_text_of_an_adapters_exception_is_not_passed_on(care: CareClient, service: ScriptedWorkerService) -> None:
    activities = RecoveryActivities(care.workers, ReviewSites({"local": TalkativeSite()}))
    posting = await failure_of(activities.post_reply)
    assert posting.type == "AdapterError"
    assert posting.message.startswith("KeyError in test_recovery_activities.py, line ")
    assert (await failure_of(activities.retract_reply)).message.startswith("InvalidStateError in ")
    assert (await failure_of(activities.read_reply)).message == "OTHER"
    assert service.reports == []
