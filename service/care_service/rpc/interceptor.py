"""The interceptor of every call: decodes the request, checks token and role, calls the handler.

The access rules come from the descriptors. A handler raises Refusal, which is converted to a status. Any other
exception is a bug, and the status is INTERNAL.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from traceback import extract_tb
from typing import Any, Final, NoReturn, TypeVar, cast

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry import context as contexts
from opentelemetry.trace import set_span_in_context
from prometheus_client import Gauge

from care_roles.logs import get_logger
from care_rules.callers import Caller, customer_caller
from care_rules.entities.activity import ActorKind
from care_rules.names import AGENT_ID, LOCATION_ID, ORGANIZATION_ID
from care_rules.refusals import Reason, Refusal, Violation, invalid, time_limit_exceeded
from care_service.metrics import Metrics
from care_service.rpc import spans
from care_service.rpc.authentication import Authenticator, token_expired
from care_service.rpc.call import Call, current_call, set_call
from care_service.rpc.errors import CODES, DETAILS_KEY, message_of, to_status
from care_service.rpc.limits import Limits
from care_service.rpc.policy import Policy, policies
from care_service.rpc.write_watch import WriteWatch
from care_service.usecases.ports.clock import Clock
from care_service.usecases.ports.directory import Directory
from care_service.usecases.subscriptions import Pace

_LOG: Final = get_logger("care.rpc")
_CODE_NAMES: Final = {name: name for name in ("OK", "CANCELLED", "DEADLINE_EXCEEDED")} | {
    reason.value: code.name for reason, code in CODES.items()
}
_RETRY_AFTER: Final = timedelta(seconds=1)
"""How long a refused client should wait before the next attempt."""
_PUBLIC_SHARE: Final = 0.8
"""The share of the capacity that callers without a bearer token can use."""
_LOGGABLE_ID: Final = re.compile(
    rf"organizations/(?:-|{ORGANIZATION_ID})(?:/agents/{AGENT_ID}|(?:/[a-z]+/{LOCATION_ID}){{0,2}})|[0-9a-fA-F-]{{36}}"
)
"""Matches the resource names and the request ids that are safe to log."""
_ANONYMOUS: Final = customer_caller("")

Context = grpc.aio.ServicerContext[Message, Message]
Handler = Callable[[Message, Context], Awaitable[Message]]
StreamHandler = Callable[[Message, Context], AsyncGenerator[Message, None]]
ResponseT = TypeVar("ResponseT")


class _Malformed:
    """A request that can't be decoded."""


def _safe_decoder(deserialize: Callable[[bytes], Message]) -> Callable[[bytes], Message | _Malformed]:
    def decode(data: bytes) -> Message | _Malformed:
        # If this function raised, gRPC would respond with INTERNAL before the handler runs.
        try:
            return deserialize(data)
        except (DecodeError, UnicodeDecodeError):
            return _Malformed()

    return decode


@dataclass(frozen=True, slots=True)
class CallControls:
    """The limits for calls, and the hooks that record calls."""

    limits: Limits
    metrics: Metrics
    pace: Pace
    report_database_failure: Callable[[], None]
    """Called when a call can't reach the database."""


class _Capacity:
    """Counts the calls in progress of one kind, unary or streaming. Tells whether they exceed the limit.

    Part of the capacity is reserved for calls with a bearer token, so that customers can't lock out the team.
    """

    def __init__(self, gauge: Gauge, limit: int, time_limit_seconds: float | None) -> None:
        self._gauge = gauge
        self._limit = limit
        self._public_limit = max(1, int(limit * _PUBLIC_SHARE))
        self.time_limit_seconds = time_limit_seconds
        self._number = 0
        self._public_number = 0

    def acquire(self, policy: Policy) -> None:
        """Counts a call that begins, even if it exceeds the limit."""
        self._change(1, policy)

    def release(self, policy: Policy) -> None:
        """Counts a call that ended."""
        self._change(-1, policy)

    def is_exceeded_for(self, policy: Policy) -> bool:
        return self._number > self._limit or (policy.public and self._public_number > self._public_limit)

    def _change(self, difference: int, policy: Policy) -> None:
        self._number += difference
        self._public_number += difference if policy.public else 0
        self._gauge.inc(difference)


class CareInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of Care's services. Health and reflection are not wrapped."""

    def __init__(
        self, authenticator: Authenticator, directory: Directory, clock: Clock, controls: CallControls
    ) -> None:
        self._authenticator = authenticator
        self._directory = directory
        self._clock = clock
        self._controls = controls
        limits, metrics = controls.limits, controls.metrics
        self._calls = _Capacity(metrics.calls_in_progress, limits.calls, limits.call_time.total_seconds())
        self._streams = _Capacity(metrics.streams_in_progress, limits.streams, None)
        self._policies = policies()
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See grpc.aio.ServerInterceptor."""
        method = handler_call_details.method
        if (wrapped := self._wrapped.get(method)) is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        policy = self._policies.get(method)
        if handler is None or policy is None:
            return handler
        return self._wrapped.setdefault(method, self._wrap(handler, policy))

    def _wrap(self, handler: grpc.RpcMethodHandler[Any, Any], policy: Policy) -> grpc.RpcMethodHandler[Any, Any]:
        # grpc.aio accepts coroutine functions, but its stubs declare only plain functions.
        deserialize = cast("Callable[[bytes], Message]", handler.request_deserializer)
        if handler.response_streaming:
            stream = cast("StreamHandler", handler.unary_stream)

            async def wrapped_stream(request: Message | _Malformed, context: Context) -> None:
                send_all = partial(self._send_all, stream)
                await self._run_within_capacity(policy, request, context, send_all, self._streams)

            return grpc.unary_stream_rpc_method_handler(
                cast("Any", wrapped_stream),
                request_deserializer=_safe_decoder(deserialize),
                response_serializer=handler.response_serializer,
            )
        handle = cast("Handler", handler.unary_unary)

        async def wrapped(request: Message | _Malformed, context: Context) -> Message:
            return await self._run_within_capacity(policy, request, context, handle, self._calls)

        return grpc.unary_unary_rpc_method_handler(
            wrapped,
            request_deserializer=_safe_decoder(deserialize),
            response_serializer=handler.response_serializer,
        )

    async def _run_within_capacity(
        self,
        policy: Policy,
        request: Message | _Malformed,
        context: Context,
        handle: Callable[[Message, Context], Awaitable[ResponseT]],
        capacity: _Capacity,
    ) -> ResponseT:
        capacity.acquire(policy)
        try:
            return await self._run_and_record(policy, request, context, handle, capacity)
        except Refusal as refusal:
            # On a stream, abort() blocks until the client has read all earlier responses. The stream still counts
            # against the limit until then.
            await _abort(context, refusal)
        finally:
            capacity.release(policy)

    async def _run_and_record(
        self,
        policy: Policy,
        request: Message | _Malformed,
        context: Context,
        handle: Callable[[Message, Context], Awaitable[ResponseT]],
        capacity: _Capacity,
    ) -> ResponseT:
        """Runs a call, then logs it and records its metrics and its span. Raises Refusal if the call is refused."""
        controls, started = self._controls, time.perf_counter()
        caller, reason = _ANONYMOUS, "CANCELLED"
        time_limit = asyncio.timeout(capacity.time_limit_seconds)
        metadata = context.invocation_metadata() or ()
        span = spans.begin(policy.method, metadata)
        attached = contexts.attach(set_span_in_context(span))
        try:
            if capacity.is_exceeded_for(policy):
                message = "The service is overloaded. Retry after the delay in RetryInfo."
                raise Refusal(Reason.OVERLOADED, message, retry_after=_RETRY_AFTER)
            if isinstance(request, _Malformed):
                raise invalid(Violation("", "the request can't be decoded as this method's request type"))
            async with time_limit:
                caller = await self._identify(policy, metadata)
                response = await handle(request, context)
        except Refusal as refusal:
            reason = refusal.reason.value
            if refusal.reason is Reason.DATABASE_UNAVAILABLE:
                controls.report_database_failure()
            raise
        except asyncio.CancelledError:
            # gRPC cancels the call when the client cancels it, or when the client's deadline passes.
            left: float | None = context.time_remaining()
            if left is not None and left <= 0:
                reason = "DEADLINE_EXCEEDED"
            raise
        except Exception as error:  # noqa: BLE001 - logged; the client gets a message that reveals nothing
            if time_limit.expired():
                reason = Reason.TIME_LIMIT_EXCEEDED.value
                raise time_limit_exceeded() from None
            reason = "BUG"
            # The log omits the error message, because a database driver quotes values. They may be personal data.
            frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
            _LOG.error("call failed", method=policy.method, error=type(error).__qualname__, frames=frames)
            await context.abort(grpc.StatusCode.INTERNAL, "Internal error. The service has logged it.")
        else:
            reason = "OK"
            return response
        finally:
            seconds, code = time.perf_counter() - started, _CODE_NAMES.get(reason, "INTERNAL")
            # A stream's duration is not a latency, so it is not recorded.
            latency = None if capacity is self._streams else seconds
            controls.metrics.count_call(policy.method, code, reason, latency)
            ids = {} if isinstance(request, _Malformed) else _loggable_ids(request)
            _log(policy.method, caller, ids, code, reason, seconds)
            spans.end(span, policy.method, code, reason, ids)
            contexts.detach(attached)

    async def _send_all(self, stream: StreamHandler, request: Message, context: Context) -> None:
        """Sends a stream's responses.

        Refuses with TOKEN_EXPIRED once the token has expired, and with RATE_LIMITED if the client reads too slowly.
        """
        call = current_call()
        writes = WriteWatch(self._controls.pace.write_timeout)
        try:
            async with writes, aclosing(stream(request, context)) as responses:
                async for response in responses:
                    if call.expiry is not None and self._authenticator.has_expired(call.expiry, self._clock.now()):
                        raise token_expired()
                    writes.begin()
                    await context.write(response)
                    writes.end()
        except TimeoutError:
            if not writes.has_expired:
                raise
            message = "The client reads the stream too slowly. Resume it from the last resume_token."
            raise Refusal(Reason.RATE_LIMITED, message, retry_after=_RETRY_AFTER) from None

    async def _identify(self, policy: Policy, metadata: Iterable[tuple[str, str | bytes]]) -> Caller:
        now = self._clock.now()
        if policy.public:
            set_call(Call(policy.method, _ANONYMOUS, now))
            return _ANONYMOUS
        verified = await self._authenticator.authenticate(metadata, now)
        caller = verified.caller
        policy.check(caller)
        # The first call with a valid token creates the organization and the agent.
        if caller.organization is not None and caller.is_agent:
            await self._directory.ensure_agent(caller.organization, caller.id, caller.display_name, now)
        elif caller.organization is not None:
            await self._directory.ensure_organization(caller.organization, now)
        set_call(Call(policy.method, caller, now, verified.expiry))
        return caller


async def _abort(context: Context, refusal: Refusal) -> NoReturn:
    details = ((DETAILS_KEY, to_status(refusal).SerializeToString()),)
    await context.abort(CODES[refusal.reason], message_of(refusal), details)


def _log(method: str, caller: Caller, ids: dict[str, str], code: str, reason: str, seconds: float) -> None:
    """Logs one line per call with names and ids, but no personal data, no text and no token."""
    if caller.acting_service:
        ids["acting_service"] = caller.acting_service
    _LOG.info(
        "call",
        method=method,
        code=code,
        reason=reason,
        milliseconds=round(seconds * 1000, 1),
        organization=caller.organization,
        caller=caller.id if caller.kind is not ActorKind.CUSTOMER else None,
        **ids,
    )


def _loggable_ids(request: Message) -> dict[str, str]:
    # All other values are left out, because a client can send anything in these fields, even personal data.
    values = ((field, getattr(request, field)) for field in _loggable_fields(request.DESCRIPTOR))
    return {field: value for field, value in values if value and _LOGGABLE_ID.fullmatch(value)}


@cache
def _loggable_fields(request: Descriptor) -> tuple[str, ...]:
    found = ((field, request.fields_by_name.get(field)) for field in ("name", "parent", "request_id"))
    return tuple(field for field, descriptor in found if descriptor and descriptor.type == FieldDescriptor.TYPE_STRING)
