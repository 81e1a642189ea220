"""Recoveries per second and their CPU time, beside a minimal workflow on the same Temporal server.

Each side waits once. Care's recovery waits for the customer, who submits the form when the reply is public. The minimal
workflow waits for a signal, which the benchmark sends after the first activity.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from base64 import urlsafe_b64decode
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from time import perf_counter
from typing import Final
from uuid import UUID

import asyncpg
from temporalio.client import Client

from benchmarks import load
from benchmarks.bench import Bench, Figures
from benchmarks.catalog import CARE, MINIMAL
from benchmarks.measure import Figure, alternate, cpu_seconds
from benchmarks.minimal.workflow import Minimal
from benchmarks.rows.reviewed_tickets import ORGANIZATION, create_tickets
from benchmarks.servers import run_program
from care.v1.activity_pb2 import ACTIVITY_TYPE_CHAT_UNLOCKED, ACTIVITY_TYPE_FORM_POSTED, ActivityType
from care.v1.conversation_service_pb2 import SendRecoveryFormRequest
from care.v1.customer_service_pb2 import SubmitContactRequest
from care.v1.ticket_service_pb2 import WatchTicketsRequest
from care_client.client import CareClient
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack
from care_service.usecases.links import Links

KEYS: Final = ("recoveries", "recovery_worker_cpu", "recovery_temporal_cpu")

_REPLY: Final = "We are sorry. Please tell us how to reach you: {form_link}"
_QUEUE: Final = "minimal"
_QUIET: Final = 0.1
"""Processes that together use less than this share of a core count as idle."""
_LOOK: Final = 0.3
"""Seconds over which the CPU use of the processes is measured, to know whether they are idle."""
_LIMIT: Final = 120.0
"""The time limit of a round, and of the wait for idle processes, in seconds."""

Recover = Callable[[int], Awaitable[None]]
"""Runs the recovery or the workflow with this index to its end."""


class _Recoveries:
    """Care's side: the agent who requests the forms, and the customers."""

    def __init__(self, stack: Stack, agent: CareClient, customer: CareClient, tickets: Sequence[str]) -> None:
        key_id, _, key = stack.environment["serve"]["CARE_LINK_KEYS"].partition(":")
        self._links = Links({key_id: urlsafe_b64decode(key)}, key_id, stack.urls.web)
        self._agent, self._customer, self._tickets = agent, customer, tickets
        self._reached: dict[tuple[str, ActivityType.ValueType], asyncio.Event] = defaultdict(asyncio.Event)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Records the activities of each ticket while the block runs."""
        call = self._agent.tickets.WatchTickets(WatchTicketsRequest(parent=f"organizations/{ORGANIZATION}"))
        stream = aiter(call)
        await anext(stream)  # the first message shows that the stream is open

        async def follow() -> None:
            async for change in stream:
                if change.HasField("activity"):
                    self._reached[change.ticket.name, change.activity.type].set()

        async with _in_background(follow()):
            yield

    async def recover(self, index: int) -> None:
        """Sends the form, submits it when the reply is public, and waits for the chat."""
        ticket = self._tickets[index]
        send = SendRecoveryFormRequest(parent=ticket, reply_text=_REPLY)
        recovery = (await self._agent.conversations.SendRecoveryForm(send)).recovery.name
        await self._reached[ticket, ACTIVITY_TYPE_FORM_POSTED].wait()
        token = self._links.form_token(UUID(recovery.rpartition("/")[2]), self._links.current)
        contact = SubmitContactRequest(token=token, email=f"customer-{index}@example.com", consent=True)
        await self._customer.customers.SubmitContact(contact)
        await self._reached[ticket, ACTIVITY_TYPE_CHAT_UNLOCKED].wait()


class _Workflows:
    """The minimal workflow's side."""

    def __init__(self, client: Client, worker: Process) -> None:
        self._client, self._worker = client, worker
        self._reported: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Reads the worker's output while the block runs."""
        output = self._worker.stdout
        assert output is not None

        async def follow() -> None:
            while line := await output.readline():
                self._reported[line.decode().strip()].set()

        async with _in_background(follow()):
            yield

    async def run(self, index: int) -> None:
        """Starts a workflow, signals it after its first activity, and waits for its end."""
        workflow_id = f"minimal-{index}"
        handle = await self._client.start_workflow(Minimal.run, workflow_id, id=workflow_id, task_queue=_QUEUE)
        await self._reported[workflow_id].wait()
        await handle.signal(Minimal.go)
        await handle.result()


