"""The embedded Temporal server: workflows survive kill -9 of the server, and search attributes exist at the start."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from care_dev.stack import temporal
from care_dev.stack.errors import StackError
from care_dev.stack.processes import Supervisor
from tests.integration.stack.conditions import Recorder

TICKET = SearchAttributeKey.for_keyword("StackTestTicket")


async def test_a_workflow_survives_kill_9_of_the_server(tmp_path: Path) -> None:
    recorder = Recorder()
    async with temporal.running(tmp_path, {TICKET.name: "Keyword"}, reporter=recorder) as server:
        client = await Client.connect(server.address, namespace=server.namespace)
        # A workflow can start without a worker.
        await client.start_workflow(
            "AnyWorkflow",
            id="kept",
            task_queue="nobody",
            search_attributes=TypedSearchAttributes([SearchAttributePair(TICKET, "acme/1")]),
        )
        os.kill(recorder.pids["temporal"], signal.SIGKILL)
        await recorder.healthy_again("temporal")
        await assert_kept(server.address)
    # Now only the file is left. The attributes are requested again.
    async with temporal.running(tmp_path, {TICKET.name: "Keyword"}) as server:
        await assert_kept(server.address)


async def assert_kept(address: str) -> None:
    client = await Client.connect(address)
    found = await client.get_workflow_handle("kept").describe()
    assert found.status is WorkflowExecutionStatus.RUNNING
    assert found.typed_search_attributes[TICKET] == "acme/1"


def test_its_ui_answers_and_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with temporal.temporal(tmp_path) as server:
        assert httpx.get(server.ui_url, follow_redirects=True, trust_env=False).is_success
        assert urlsplit(server.ui_url).hostname == "127.0.0.1"
        assert server.address.startswith("127.0.0.1:")


async def test_a_port_in_use_is_named_in_the_last_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with Supervisor(tmp_path / "logs") as supervisor:
            with pytest.raises(StackError, match=rf"(?s)Temporal did not become ready.*\n.*{port}"):
                await supervisor.start(temporal.part(tmp_path, port=port, ui_port=port))
