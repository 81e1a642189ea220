"""Waits until a part of the stack is healthy. Each function raises NotHealthyError at its deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import anyio.to_thread

from care_dev.stack.errors import StackError

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message

M = TypeVar("M", bound="Message")

_TEMPORAL_WORKFLOWS: Final = "/temporal.api.workflowservice.v1.WorkflowService"

DEADLINE: Final = 60.0
"""The default time limit for a part, in seconds. It is far longer than needed, because the machine may be busy."""

_PAUSE: Final = 0.05
"""Seconds between two checks."""

_ATTEMPT: Final = 5.0
"""The time limit of one check, in seconds."""


class NotHealthyError(StackError):
    """A part was not healthy within its deadline. The message names the check and the result of the last attempt."""


class _NotYetError(Exception):
    """A check found the part not ready yet. The message says why."""


async def postgres_ready(url: str, *, deadline: float = DEADLINE) -> None:
    """Waits until a session can be opened at `url`. A server refuses sessions while it recovers from a crash."""
    import asyncpg

    async def check() -> None:
        try:
            connection = await asyncpg.connect(url, timeout=_ATTEMPT)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _NotYetError(_first_line(error)) from error
        await connection.close()

    await _until(check, "PostgreSQL accepts no connection", deadline)


async def temporal_ready(
    address: str, namespace: str, search_attributes: Mapping[str, str], *, deadline: float = DEADLINE
) -> None:
    """Waits until the server at `address` responds, has the namespace, and knows all `search_attributes` (name → type).

    The attributes matter, because Temporal refuses to start a workflow with an attribute that is not registered.
    """
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest, ListSearchAttributesResponse
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeNamespaceResponse

    def check(channel: grpc.Channel) -> None:
        describe = DescribeNamespaceRequest(namespace=namespace)
        _call(channel, f"{_TEMPORAL_WORKFLOWS}/DescribeNamespace", describe, DescribeNamespaceResponse)
        known = _call(
            channel,
            "/temporal.api.operatorservice.v1.OperatorService/ListSearchAttributes",
            ListSearchAttributesRequest(namespace=namespace),
            ListSearchAttributesResponse,
        )
        missing = sorted(set(search_attributes) - set(known.custom_attributes))
        if missing:
            raise _NotYetError(f"search attributes not registered: {', '.join(missing)}")

    await _until_grpc(address, check, f"Temporal does not answer at {address}", deadline)


async def worker_polling(address: str, namespace: str, task_queue: str, *, deadline: float = DEADLINE) -> None:
    """Waits until a worker polls `task_queue` for workflow tasks."""
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse

    request = DescribeTaskQueueRequest(
        namespace=namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )

    def check(channel: grpc.Channel) -> None:
        response = _call(channel, f"{_TEMPORAL_WORKFLOWS}/DescribeTaskQueue", request, DescribeTaskQueueResponse)
        if not response.pollers:
            raise _NotYetError("Temporal sees no poller")

    await _until_grpc(address, check, f"no worker polls the task queue {task_queue!r}", deadline)


async def grpc_serving(address: str, *, service: str = "", deadline: float = DEADLINE) -> None:
    """Waits until `grpc.health.v1` at `address` reports SERVING for `service`. An empty name means the whole server."""
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

    def check(channel: grpc.Channel) -> None:
        request = HealthCheckRequest(service=service)
        response = _call(channel, "/grpc.health.v1.Health/Check", request, HealthCheckResponse)
        if response.status != HealthCheckResponse.SERVING:
            raise _NotYetError(f"its status is {HealthCheckResponse.ServingStatus.Name(response.status)}")

    await _until_grpc(address, check, f"the gRPC health check at {address} fails", deadline)


async def http_ok(url: str, *, deadline: float = DEADLINE) -> None:
    """Waits until GET `url` returns a 2xx status."""
    import httpx

    async with httpx.AsyncClient(trust_env=False, timeout=_ATTEMPT) as client:

        async def check() -> None:
            try:
                (await client.get(url)).raise_for_status()
            except httpx.HTTPStatusError as error:
                raise _NotYetError(f"status {error.response.status_code}") from error
            except httpx.HTTPError as error:
                raise _NotYetError(_first_line(error)) from error

        await _until(check, f"{url} does not answer", deadline)


async def _until_grpc(address: str, check: Callable[[grpc.Channel], None], problem: str, deadline: float) -> None:
    """Works like `_until`, with blocking calls on one channel in a thread.

    Asynchronous channels of gRPC work with one event loop per process only, but this process may have a second one.
    Temporal's client does not fit either: if its connection attempt is cancelled, as by Ctrl-C during the start, the
    process may hang at its exit.
    """
    import grpc

    # Proxies must not be used for loopback.
    options = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 500),
    ]
    with grpc.insecure_channel(address, options=options) as channel:

        async def check_in_thread() -> None:
            await anyio.to_thread.run_sync(check, channel, abandon_on_cancel=True)

        await _until(check_in_thread, problem, deadline)


def _call(channel: grpc.Channel, method: str, request: Message, response_type: type[M]) -> M:
    call = channel.unary_unary(
        method, request_serializer=type(request).SerializeToString, response_deserializer=response_type.FromString
    ).future(request, timeout=_ATTEMPT)
    if error := call.exception():
        raise _NotYetError(call.code().name) from error
    return call.result()


async def _until(check: Callable[[], Awaitable[None]], problem: str, deadline: float) -> None:
    reason = "no answer"
    with anyio.move_on_after(deadline):
        while True:
            try:
                return await check()
            except _NotYetError as error:
                reason = str(error)
            except TimeoutError:
                reason = f"no response within {_ATTEMPT:g} s"
            await anyio.sleep(_PAUSE)
    raise NotHealthyError(f"{problem} after {deadline:g} s ({reason})")


def _first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, because the console shows one line."""
    with suppress(IndexError):
        return str(error).splitlines()[0]
    return type(error).__name__
