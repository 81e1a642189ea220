"""The runbook has twelve questions, each with screenshots and with filters that find the right workflows."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from care.v1 import worker_service_pb2 as worker
from care.v1.recovery_pb2 import RECOVERY_STATE_AWAITING_CONTACT, RECOVERY_STATE_FORM_REQUESTED
from care.v1.worker_service_pb2 import DeadlinePlan, RecoveryPlan
from care_workflows import search_attributes as attributes
from care_workflows.search_attributes import Update
from tests.support.system import eventually
from tests.support.temporal import dev_server
from tools.screenshots.__main__ import SHOTS
from tools.screenshots.questions import PAGE, Question, parse_questions, shift_times

NOW = datetime.now(UTC)
QUESTIONS = parse_questions(shift_times(PAGE.read_text(encoding="utf-8"), NOW))
IMAGES = [image for question in QUESTIONS for image in question.images]

NOTHING = TypedSearchAttributes.empty
QUEUE = "runbook"


def _stamp(time: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(time)
    return found


def _form(expires: timedelta) -> list[Update]:
    """Returns the attributes of a recovery that waits for the customer."""
    plan = RecoveryPlan(
        step=worker.RECOVERY_STEP_WAIT,
        state=RECOVERY_STATE_AWAITING_CONTACT,
        plan_time=_stamp(NOW),
        wait=Duration(seconds=600),
        expire_time=_stamp(NOW + expires),
    )
    return attributes.recovery_updates(plan, NOTHING)


def _ticket(deadline: timedelta) -> list[Update]:
    """Returns the attributes of a ticket's workflow that waits for a deadline."""
    plan = DeadlinePlan(step=worker.DEADLINE_STEP_WAIT, deadline_time=_stamp(NOW + deadline))
    return attributes.ticket_updates(plan, NOTHING)


POSTING = attributes.recovery_updates(
    RecoveryPlan(step=worker.RECOVERY_STEP_POST, state=RECOVERY_STATE_FORM_REQUESTED, plan_time=_stamp(NOW)), NOTHING
)
PAUSED = attributes.operator_wait_updates(NOTHING)

# By the number of the question: for each filter of the question, the workflow ids that it finds.
FOUND = {
    1: [["contact-recovery/acme/1", "contact-recovery/acme/2"]],
    2: [["contact-recovery/acme/2"]],
    3: [["contact-recovery/acme/3"]],
    4: [["message-delivery/acme/5", "ticket/acme/5"]],
    5: [["ticket/acme/6"]],
    6: [["contact-recovery/acme/4"]],
    7: [["message-delivery/acme/5"]],
    8: [["contact-recovery/acme/11"]],
    9: [["ticket/acme/13", "ticket/acme/6"]],
    10: [["contact-recovery/acme/99", "ticket/acme/8"], ["ticket/acme/8", "ticket/acme/8"]],
    11: [["ticket/acme/10"], ["ticket/acme/13"]],
    12: [["ticket/acme/6"]],
}


@workflow.defn(name="ContactRecovery")
class Ends:
    """The only workflow of the only worker. It ends at once."""

    @workflow.run
    async def run(self, fails: bool) -> None:
        if fails:
            raise ApplicationError("no such recovery", type="RESOURCE_NOT_FOUND", non_retryable=True)


