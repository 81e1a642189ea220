"""Interceptors that add a request id, deadline, token and trace to each call, and convert its errors."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import monotonic
from typing import Final, TypeVar, cast
from uuid import uuid4

from google.protobuf.message import Message
from grpc.aio import (
    ClientCallDetails,
    ClientInterceptor,
    Metadata,
    UnaryStreamCall,
    UnaryStreamClientInterceptor,
    UnaryUnaryCall,
    UnaryUnaryClientInterceptor,
)

from care_client import trace_context
from care_client.errors import Unauthenticated, care_errors
from care_client.tokens import TokenSource

_AUTHORIZATION: Final = "authorization"
_REQUEST_ID: Final = "request_id"
_RENEWABLE: Final = frozenset({"TOKEN_EXPIRED", "TOKEN_INVALID"})
"""The reasons for which another token may help: the token has expired, or its signing key was replaced."""

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


def call_interceptors(tokens: TokenSource | None, deadline: float | None) -> Sequence[ClientInterceptor]:
    """Returns one interceptor for each kind of call, because gRPC uses each interceptor for one kind only.

    ``deadline`` is the default in seconds for unary calls.
    """
    return [_UnaryUnary(tokens, deadline), _UnaryStream(tokens)]


class _Authorized:
    """Provides the token for calls without one, and another token if the service refuses the first."""

    def __init__(self, tokens: TokenSource | None) -> None:
        self._tokens = tokens

    async def _token(self, details: ClientCallDetails) -> str | None:
        """Returns the token to send. None without a source, or if the caller has set a token for this call."""
        if self._tokens is None or _AUTHORIZATION in (details.metadata or ()):
            return None
        return await self._tokens.current()

    async def _refresh(self, token: str | None, error: Unauthenticated) -> str | None:
        """Returns another token for a second attempt, or None if there is none."""
        if self._tokens is None or token is None or error.reason not in _RENEWABLE:
            return None
        return await self._tokens.refresh(token)


class _UnaryUnary(_Authorized, UnaryUnaryClientInterceptor):
    def __init__(self, tokens: TokenSource | None, deadline: float | None) -> None:
        super().__init__(tokens)
        self._deadline = deadline

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, _Request], Awaitable[UnaryUnaryCall[_Request, _Response]]],
        client_call_details: ClientCallDetails,
        request: _Request,
    ) -> UnaryUnaryCall[_Request, _Response]:
        request = with_request_id(request)
        timeout = client_call_details.timeout
        if timeout is None:
            timeout = self._deadline
        end = None if timeout is None else monotonic() + timeout

        async def attempt(token: str | None) -> UnaryUnaryCall[_Request, _Response]:
            # The deadline includes all attempts.
            remaining = None if end is None else max(0.0, end - monotonic())
            with care_errors():
                call = await continuation(_with_metadata(client_call_details, token, remaining), request)
                await call  # the call keeps its response for the caller
            return call

        token = await self._token(client_call_details)
        try:
            return await attempt(token)
        except Unauthenticated as error:
            other_token = await self._refresh(token, error)
            if other_token is None:
                raise
        return await attempt(other_token)


class _UnaryStream(_Authorized, UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, _Request], Awaitable[UnaryStreamCall[_Request, _Response]]],
        client_call_details: ClientCallDetails,
        request: _Request,
    ) -> AsyncIterator[_Response]:
        request = with_request_id(request)

        async def begin(token: str | None) -> UnaryStreamCall[_Request, _Response]:
            details = _with_metadata(client_call_details, token, client_call_details.timeout)
            return await continuation(details, request)

        token = await self._token(client_call_details)
        call = await begin(token)

        async def messages() -> AsyncIterator[_Response]:
            has_begun = False
            try:
                async for message in _read(call):
                    has_begun = True
                    yield message
            except Unauthenticated as error:
                other_token = None if has_begun else await self._refresh(token, error)
                if other_token is None:
                    raise
            else:
                return
            async for message in _read(await begin(other_token)):
                yield message

        return messages()


async def _read(call: UnaryStreamCall[_Request, _Response]) -> AsyncIterator[_Response]:
    try:
        with care_errors():
            async for message in call:
                yield message
    finally:
        call.cancel()  # has no effect on a call that has ended


def with_request_id(request: _Request) -> _Request:
    """Returns ``request`` with a new UUID as its ``request_id``, if it has that field and the field is empty.

    The result is then a copy, because the caller may use ``request`` for another call, which needs another id.
    """
    if not isinstance(request, Message) or _REQUEST_ID not in request.DESCRIPTOR.fields_by_name:
        return request
    if getattr(request, _REQUEST_ID):
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    setattr(copy, _REQUEST_ID, str(uuid4()))
    return cast("_Request", copy)


def _with_metadata(details: ClientCallDetails, token: str | None, timeout: float | None) -> ClientCallDetails:
    """Returns ``details`` with the token, the trace and the deadline in seconds."""
    # Copies the metadata, because the caller may use it for other calls.
    metadata = Metadata(*(details.metadata or ()))
    if token is not None:
        metadata.add(_AUTHORIZATION, f"Bearer {token}")
    # A call made within a trace continues it.
    traceparent = trace_context.current()
    if traceparent is not None and metadata.get(trace_context.TRACEPARENT) is None:
        metadata.add(trace_context.TRACEPARENT, traceparent)
    return ClientCallDetails(details.method, timeout, metadata, details.credentials, details.wait_for_ready)