@asynccontextmanager
async def _in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def compare(bench: Bench, stack: Stack, pids: Mapping[str, int]) -> dict[str, Figures]:
    """Measures all rows of recoveries on a running stack. `pids` has the process of each part."""
    number, rounds = bench.effort.recoveries, bench.effort.rounds
    async with AsyncExitStack() as opened:
        agent = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, "alice"))
        service = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, "intake", Role.SERVICE))
        customer = CareClient.connect(stack.urls.grpc)
        for client in (agent, service, customer):
            await opened.enter_async_context(client)
        # The tickets are for one more round than is measured: the first round warms up.
        tickets = await create_tickets(stack.urls.review_site, service, agent, number * (rounds + 1))
        care = _Recoveries(stack, agent, customer, tickets)
        await opened.enter_async_context(care.following())
        arguments = ("-m", "benchmarks.minimal", stack.urls.temporal, _QUEUE)
        worker = await opened.enter_async_context(run_program(*arguments))
        minimal = _Workflows(await Client.connect(stack.urls.temporal), worker)
        await opened.enter_async_context(minimal.following())
        sides = {
            CARE: _Side(care.recover, pids["work"], pids["temporal"], stack.database_url),
            MINIMAL: _Side(minimal.run, worker.pid, pids["temporal"], stack.database_url),
        }
        for side in sides.values():
            await side.round(number)
            side.clear()
        rates = await alternate(rounds, {name: partial(side.round, number) for name, side in sides.items()})
    return {
        "recoveries": rates,
        "recovery_worker_cpu": {name: Figure.of(side.worker_cpu) for name, side in sides.items()},
        "recovery_temporal_cpu": {name: Figure.of(side.temporal_cpu) for name, side in sides.items()},
    }


class _Side:
    """Measures the rounds of one side."""

    def __init__(self, recover: Recover, worker: int, temporal: int, database_url: str) -> None:
        self._recover, self._worker, self._temporal = recover, worker, temporal
        self._database_url = database_url
        self._indices = count()
        self.worker_cpu: list[float] = []
        """Milliseconds per recovery in each round."""
        self.temporal_cpu: list[float] = []

    def clear(self) -> None:
        """Forgets the rounds so far."""
        self.worker_cpu.clear()
        self.temporal_cpu.clear()

    async def round(self, number: int) -> float:
        """Runs `number` recoveries, and waits for the work that follows them. Returns the recoveries per second."""
        await self._settle()
        worker, temporal, start = cpu_seconds(self._worker), cpu_seconds(self._temporal), perf_counter()
        async with asyncio.timeout(_LIMIT):
            await load.run(self._recover, self._indices, number)
        duration = perf_counter() - start
        await self._settle()  # the CPU time includes the work that follows the recoveries
        self.worker_cpu.append((cpu_seconds(self._worker) - worker) / number * 1e3)
        self.temporal_cpu.append((cpu_seconds(self._temporal) - temporal) / number * 1e3)
        return number / duration

    async def _settle(self) -> None:
        """Waits until the outbox is empty, and the worker and Temporal are idle."""
        connection = await asyncpg.connect(self._database_url)
        try:
            async with asyncio.timeout(_LIMIT):
                while True:
                    before = cpu_seconds(self._worker, self._temporal)
                    await asyncio.sleep(_LOOK)
                    busy = (cpu_seconds(self._worker, self._temporal) - before) / _LOOK
                    if busy < _QUIET and not await connection.fetchval("SELECT count(*) FROM outbox"):
                        return
        finally:
            await connection.close()