class Server:
    """Starts the workflows that operators look for. Workflows on a queue without a worker keep running."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def start(
        self, workflow_id: str, sets: Collection[Update] = (), *, queue: str = "nobody", location: str = "soho"
    ) -> None:
        kind, organization, number = workflow_id.split("/")
        types = {"ticket": "TicketWorkflow", "message-delivery": "MessageDelivery"}
        pairs = [
            SearchAttributePair(attributes.ORGANIZATION, organization),
            SearchAttributePair(attributes.TICKET, f"{organization}/{number}"),
            SearchAttributePair(attributes.LOCATION, location),
            *[SearchAttributePair(update.key, update.value) for update in sets],
        ]
        await self.client.start_workflow(
            types.get(kind, "ContactRecovery"),
            number == "99",
            id=workflow_id,
            task_queue=queue,
            search_attributes=TypedSearchAttributes(pairs),
        )

    async def count(self, query: str) -> int:
        return (await self.client.count_workflows(query)).count


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Client]:
    # One failed task counts as a problem, so that the test need not wait for five.
    at_once = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=1"
    async with (
        dev_server(["--dynamic-config-value", at_once]) as environment,
        Worker(environment.client, task_queue=QUEUE, workflows=[Ends], workflow_runner=UnsandboxedWorkflowRunner()),
    ):
        found = Server(environment.client)
        await found.start("contact-recovery/acme/1", _form(timedelta(days=30)))
        await found.start("contact-recovery/acme/2", _form(timedelta(hours=12)))
        await found.start("contact-recovery/acme/3", POSTING, queue=QUEUE)
        await found.start("contact-recovery/acme/4", POSTING)
        await found.start("message-delivery/acme/5")
        await found.start("ticket/acme/5", _ticket(timedelta(days=2)))
        await found.start("ticket/acme/6", _ticket(timedelta(hours=23)), location="hackney")
        await found.start("ticket/acme/8", _ticket(timedelta(days=2)))
        await environment.client.get_workflow_handle("ticket/acme/8").terminate()
        await found.start("ticket/acme/8", _ticket(timedelta(days=2)))
        await found.start("ticket/acme/10", queue=QUEUE)
        await found.start("contact-recovery/acme/11", PAUSED)
        await found.start("ticket/acme/13", _ticket(timedelta(hours=-1)))
        await found.start("contact-recovery/acme/99", queue=QUEUE)

        async def all_there() -> bool:
            ended = [await found.count(f'ExecutionStatus="{each}"') for each in ("Completed", "Failed", "Terminated")]
            problems = await found.count("TemporalReportedProblems IS NOT NULL")
            return [await found.count(""), *ended, problems] == [13, 1, 1, 1, 1]

        await eventually("everything that operators are to find", all_there)
        yield environment.client


def test_there_are_twelve_questions_with_filters_and_screenshots() -> None:
    assert [question.number for question in QUESTIONS] == list(range(1, 13))
    assert [question.title for question in QUESTIONS if not question.filters or not question.images] == []


def test_the_screenshots_are_there_and_the_script_takes_them() -> None:
    assert sorted(image.stem for image in IMAGES) == sorted(SHOTS)
    assert sorted(path.name for path in PAGE.parent.glob("images/*.png")) == sorted(image.name for image in IMAGES)
    for image in IMAGES:
        # PNG, section 5: the signature, then the chunk IHDR, which begins with the width.
        signature, width = struct.unpack(">8s8xI", image.read_bytes()[:20])
        assert (signature, width) == (b"\x89PNG\r\n\x1a\n", 1280), image.name


@pytest.mark.parametrize("question", QUESTIONS, ids=[str(question.number) for question in QUESTIONS])
async def test_the_filters_find_what_the_question_asks_for(server: Client, question: Question) -> None:
    found = [sorted([each.id async for each in server.list_workflows(query)]) for query in question.filters]
    assert found == FOUND[question.number]


def test_all_times_of_the_page_are_shifted_by_the_same_amount() -> None:
    page = "It is 2026-11-23T10:45:00Z; until 2026-11-24T10:45:00Z, since 2026-11-23T10:40:00Z."
    moved = shift_times(page, datetime(2027, 3, 1, 0, 0, 30, 999, tzinfo=UTC))
    assert moved == "It is 2027-03-01T00:00:30Z; until 2027-03-02T00:00:30Z, since 2027-02-28T23:55:30Z."
    assert shift_times(moved, datetime(2026, 11, 23, 10, 45, tzinfo=UTC)) == page
