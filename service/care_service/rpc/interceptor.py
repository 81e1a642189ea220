"""The interceptor of every call: decodes the request, checks token and role, calls the handler.

The access rules come from the descriptors. A handler raises Refusal, which becomes a status. Any other exception is a
bug, and becomes INTERNAL.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from traceback import extract_tb
from typing import Any, Final, NoReturn, TypeVar, cast

import grpc
from google.protobuf.descriptor import FieldDescriptor
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
from care_service.usecases.ports.clock import Clock
from care_service.usecases.ports.directory import Directory
from care_service.usecases.subscriptions import Pace

_LOG: Final = get_logger("care.rpc")
_CODE_NAMES: Final = {name: name for name in ("OK", "CANCELLED", "DEADLINE_EXCEEDED")} | {
    reason.value: code.name for reason, code in CODES.items()
}
_RETRY_AFTER: Final = timedelta(seconds=1)
"""How long a rejected caller waits before the next try."""
_PUBLIC_SHARE: Final = 0.8
"""The share of the capacity that callers without a bearer token can use."""
_REFERENCE: Final = re.compile(
    rf"organizations/(?:-|{ORGANIZATION_ID})(?:/agents/{AGENT_ID}|(?:/[a-z]+/{LOCATION_ID}){{0,2}})|[0-9a-fA-F-]{{36}}"
)
"""What a resource's name or a request id looks like."""
_ANONYMOUS: Final = customer_caller("")

Context = grpc.aio.ServicerContext[Message, Message]
Handler = Callable[[Message, Context], Awaitable[Message]]
StreamHandler = Callable[[Message, Context], AsyncGenerator[Message, None]]
ResponseT = TypeVar("ResponseT")


class _Malformed:
    """A request that can't be decoded."""


def _guard(deserialize: Callable[[bytes], Message]) -> Callable[[bytes], Message | _Malformed]:
    def guarded(data: bytes) -> Message | _Malformed:
        # An exception from here would reach the client as INTERNAL, before any of our code runs.
        try:
            return deserialize(data)
        except (DecodeError, UnicodeDecodeError):
            return _Malformed()

    return guarded


@dataclass(frozen=True, slots=True)
class Operations:
    """The limits of calls, and what observes calls."""

    limits: Limits
    metrics: Metrics
    pace: Pace
    database_failed: Callable[[], None]
    """Called when a call could not reach the database."""


class _Capacity:
    """Counts the calls of a kind in progress, and holds their limits.

    Calls that need only a link can't use the whole capacity, so that the team can always work.
    """

    def __init__(self, gauge: Gauge, limit: int, seconds: float | None) -> None:
        self._gauge = gauge
        self._limit = limit
        self._limit_of_strangers = max(1, int(limit * _PUBLIC_SHARE))
        self.seconds = seconds
        self._number = 0
        self._of_strangers = 0

    def count(self, change: int, policy: Policy) -> None:
        self._number += change
        self._of_strangers += change if policy.public else 0
        self._gauge.inc(change)

    def is_too_much_for(self, policy: Policy) -> bool:
        return self._number > self._limit or (policy.public and self._of_strangers > self._limit_of_strangers)


class CareInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of Care's services. Health and reflection are not wrapped."""

    def __init__(
        self, authenticator: Authenticator, directory: Directory, clock: Clock, operations: Operations
    ) -> None:
        self._authenticator = authenticator
        self._directory = directory
        self._clock = clock
        self._operations = operations
        limits, metrics = operations.limits, operations.metrics
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
        # grpc.aio takes coroutine functions where the stubs know only plain ones.
        deserialize = cast("Callable[[bytes], Message]", handler.request_deserializer)
        if handler.response_streaming:
            stream = cast("StreamHandler", handler.unary_stream)

            async def wrapped_stream(request: Message | _Malformed, context: Context) -> None:
                await self._serve(policy, request, context, partial(self._send_all, stream), self._streams)

            return grpc.unary_stream_rpc_method_handler(
                cast("Any", wrapped_stream),
                request_deserializer=_guard(deserialize),
                response_serializer=handler.response_serializer,
            )
        serve = cast("Handler", handler.unary_unary)

        async def wrapped(request: Message | _Malformed, context: Context) -> Message:
            return await self._serve(policy, request, context, serve, self._calls)

        return grpc.unary_unary_rpc_method_handler(
            wrapped,
            request_deserializer=_guard(deserialize),
            response_serializer=handler.response_serializer,
        )

    async def _serve(
        self,
        policy: Policy,
        request: Message | _Malformed,
        context: Context,
        serve: Callable[[Message, Context], Awaitable[ResponseT]],
        load: _Capacity,
    ) -> ResponseT:
        load.count(1, policy)
        try:
            return await self._answer(policy, request, context, serve, load)
        except Refusal as refusal:
            # For a stream, this waits until a slow client has read everything before it. Until then the stream counts.
            await _abort(context, refusal)
        finally:
            load.count(-1, policy)

    async def _answer(
        self,
        policy: Policy,
        request: Message | _Malformed,
        context: Context,
        serve: Callable[[Message, Context], Awaitable[ResponseT]],
        load: _Capacity,
    ) -> ResponseT:
        """Serves, logs and counts a call. Raises the refusal that ends it."""
        operations, started = self._operations, time.perf_counter()
        caller, reason = _ANONYMOUS, "CANCELLED"
        limit = asyncio.timeout(load.seconds)
        span = spans.begin(policy.method, context.invocation_metadata() or ())
        attached = contexts.attach(set_span_in_context(span))
        try:
            if load.is_too_much_for(policy):
                words = "The service is overloaded. Call again with the same request_id."
                raise Refusal(Reason.OVERLOADED, words, retry_after=_RETRY_AFTER)
            if isinstance(request, _Malformed):
                raise invalid(Violation("", "the request can't be decoded as this method's request type"))
            async with limit:
                caller = await self._identify(policy, context)
                answer = await serve(request, context)
        except Refusal as refusal:
            reason = refusal.reason.value
            if refusal.reason is Reason.DATABASE_UNAVAILABLE:
                operations.database_failed()
            raise
        except asyncio.CancelledError:
            # gRPC cancels when the client cancels or its deadline passes.
            left: float | None = context.time_remaining()
            if left is not None and left <= 0:
                reason = "DEADLINE_EXCEEDED"
            raise
        except Exception as error:  # noqa: BLE001 - logged, and answered in words that give nothing away
            if limit.expired():
                reason = Reason.TIME_LIMIT_EXCEEDED.value
                raise time_limit_exceeded() from None
            reason = "BUG"
            # Without the message: a database driver quotes values, which may be personal data.
            frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
            _LOG.error("call failed", method=policy.method, error=type(error).__qualname__, frames=frames)
            await context.abort(grpc.StatusCode.INTERNAL, "The service failed; the failure has been logged.")
        else:
            reason = "OK"
            return answer
        finally:
            seconds, code = time.perf_counter() - started, _CODE_NAMES.get(reason, "INTERNAL")
            operations.metrics.count_call(policy.method, code, reason, seconds if load.seconds else None)
            references = {} if isinstance(request, _Malformed) else _references(request)
            _log(policy.method, caller, references, code, reason, seconds)
            spans.end(span, policy.method, code, reason, references)
            contexts.detach(attached)

    async def _send_all(self, stream: StreamHandler, request: Message, context: Context) -> None:
        """Sends the responses of a stream while the client reads them and its token is valid."""
        call = current_call()
        async with aclosing(stream(request, context)) as responses:
            async for response in responses:
                if call.expiry is not None and self._authenticator.has_expired(call.expiry, self._clock.now()):
                    raise token_expired()
                try:
                    async with asyncio.timeout(self._operations.pace.write_timeout):
                        await context.write(response)
                except TimeoutError:
                    words = "The client reads the stream too slowly. Resume it from the last resume_token."
                    raise Refusal(Reason.RATE_LIMITED, words, retry_after=_RETRY_AFTER) from None

    async def _identify(self, policy: Policy, context: Context) -> Caller:
        now = self._clock.now()
        if policy.public:
            set_call(Call(policy.method, _ANONYMOUS, now))
            return _ANONYMOUS
        verified = await self._authenticator.authenticate(context.invocation_metadata() or (), now)
        caller = verified.caller
        policy.check(caller)
        # An organization and an agent exist from their first valid call.
        if caller.organization is not None and caller.is_agent:
            await self._directory.ensure_agent(caller.organization, caller.id, caller.display_name, now)
        elif caller.organization is not None:
            await self._directory.ensure_organization(caller.organization, now)
        set_call(Call(policy.method, caller, now, verified.expiry))
        return caller


async def _abort(context: Context, refusal: Refusal) -> NoReturn:
    details = ((DETAILS_KEY, to_status(refusal).SerializeToString()),)
    await context.abort(CODES[refusal.reason], message_of(refusal), details)


def _log(method: str, caller: Caller, references: dict[str, str], code: str, reason: str, seconds: float) -> None:
    """Logs one line per call with names, ids and the trace; no personal data, no text, no token."""
    if caller.acting_service:
        references["acting_service"] = caller.acting_service
    _LOG.info(
        "call",
        method=method,
        code=code,
        reason=reason,
        milliseconds=round(seconds * 1000, 1),
        organization=caller.organization,
        caller=caller.id if caller.kind is not ActorKind.CUSTOMER else None,
        **references,
    )


def _references(request: Message) -> dict[str, str]:
    found = {}
    for field in ("name", "parent", "request_id"):
        described = request.DESCRIPTOR.fields_by_name.get(field)
        if described is not None and described.type == FieldDescriptor.TYPE_STRING:
            # Only what looks like a name or an id is logged: a client may send anything here, also personal data.
            value = str(getattr(request, field))
            if _REFERENCE.fullmatch(value):
                found[field] = value
    return found
