"""Worker versioning on a real server: the current version gets all tasks, even those of older workflows."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from care.v1.workflows_pb2 import TicketWorkflowInput, TicketWorkflowResult
from care_roles import environment
from care_roles.environment import ConfigurationError
from care_workflows import activity_names
from care_workflows.ticket_workflow import TicketWorkflow
from care_workflows.worker_version import VersionSettings
from tests.workflows.fake_ticket import FakeTicket, Handle, until_doing
from tests.workflows.test_worker import care_work, read_log_until
from tests.workflows.worker_service import TOKEN, ScriptedWorkerService, serve_worker_service

MONTH = timedelta(days=30)


def version_variables(deployment: str, build_id: str) -> dict[str, str]:
    return {"CARE_WORKER_DEPLOYMENT": deployment, "CARE_WORKER_BUILD_ID": build_id}


def worker_of(client: Client, fake: FakeTicket, deployment: str, build_id: str) -> Worker:
    settings = environment.load(VersionSettings, version_variables(deployment, build_id))
    return Worker(
        client,
        task_queue=fake.task_queue,
        workflows=[TicketWorkflow],
        activities=fake.activities,
        deployment_config=settings.deployment_config,
    )


async def make_current(client: Client, deployment: str, build_id: str) -> None:
    """Makes a version current as `temporal worker deployment set-current-version` does, once its workers are known."""
    version = WorkerDeploymentVersion(deployment_name=deployment, build_id=build_id)
    known = DescribeWorkerDeploymentVersionRequest(namespace=client.namespace, deployment_version=version)
    while True:
        try:
            await client.workflow_service.describe_worker_deployment_version(known)
            break
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=deployment, build_id=build_id
        )
    )


async def versions(handle: WorkflowHandle[TicketWorkflow, TicketWorkflowResult]) -> list[str]:
    """Returns the builds that processed a workflow, in order, without consecutive duplicates."""
    completed = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    builds = [
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in (await handle.fetch_history()).events
        if event.event_type == completed
    ]
    return [build for build, before in zip(builds, [None, *builds], strict=False) if build != before]


async def start(client: Client, task_queue: str, number: int) -> Handle:
    return await client.start_workflow(
        TicketWorkflow.run,
        TicketWorkflowInput(ticket=f"organizations/acme/tickets/{number}"),
        id=f"ticket/acme/{number}",
        task_queue=task_queue,
    )


async def test_a_waiting_workflow_follows_the_current_version(dev_client: Client) -> None:
    deployment, fake = f"care-{uuid4().hex}", FakeTicket(MONTH)
    async with worker_of(dev_client, fake, deployment, "1"), worker_of(dev_client, fake, deployment, "2"):
        await make_current(dev_client, deployment, "1")
        handle = await start(dev_client, fake.task_queue, fake.number)
        await until_doing(handle, "Waiting")
        assert await versions(handle) == ["1"]
        by_version = f'TemporalWorkerDeploymentVersion="{deployment}:1" AND ExecutionStatus="Running"'
        while not [found async for found in dev_client.list_workflows(by_version)]:  # the list is eventually consistent
            pass
        for build_id in ("2", "1"):  # a rollout and a rollback
            await make_current(dev_client, deployment, build_id)
            while (await versions(handle))[-1] != build_id:
                await handle.signal(TicketWorkflow.poke)
                await until_doing(handle, "Waiting")
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()
    assert await versions(handle) == ["1", "2", "1"]


async def test_a_workflow_of_a_worker_without_a_version_moves_to_the_first_version(dev_client: Client) -> None:
    deployment, fake = f"care-{uuid4().hex}", FakeTicket(MONTH)
    async with Worker(dev_client, task_queue=fake.task_queue, workflows=[TicketWorkflow], activities=fake.activities):
        handle = await start(dev_client, fake.task_queue, fake.number)
        await until_doing(handle, "Waiting")
    async with worker_of(dev_client, fake, deployment, "1"):
        await make_current(dev_client, deployment, "1")
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()
    assert await versions(handle) == ["", "1"]


async def test_a_version_that_is_not_current_gets_no_task(dev_client: Client) -> None:
    deployment, fake, other = f"care-{uuid4().hex}", FakeTicket(), FakeTicket()
    fake.closed = True
    other.task_queue = fake.task_queue
    async with worker_of(dev_client, fake, deployment, "1"):
        await make_current(dev_client, deployment, "1")
        async with worker_of(dev_client, other, deployment, "2"):
            handle = await start(dev_client, fake.task_queue, fake.number)
            await handle.result()
    assert (fake.calls, other.calls) == ([activity_names.GET_NEXT_DEADLINE], [])


async def test_the_role_works_once_its_version_is_current(dev_client: Client) -> None:
    deployment, queue = f"care-{uuid4().hex}", f"role-{uuid4().hex}"
    number = uuid4().int % 10**9
    async with serve_worker_service(ScriptedWorkerService()) as address:
        variables = {
            "CARE_SERVICE_ADDRESS": address,
            "CARE_TOKEN": TOKEN,
            "CARE_TASK_QUEUE": queue,
            "TEMPORAL_ADDRESS": dev_client.service_client.config.target_host,
            **version_variables(deployment, "build-7"),
        }
        async with care_work(**variables) as process:
            assert f"{deployment}.build-7" in await read_log_until(process, "worker ready")
            handle = await start(dev_client, queue, number)
            await make_current(dev_client, deployment, "build-7")
            await handle.result()
            process.terminate()
            await process.communicate()
    assert await versions(handle) == ["build-7"]
    assert process.returncode == 0


def test_without_a_deployment_there_are_no_versions() -> None:
    assert environment.load(VersionSettings, {}).deployment_config is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"CARE_WORKER_DEPLOYMENT": "care"}, "CARE_WORKER_BUILD_ID is missing"),
        ({"CARE_WORKER_BUILD_ID": "7"}, "CARE_WORKER_DEPLOYMENT is missing"),
        (version_variables("care.eu", "7"), "CARE_WORKER_DEPLOYMENT"),
    ],
)
def test_an_invalid_version_is_refused_in_one_line(given: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as refused:
        environment.load(VersionSettings, given)
    assert "\n" not in str(refused.value)
