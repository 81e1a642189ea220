"""Today's code can continue workflows that earlier code started: every committed history can be replayed."""

import os
import re
import socket
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType, TaskQueueKind
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, Worker
from temporalio.workflow import NondeterminismError

from care.v1 import recovery_pb2 as recovery
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.message_delivery import MessageDelivery
from care_workflows.ticket_workflow import TicketWorkflow
from tests.workflows.changed import Deprecated, Patched, Unguarded
from tests.workflows.fake_steps import FakeRecovery, wake
from tests.workflows.recording import committed, normal_form
from tests.workflows.recording.everything import PATHS

NAMES = committed.names()
OLD = "recovery-direct-contact"


async def replay(history: WorkflowHistory, *workflows: type) -> None:
    """Raises an error if the workflows' code differs from what the history recorded."""
    # A replay checks the order of commands. On a busy machine, a step of the replay may take longer than the two
    # seconds after which the deadlock detector interrupts a workflow. So the detector is off.
    await Replayer(workflows=workflows, debug_mode=True).replay_workflow(history)


@pytest.mark.parametrize("name", NAMES)
async def test_a_history_is_replayed(name: str) -> None:
    await replay(committed.load(name), ContactRecovery, MessageDelivery, TicketWorkflow)


def test_each_path_has_a_history_and_each_history_a_path() -> None:
    """Every path has a history, and every history has a path. `make histories` records missing ones."""
    assert {committed.path_of(name) for name in NAMES if committed.is_present(name)} == set(PATHS)
    assert {committed.path_of(name) for name in NAMES} == set(PATHS)


@pytest.mark.parametrize("name", [name for name, path in PATHS.items() if path.histories_are_short])
def test_a_path_with_a_short_history_continues_as_new(name: str) -> None:
    [history] = [committed.load(found) for found in committed.of_path(name)]
    assert history.events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW


@pytest.mark.parametrize("name", ["recovery-unlocked", "recovery-expired", "recovery-not-found"])
async def test_an_unsafe_change_is_found(name: str) -> None:
    [history] = [committed.load(found) for found in committed.of_path(name)]
    with pytest.raises(NondeterminismError):
        await replay(history, Unguarded)


# --- changing a workflow in steps: docs/changing-workflows.md ---------------------------------------------------------


async def record_history(client: Client, workflow: type) -> WorkflowHistory:
    """Returns the history of a run of this version of `ContactRecovery`, in the normal form of the committed files."""
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    async with Worker(client, task_queue=fake.task_queue, workflows=[workflow], activities=fake.activities):
        handle = await wake(client, fake)
        await handle.result()
        return normal_form.parse(normal_form.dump(await handle.fetch_history()))


async def test_each_step_of_a_change_continues_the_histories_of_the_step_before(dev_client: Client) -> None:
    old = committed.load(OLD)
    first, second, third = [await record_history(dev_client, step) for step in (Patched, Deprecated, Unguarded)]
    goes_on: list[tuple[WorkflowHistory, type]] = [
        *((old, Patched), (first, Patched), (first, Deprecated)),
        *((second, Deprecated), (second, Unguarded), (third, Unguarded)),
    ]
    for before, after in goes_on:
        await replay(before, after)
    # No step may be skipped.
    too_soon: list[tuple[WorkflowHistory, type]] = [
        *((old, Deprecated), (old, Unguarded), (first, ContactRecovery), (first, Unguarded)),
    ]
    for before, after in too_soon:
        with pytest.raises(NondeterminismError):
            await replay(before, after)


def test_the_history_before_a_patch_is_kept_beside_the_present_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committed, "FOLDER", tmp_path)
    committed.write("recovery-any.1", "before")
    committed.set_aside("recovery-any.1", "some-patch")
    committed.write("recovery-any.1", "after")
    assert committed.names() == ["recovery-any.1", "recovery-any.1.before-some-patch"]
    assert committed.of_path("recovery-any") == ["recovery-any.1"]
    assert {committed.path_of(name) for name in committed.names()} == {"recovery-any"}


# --- privacy of the files ---------------------------------------------------------------------------------------------


def texts(value: normal_form.Json) -> Iterator[str]:
    """Yields all texts in a file, with payloads decoded."""
    match value:
        case {"metadata": {"encoding": str()}, **rest}:
            yield b64decode(str(rest.get("data", ""))).decode()
        case dict():
            for key, inner in value.items():
                yield key
                yield from texts(inner)
        case list():
            for inner in value:
                yield from texts(inner)
        case str():
            yield value
        case _:  # for example numbers
            pass


@pytest.mark.parametrize("name", NAMES)
def test_a_history_contains_no_data_about_the_recording_machine(name: str) -> None:
    found = "\n".join(texts(normal_form.plain(committed.load(name))))
    of_machines = re.compile(
        r"\bpid\b|\d+@|\.py\b|identity|stackTrace|/(?:home|root|tmp|Users)/|127\.0\.0\.1|localhost"
    )
    assert of_machines.findall(found) == []
    assert [own for own in (socket.gethostname(), str(Path.cwd()), f"{os.getpid()}@") if own in found] == []


def test_the_normal_form_drops_data_about_the_machine() -> None:
    history = committed.load(OLD)
    for event in history.events:
        if event.HasField("workflow_task_started_event_attributes"):
            event.workflow_task_started_event_attributes.identity = "4711@host"
        if event.HasField("workflow_task_scheduled_event_attributes"):
            queue = event.workflow_task_scheduled_event_attributes.task_queue
            queue.name, queue.kind = "4711@host-queue", TaskQueueKind.TASK_QUEUE_KIND_STICKY
    assert "4711" not in normal_form.dump(history)
