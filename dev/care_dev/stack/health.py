"""Waits until a part of the stack is fit for use; each function raises NotHealthyError at its deadline."""

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
"""Seconds that a part gets by default: far more than it needs, as a busy machine is no fault."""

_PAUSE: Final = 0.05
"""Seconds between two looks."""

_ATTEMPT: Final = 5.0
"""Seconds that one look may take."""


class NotHealthyError(StackError):
    """A part was not fit for use within its deadline; says what was asked of it and how the last try ended."""


class _NotYetError(Exception):
    """One look found the part not ready; says why."""


async def postgres_ready(url: str, *, deadline: float = DEADLINE) -> None:
    """Wait until a session can be opened at `url`; a server that still recovers from a crash refuses them."""
    import asyncpg

    async def look() -> None:
        try:
            connection = await asyncpg.connect(url, timeout=_ATTEMPT)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _NotYetError(_described(error)) from error
        await connection.close()

    await _until(look, "PostgreSQL accepts no connection", deadline)


async def temporal_ready(
    address: str, namespace: str, search_attributes: Mapping[str, str], *, deadline: float = DEADLINE
) -> None:
    """Wait until the server at `address` answers, has the namespace, and knows all `search_attributes` (name → type).

    The last matters: a workflow that is started with an attribute not registered yet fails.
    """
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest, ListSearchAttributesResponse
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeNamespaceResponse

    def look(channel: grpc.Channel) -> None:
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

    await _until_grpc(address, look, f"Temporal does not answer at {address}", deadline)


async def worker_polling(address: str, namespace: str, task_queue: str, *, deadline: float = DEADLINE) -> None:
    """Wait until some worker polls `task_queue` for workflow tasks."""
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse

    request = DescribeTaskQueueRequest(
        namespace=namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )

    def look(channel: grpc.Channel) -> None:
        answer = _call(channel, f"{_TEMPORAL_WORKFLOWS}/DescribeTaskQueue", request, DescribeTaskQueueResponse)
        if not answer.pollers:
            raise _NotYetError("Temporal sees no poller")

    await _until_grpc(address, look, f"no worker polls the task queue {task_queue!r}", deadline)


async def grpc_serving(address: str, *, service: str = "", deadline: float = DEADLINE) -> None:
    """Wait until `grpc.health.v1` at `address` says SERVING for `service`, or for the server as a whole."""
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

    def look(channel: grpc.Channel) -> None:
        request = HealthCheckRequest(service=service)
        answer = _call(channel, "/grpc.health.v1.Health/Check", request, HealthCheckResponse)
        if answer.status != HealthCheckResponse.SERVING:
            raise _NotYetError(f"its status is {HealthCheckResponse.ServingStatus.Name(answer.status)}")

    await _until_grpc(address, look, f"the gRPC health check at {address} fails", deadline)


async def http_ok(url: str, *, deadline: float = DEADLINE) -> None:
    """Wait until GET `url` answers with a 2xx status."""
    import httpx

    async with httpx.AsyncClient(trust_env=False, timeout=_ATTEMPT) as client:

        async def look() -> None:
            try:
                (await client.get(url)).raise_for_status()
            except httpx.HTTPStatusError as error:
                raise _NotYetError(f"status {error.response.status_code}") from error
            except httpx.HTTPError as error:
                raise _NotYetError(_described(error)) from error

        await _until(look, f"{url} does not answer", deadline)


async def _until_grpc(address: str, look: Callable[[grpc.Channel], None], complaint: str, deadline: float) -> None:
    """`_until` with blocking calls, in a thread, on one channel.

    Neither an asynchronous channel, which wants the whole process to have a single event loop, and the process that
    waits here may have its own beside ours; nor Temporal's client: where its connecting is canceled, as by Ctrl-C
    during the start, the process may hang when it exits.
    """
    import grpc

    # Proxies are for the world outside, not for loopback.
    options = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 500),
    ]
    with grpc.insecure_channel(address, options=options) as channel:

        async def look_in_thread() -> None:
            await anyio.to_thread.run_sync(look, channel, abandon_on_cancel=True)

        await _until(look_in_thread, complaint, deadline)


def _call(channel: grpc.Channel, method: str, request: Message, answer_type: type[M]) -> M:
    call = channel.unary_unary(
        method, request_serializer=type(request).SerializeToString, response_deserializer=answer_type.FromString
    ).future(request, timeout=_ATTEMPT)
    if error := call.exception():
        raise _NotYetError(call.code().name) from error
    return call.result()


async def _until(look: Callable[[], Awaitable[None]], complaint: str, deadline: float) -> None:
    reason = "no answer"
    with anyio.move_on_after(deadline):
        while True:
            try:
                return await look()
            except _NotYetError as error:
                reason = str(error)
            except TimeoutError:
                reason = f"no answer within {_ATTEMPT:g} s"
            await anyio.sleep(_PAUSE)
    raise NotHealthyError(f"{complaint} after {deadline:g} s ({reason})")


def _described(error: BaseException) -> str:
    """The first line of an error's text, as these are for one line of the console."""
    with suppress(IndexError):
        return str(error).splitlines()[0]
    return type(error).__name__
