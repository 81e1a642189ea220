"""The processes of `care serve --processes N` share the ports and end together. A service drains before it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc
import httpx
import psutil
import pytest

from care.v1 import lifecycle_service_pb2 as lifecycle
from care.v1 import ticket_service_pb2 as tickets
from care_client.client import CareClient
from care_dev.stack.ports import HOST
from care_dev.stack.processes import inherited_environment
from tests.e2e.program import run_care
from tests.e2e.scenario import ORGANIZATION, Scenario
from tests.support.operations import check_health, scrape_metrics, watch_health
from tests.support.system import System, eventually
from tools import ports

METHOD = "care.v1.LifecycleService/GetLifecycle"
COUNT = f'care_calls_total{{code="OK",method="{METHOD}",reason="OK"}}'


@dataclass
class Serving:
    """A second service on the system's database."""

    process: Process
    grpc: str
    metrics: str
    log: Path

    @property
    def members(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    async def healthy(self) -> bool:
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(trust_env=False) as http:
                return (await http.get(self.metrics.replace("/metrics", "/healthz"))).status_code == httpx.codes.OK
        return False

    async def ended(self) -> int:
        """Waits for the end and returns the exit status."""
        async with asyncio.timeout(60):
            return await self.process.wait()


@asynccontextmanager
async def run_service(system: System, folder: Path, *options: str) -> AsyncIterator[Serving]:
    """Runs `care serve` until the block ends. Enters the block when the service is healthy."""
    first = ports.first_free(2)
    grpc_address, metrics_address = f"{HOST}:{first}", f"{HOST}:{first + 1}"
    own = {"CARE_GRPC_ADDRESS": grpc_address, "CARE_METRICS_ADDRESS": metrics_address, "CARE_DRAIN_TIME": "30s"}
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "care_cli", "serve", *options),
            # The service's temporary files are in the test's folder, because a killed parent does not remove them.
            env={**inherited_environment(), **system.stack.environment["serve"], **own, "TMPDIR": str(folder)},
            stdin=PIPE,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    found = Serving(process, grpc_address, f"http://{metrics_address}/metrics", log)
    try:
        await eventually(f"health of {options}", found.healthy)
        yield found
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def make_calls(service: Serving, times: int) -> None:
    """Makes `times` calls, each on a new connection."""
    for number in range(times):
        # Channels with the same options would share a connection.
        async with grpc.aio.insecure_channel(service.grpc, options=[("care.test", number)]) as channel:
            await CareClient(channel).lifecycle.GetLifecycle(lifecycle.GetLifecycleRequest())


async def test_processes_share_a_port_are_replaced_and_counted_together(system: System, tmp_path: Path) -> None:
    async with run_service(system, tmp_path, "--processes", "2") as service:

        async def complete() -> bool:
            return (await scrape_metrics(service.metrics)).get("care_processes") == 2

        await eventually("two processes", complete)
        before = {member.pid for member in service.members}
        assert len(before) == 2
        await make_calls(service, 20)
        assert (await scrape_metrics(service.metrics))[COUNT] == 20

        # If one process dies, the other continues, counters keep their values, and a new process starts.
        os.kill(min(before), signal.SIGKILL)

        async def is_replaced() -> bool:
            now = {member.pid for member in service.members}
            return len(now) == 2 and now != before and await complete()

        await eventually("another process", is_replaced)
        await make_calls(service, 20)
        assert (await scrape_metrics(service.metrics))[COUNT] == 40
        assert await check_health(service.grpc) == "SERVING"

        members = service.members
        service.process.terminate()
        assert await service.ended() == 0
        assert [member for member in members if member.is_running()] == []
    log = service.log.read_text()
    assert "process exited; restarting" in log
    assert "Traceback" not in log


async def test_the_processes_end_when_their_parent_is_killed(system: System, tmp_path: Path) -> None:
    async with run_service(system, tmp_path, "--processes", "2") as service:

        async def two() -> bool:
            return len(service.members) == 2

        await eventually("two processes", two)
        members = service.members
        service.process.kill()

        async def are_gone() -> bool:
            return not any(member.is_running() for member in members)

        await eventually("the end of the processes", are_gone)


@asynccontextmanager
async def lock_ticket(system: System, ticket: str) -> AsyncIterator[None]:
    """Makes every write to the ticket wait until the block ends."""
    connection = await asyncpg.connect(system.stack.database_url)
    try:
        async with connection.transaction():
            number = int(ticket.rpartition("/")[2])
            query = "SELECT 1 FROM tickets WHERE organization = $1 AND number = $2 FOR UPDATE"
            await connection.execute(query, ORGANIZATION, number)
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("options", [(), ("--processes", "2")], ids=["one", "two"])
async def test_a_draining_service_finishes_its_calls_and_accepts_no_new_ones(
    system: System, scenario: Scenario, tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with run_service(system, tmp_path, *options) as service, AsyncExitStack() as opened:
        token = system.stack.token(ORGANIZATION, "alice")
        alice = await opened.enter_async_context(CareClient.connect(service.grpc, token))
        health_of_tickets = await opened.enter_async_context(watch_health(service.grpc, "care.v1.TicketService"))
        assert await anext(health_of_tickets) == "SERVING"
        async with lock_ticket(system, scenario.ticket):
            call = asyncio.ensure_future(alice.tickets.StartTicket(tickets.StartTicketRequest(name=scenario.ticket)))

            async def under_way() -> bool:
                if call.done():
                    raise AssertionError(f"it did not wait: {call}")
                query = (
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE tickets%'"
                )
                return await system.sql(query) != []

            await eventually("a call that waits", under_way)
            service.process.terminate()
            assert await anext(health_of_tickets) == "NOT_SERVING"

            async def is_closed() -> bool:
                try:
                    await make_calls(service, 1)
                except grpc.aio.AioRpcError as error:
                    return error.code() is grpc.StatusCode.UNAVAILABLE
                return False

            await eventually("the end of new calls", is_closed)
            assert service.process.returncode is None
        assert (await call).ticket.name == scenario.ticket
        assert await service.ended() == 0


async def test_a_taken_port_is_reported_in_one_line(system: System, tmp_path: Path) -> None:
    for options in ((), ("--processes", "2")):
        variables = dict(system.stack.environment["serve"])
        del variables["CARE_METRICS_ADDRESS"]
        taken = await run_care("serve", *options, variables=variables, timeout=60)
        taken.assert_refused("CARE_GRPC_ADDRESS", system.stack.urls.grpc)
        variables = {**system.stack.environment["serve"], "CARE_GRPC_ADDRESS": f"{HOST}:0"}
        (await run_care("serve", *options, variables=variables, timeout=60)).assert_refused(
            "CARE_METRICS_ADDRESS", "another"
        )
