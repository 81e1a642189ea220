"""A team's workflows use Care's workflows: they start one as a child, or wait for one that already runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError, ChildWorkflowError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from care.v1.recovery_pb2 import RECOVERY_STATE_CHAT_UNLOCKED, RECOVERY_STATE_EXPIRED
from care.v1.workflows_pb2 import ContactRecoveryResult
from care_workflows import CarePlugin, embedding
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.testing import CareTestKit, Policy
from examples.compensation import ISSUE_VOUCHER, Compensation
from tests.support import temporal
from tests.workflows.embedding_team import Pokes, RunsRecovery

STARTED = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
FAILED_TO_START = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """One server per test, as the kit requires."""
    async with temporal.time_skipping() as found:
        yield found


@asynccontextmanager
async def embed_workflows(
    environment: WorkflowEnvironment, *, relay: bool, policy: Policy | None = None
) -> AsyncIterator[CareTestKit]:
    """Runs a team's worker with the team's workflows and Care's."""
    async with (
        CareTestKit(environment, relay=relay, policy=policy) as kit,
        Worker(environment.client, task_queue="care", workflows=[RunsRecovery, Pokes], plugins=[kit.plugin]),
    ):
        yield kit


async def run(client: Client, recovery: str) -> WorkflowHandle[RunsRecovery, ContactRecoveryResult]:
    return await client.start_workflow(RunsRecovery.run, recovery, id=f"mine-{uuid4()}", task_queue="care")


async def events(handle: WorkflowHandle[Any, Any]) -> Sequence[EventType.ValueType]:
    return [event.event_type for event in (await handle.fetch_history()).events]


async def test_a_recovery_runs_as_a_child(environment: WorkflowEnvironment) -> None:
    async with embed_workflows(environment, relay=False) as kit:
        form = await kit.send_form(await kit.create_ticket())
        handle = await run(environment.client, form)
        while kit.recovery(form).state != "AWAITING_CONTACT":
            await environment.sleep(timedelta(seconds=1))
        await kit.wait_until_idle(form)
        await kit.submit_contact(form)
        await embedding.wake(environment.client, form)
        result = await handle.result()
        assert result.plan.state == RECOVERY_STATE_CHAT_UNLOCKED
        assert STARTED in await events(handle)
        assert FAILED_TO_START not in await events(handle)


async def test_a_recovery_that_runs_already_is_awaited(environment: WorkflowEnvironment) -> None:
    async with embed_workflows(environment, relay=True, policy=Policy(form_lifetime=timedelta(days=5))) as kit:
        form = await kit.send_form(await kit.create_ticket())
        await kit.wait_until_idle(form)
        handle = await run(environment.client, form)
        result = await handle.result()
        assert result.plan.state == RECOVERY_STATE_EXPIRED
        ended = kit.recovery(form).end_time
        assert ended is not None
        # By then the pauses have grown to an hour.
        assert result.plan.plan_time.ToDatetime(ended.tzinfo) - ended <= embedding.LONGEST_PAUSE + timedelta(minutes=1)
        assert FAILED_TO_START in await events(handle)


@pytest.mark.parametrize("reached", [True, False])
async def test_the_vouchers_workflow_is_tested_with_the_kit(environment: WorkflowEnvironment, reached: bool) -> None:
    """The example of `docs/embedding.md` can be tested with the kit."""
    issued: list[str] = []

    @activity.defn(name=ISSUE_VOUCHER)
    async def issue(recovery: str) -> None:
        issued.append(recovery)

    async with (
        CareTestKit(environment) as kit,
        Worker(
            environment.client,
            task_queue="care",
            workflows=[Compensation],
            activities=[issue],
            plugins=[kit.plugin],
        ),
    ):
        form = await kit.send_form(await kit.create_ticket())
        await kit.wait_until_idle(form)
        await environment.sleep(timedelta(days=2))
        if reached:
            await kit.submit_contact(form)
        else:
            await kit.wait_until_idle(form)
            await kit.withdraw_form(form)
        compensated = await environment.client.execute_workflow(
            Compensation.run, form, id=f"mine-{uuid4()}", task_queue="care"
        )
    assert (compensated, issued) == (reached, [form] if reached else [])


