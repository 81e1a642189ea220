"""Opens the channel to Care's gRPC service: bearer token, default deadline, keepalive, trace."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import grpc
from grpc.aio import (
    ClientCallDetails,
    Metadata,
    UnaryStreamCall,
    UnaryStreamClientInterceptor,
    UnaryUnaryCall,
    UnaryUnaryClientInterceptor,
)

from care_client import trace_context

DEFAULT_DEADLINE: Final = 10.0
"""Seconds that a call may take where its caller names no deadline. Streams have none: they are there to stay."""

_OPTIONS: Final = (
    # Notices a connection that died silently while a stream is open. Just over five minutes: servers that are not told
    # otherwise hang up on who pings more often without sending data (gRFC A8).
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A service that comes back is noticed within seconds, not after the two minutes of the default.
    ("grpc.max_reconnect_backoff_ms", 5_000),
)

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


def open_channel(address: str, token: str | None = None) -> grpc.aio.Channel:
    """Open a channel to ``address`` (``host:port``), on which ``token`` is sent as ``authorization: Bearer …``.

    To be called within the event loop that uses it; connects with the first call, not before. Calls fail at once with
    UNAVAILABLE while the service can't be reached. The connection is not encrypted: it belongs onto a private network
    or behind a proxy that encrypts.
    """
    # One for each kind of call that the contract has: gRPC takes an interceptor for one kind only.
    interceptors = [_UnaryUnary(token), _UnaryStream(token)]
    return grpc.aio.insecure_channel(address, options=_OPTIONS, interceptors=interceptors)


class _UnaryUnary(UnaryUnaryClientInterceptor):
    def __init__(self, token: str | None) -> None:
        self._token = token

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, _Request], Awaitable[UnaryUnaryCall[_Request, _Response]]],
        client_call_details: ClientCallDetails,
        request: _Request,
    ) -> _Response | UnaryUnaryCall[_Request, _Response]:
        return await continuation(_adjusted(client_call_details, self._token, DEFAULT_DEADLINE), request)


class _UnaryStream(UnaryStreamClientInterceptor):
    def __init__(self, token: str | None) -> None:
        self._token = token

    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, _Request], Awaitable[UnaryStreamCall[_Request, _Response]]],
        client_call_details: ClientCallDetails,
        request: _Request,
    ) -> AsyncIterator[_Response] | UnaryStreamCall[_Request, _Response]:
        return await continuation(_adjusted(client_call_details, self._token, None), request)


def _adjusted(details: ClientCallDetails, token: str | None, deadline: float | None) -> ClientCallDetails:
    """Add the token and, where the caller named none, the deadline in seconds."""
    # A new object each time: the caller may use its own for other calls.
    metadata = Metadata(*(details.metadata or ()))
    if token is not None:
        metadata.add("authorization", f"Bearer {token}")
    # Calls made within a trace belong to it.
    traceparent = trace_context.current()
    if traceparent is not None and metadata.get(trace_context.TRACEPARENT) is None:
        metadata.add(trace_context.TRACEPARENT, traceparent)
    return ClientCallDetails(
        details.method,
        deadline if details.timeout is None else details.timeout,
        metadata,
        details.credentials,
        details.wait_for_ready,
    )
