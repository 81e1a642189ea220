"""A gRPC server that sends the responses that a test gives it, to calls of any method, and records the calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status


@dataclass(frozen=True)
class Failure:
    """A response that is an error. With a reason, the error has the details of an error of Care."""

    code: grpc.StatusCode
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after: timedelta | None = None

    def __str__(self) -> str:
        return f"{self.code.name} {self.reason}".strip()


class Silence:
    """No response as long as the caller waits."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        """Set when the caller stops waiting."""


class End:
    """The orderly end of a stream."""

    def __str__(self) -> str:
        return "end"


@dataclass(frozen=True)
class Call:
    """A recorded call."""

    method: str
    """The method's simple name."""
    body: bytes
    authorization: tuple[str, ...]
    seconds_left: float | None
    peer: str
    """The common name of the client's certificate; empty without mutual TLS."""


class Script(grpc.GenericRpcHandler):
    """Responds with `answers`, one after the other.

    A unary call takes one of them, or the empty message if none is left. A stream takes them up to the next `End`.
    """

    def __init__(self, *answers: Message | Failure | Silence | End) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        method = handler_call_details.method.rpartition("/")[2]

        async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            return await self._answer(method, request, context)

        async def stream(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
            self._note(method, request, context)
            while self.answers and not isinstance(self.answers[0], End):
                yield await self._next(context)
            if self.answers:
                self.answers.pop(0)

        if method.startswith("Watch"):
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(answer)

    async def _answer(self, method: str, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        self._note(method, request, context)
        return await self._next(context)

    def _note(self, method: str, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        metadata = context.invocation_metadata() or ()
        names = context.auth_context().get("x509_common_name", [b""])
        self.calls.append(
            Call(
                method,
                request,
                tuple(str(value) for key, value in metadata if key == "authorization"),
                context.time_remaining(),
                b"".join(names).decode(),
            )
        )

    async def _next(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        given = self.answers.pop(0) if self.answers else b""
        if isinstance(given, Silence):
            try:
                await asyncio.Event().wait()  # until the call is cancelled
            finally:
                given.over.set()
        if isinstance(given, Failure):
            status = Status(code=given.code.value[0], message="refused by the script")
            if given.reason:
                status.details.add().Pack(ErrorInfo(domain="care", reason=given.reason, metadata=given.metadata))
            if given.retry_after is not None:
                delay = RetryInfo()
                delay.retry_delay.FromTimedelta(given.retry_after)
                status.details.add().Pack(delay)
            await context.abort_with_status(rpc_status.to_status(status))
        return given.SerializeToString() if isinstance(given, Message) else b""


@asynccontextmanager
async def serving(script: Script, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[str]:
    """Serves the script on a free port, encrypted if there are credentials; yields the address."""
    server = grpc.aio.server(handlers=[script])
    port = (
        server.add_secure_port("127.0.0.1:0", credentials) if credentials else server.add_insecure_port("127.0.0.1:0")
    )
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=None)