async def test_a_recovery_outlives_the_workflow_that_embeds_it(environment: WorkflowEnvironment) -> None:
    async with embed_workflows(environment, relay=False) as kit:
        form = await kit.send_form(await kit.create_ticket())
        handle = await run(environment.client, form)
        while kit.recovery(form).state != "AWAITING_CONTACT":
            await environment.sleep(timedelta(seconds=1))
        await kit.wait_until_idle(form)
        await handle.terminate()
        await kit.submit_contact(form)
        await kit.run_to_end(form)
        assert kit.recovery(form).state == "CHAT_UNLOCKED"


async def test_the_embedding_workflow_can_be_cancelled_and_the_recovery_continues(
    environment: WorkflowEnvironment,
) -> None:
    async with embed_workflows(environment, relay=False) as kit:
        form = await kit.send_form(await kit.create_ticket())
        handle = await run(environment.client, form)
        while kit.recovery(form).state != "AWAITING_CONTACT":
            await environment.sleep(timedelta(seconds=1))
        await kit.wait_until_idle(form)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, CancelledError)
        await kit.submit_contact(form)
        await kit.run_to_end(form)
        assert kit.recovery(form).state == "CHAT_UNLOCKED"


async def test_a_recovery_that_does_not_exist_fails_with_the_contracts_reason(environment: WorkflowEnvironment) -> None:
    async with embed_workflows(environment, relay=False) as kit:
        form = await kit.send_form(await kit.create_ticket())
        handle = await run(environment.client, f"{form.rpartition('/')[0]}/{uuid4()}")
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    child = caught.value.cause
    assert isinstance(child, ChildWorkflowError)
    assert isinstance(child.cause, ApplicationError)
    assert child.cause.type == "RESOURCE_NOT_FOUND"


async def test_an_invalid_recovery_name_fails_at_once(environment: WorkflowEnvironment) -> None:
    async with embed_workflows(environment, relay=False):
        handle = await run(environment.client, "tickets/17")
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "INVALID_FIELD"


async def test_start_or_poke_starts_a_new_workflow_and_pokes_a_running_one(environment: WorkflowEnvironment) -> None:
    async with embed_workflows(environment, relay=False) as kit:
        ticket = await kit.create_ticket()
        poked = environment.client.get_workflow_handle(embedding.workflow_id(ticket))
        for times in range(2):
            # Skipped time could end the ticket's workflow before it is poked.
            with environment.auto_time_skipping_disabled():
                await environment.client.execute_workflow(Pokes.run, ticket, id=f"mine-{uuid4()}", task_queue="care")
            await kit.wait_until_idle(ticket)
            assert (await events(poked)).count(SIGNALED) == times


async def test_workers_use_the_plugin_of_their_client(environment: WorkflowEnvironment) -> None:
    async with CareTestKit(environment) as kit:
        config = environment.client.config()
        config["plugins"] = [kit.plugin]
        client = Client(**config)
        async with Worker(client, task_queue="care"):
            await kit.run_to_end(await kit.add_contact(await kit.create_ticket(review=None)))


def test_importing_the_package_loads_no_channel_and_no_client() -> None:
    """Importing the workflows or `embedding`, as the sandbox does, loads no channel and no client."""
    program = (
        "import sys, care_workflows, care_workflows.embedding;"
        "print(sorted({'care_client.client', 'httpx', 'aiosmtplib', 'care_workflows.plugin'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
    assert CarePlugin.__module__ == "care_workflows.plugin"


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import care_workflows

    with pytest.raises(AttributeError, match="Nonsense"):
        _ = care_workflows.Nonsense


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("organizations/acme/tickets/17/recoveries/r1", "contact-recovery/acme/17/r1"),
        ("organizations/acme/tickets/17/messages/m1", "message-delivery/acme/17/m1"),
        ("organizations/acme/tickets/17", "ticket/acme/17"),
    ],
)
def test_each_resource_name_has_its_workflow(name: str, expected: str) -> None:
    assert embedding.workflow_id(name) == expected
    assert {pair.key.name: pair.value for pair in embedding.search_attributes(name)} == {
        "CareOrganization": "acme",
        "CareTicket": "acme/17",
    }


def test_other_names_have_no_workflow() -> None:
    with pytest.raises(ValueError, match="not the name of"):
        embedding.workflow_id("organizations/acme/reviews/1")


def test_the_kit_and_the_workflow_mean_the_same_type() -> None:
    assert embedding.workflow_type("organizations/acme/tickets/17/recoveries/r1") == ContactRecovery.__name__
