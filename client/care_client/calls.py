"""What is done for each call: its request id, deadline, token and trace, and the exception that it fails with."""

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
"""What another token may help against: its time is over, or the key that it was signed with is."""

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


def call_interceptors(tokens: TokenSource | None, deadline: float | None) -> Sequence[ClientInterceptor]:
    """Return one interceptor for each kind of call: gRPC takes an interceptor for one kind only."""
    return [_UnaryUnary(tokens, deadline), _UnaryStream(tokens)]


class _Authorized:
    """Sends the token with calls that bring none of their own, and another one after it was refused."""

    def __init__(self, tokens: TokenSource | None) -> None:
        self._tokens = tokens

    async def _token(self, details: ClientCallDetails) -> str | None:
        """Return the token to send; None without a source, or where the caller sends a token with this call."""
        if self._tokens is None or _AUTHORIZATION in (details.metadata or ()):
            return None
        return await self._tokens.current()

    async def _renewed(self, token: str | None, error: Unauthenticated) -> str | None:
        """Return the token for a second try; None if there is none to be made."""
        if self._tokens is None or token is None or error.reason not in _RENEWABLE:
            return None
        return await self._tokens.renewed(token)


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
        given = client_call_details.timeout
        timeout = self._deadline if given is None else given
        ends = None if timeout is None else monotonic() + timeout

        async def attempt(token: str | None) -> UnaryUnaryCall[_Request, _Response]:
            # What is left of it: the call's deadline is one, however many attempts there are.
            left = None if ends is None else max(0.0, ends - monotonic())
            with care_errors():
                call = await continuation(_adjusted(client_call_details, token, left), request)
                await call  # its answer is kept: whoever awaits it again gets it
            return call

        token = await self._token(client_call_details)
        try:
            return await attempt(token)
        except Unauthenticated as error:
            renewed = await self._renewed(token, error)
            if renewed is None:
                raise
        return await attempt(renewed)


class _UnaryStream(_Authorized, UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, _Request], Awaitable[UnaryStreamCall[_Request, _Response]]],
        client_call_details: ClientCallDetails,
        request: _Request,
    ) -> AsyncIterator[_Response]:
        request = with_request_id(request)

        async def begin(token: str | None) -> UnaryStreamCall[_Request, _Response]:
            return await continuation(_adjusted(client_call_details, token, client_call_details.timeout), request)

        token = await self._token(client_call_details)
        call = await begin(token)

        async def messages() -> AsyncIterator[_Response]:
            begun = False
            try:
                async for message in _read(call):
                    begun = True
                    yield message
            except Unauthenticated as error:
                renewed = None if begun else await self._renewed(token, error)
                if renewed is None:
                    raise
            else:
                return
            async for message in _read(await begin(renewed)):
                yield message

        return messages()


async def _read(call: UnaryStreamCall[_Request, _Response]) -> AsyncIterator[_Response]:
    try:
        with care_errors():
            async for message in call:
                yield message
    finally:
        call.cancel()  # of no effect where it has ended


def with_request_id(request: _Request) -> _Request:
    """Return ``request`` with a new UUID as its ``request_id`` where its type has that field and it is empty.

    A copy then: the caller may use its own for another call, which is to be told apart.
    """
    if not isinstance(request, Message) or _REQUEST_ID not in request.DESCRIPTOR.fields_by_name:
        return request
    if getattr(request, _REQUEST_ID):
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    setattr(copy, _REQUEST_ID, str(uuid4()))
    return cast("_Request", copy)


def _adjusted(details: ClientCallDetails, token: str | None, timeout: float | None) -> ClientCallDetails:
    """Add the token, the trace, and the deadline in seconds."""
    # A new object each time: the caller may use its own for other calls.
    metadata = Metadata(*(details.metadata or ()))
    if token is not None:
        metadata.add(_AUTHORIZATION, f"Bearer {token}")
    # Calls made within a trace belong to it.
    traceparent = trace_context.current()
    if traceparent is not None and metadata.get(trace_context.TRACEPARENT) is None:
        metadata.add(trace_context.TRACEPARENT, traceparent)
    return ClientCallDetails(details.method, timeout, metadata, details.credentials, details.wait_for_ready)
