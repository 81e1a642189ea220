"""What every call goes through: well-formed message, token, role, then the handler; refusals become statuses.

The access rules come from the descriptors. A handler raises Refusal; nothing else reaches a client but what is our bug.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from traceback import extract_tb
from typing import Any, Final, NoReturn, cast

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry import context as contexts
from opentelemetry.trace import set_span_in_context

from care_client.roles.logs import get_logger
from care_service.domain.callers import Caller, customer
from care_service.domain.entities import ActorKind
from care_service.domain.names import AGENT_ID, LOCATION_ID, ORGANIZATION_ID
from care_service.domain.ports import Clock, Directory
from care_service.domain.refusals import Reason, Refusal, Violation, invalid, took_too_long
from care_service.metrics import Metrics
from care_service.rpc import spans
from care_service.rpc.authentication import Authenticator
from care_service.rpc.call import Call, set_call
from care_service.rpc.errors import CODES, DETAILS_KEY, message_of, to_status
from care_service.rpc.limits import Limits
from care_service.rpc.policy import Policy, policies

_LOG: Final = get_logger("care.rpc")
_CODE_NAMES: Final = {name: name for name in ("OK", "CANCELLED", "DEADLINE_EXCEEDED")} | {
    reason.value: code.name for reason, code in CODES.items()
}
_BUSY_FOR: Final = timedelta(seconds=1)
"""When a call that found too many others may come again."""
_REFERENCE: Final = re.compile(
    rf"organizations/(?:-|{ORGANIZATION_ID})(?:/agents/{AGENT_ID}|(?:/[a-z]+/{LOCATION_ID}){{0,2}})|[0-9a-fA-F-]{{36}}"
)
"""What a resource's name or a request id looks like."""
_ANONYMOUS: Final = customer("")

Handler = Callable[[Message, "grpc.aio.ServicerContext[Message, Message]"], Awaitable[Message]]


class _Malformed:
    """Stands for a request whose bytes are no message of the method's type."""


def _guarded(deserialize: Callable[[bytes], Message]) -> Callable[[bytes], Message | _Malformed]:
    def guarded(data: bytes) -> Message | _Malformed:
        # An exception from here would reach the client as INTERNAL, before any of our code runs.
        try:
            return deserialize(data)
        except (DecodeError, UnicodeDecodeError):
            return _Malformed()

    return guarded


@dataclass(frozen=True, slots=True)
class Operations:
    """What calls are held to, and who is told of them."""

    limits: Limits
    metrics: Metrics
    database_failed: Callable[[], None]
    """Is told when a call could not reach the database."""


class CareInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of our services; those of health and reflection stay as they are."""

    def __init__(
        self, authenticator: Authenticator, directory: Directory, clock: Clock, operations: Operations
    ) -> None:
        self._authenticator = authenticator
        self._directory = directory
        self._clock = clock
        self._operations = operations
        self._in_progress = 0
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
        serve = cast("Handler", handler.unary_unary)
        deserialize = cast("Callable[[bytes], Message]", handler.request_deserializer)

        operations = self._operations

        async def wrapped(
            request: Message | _Malformed, context: grpc.aio.ServicerContext[Message, Message]
        ) -> Message:
            started, caller, reason = time.perf_counter(), _ANONYMOUS, "CANCELLED"
            limit = asyncio.timeout(operations.limits.call_time.total_seconds())
            span = spans.begin(policy.method, context.invocation_metadata() or ())
            attached = contexts.attach(set_span_in_context(span))
            self._count(1)
            try:
                if self._in_progress > operations.limits.calls:
                    words = "The service has too much to do just now; call again with the same request_id."
                    raise Refusal(Reason.OVERLOADED, words, retry_after=_BUSY_FOR)
                if isinstance(request, _Malformed):
                    raise invalid(Violation("", "the bytes are no message of this method's request type"))
                async with limit:
                    caller = await self._identify(policy, context)
                    response = await serve(request, context)
            except Refusal as refusal:
                reason = refusal.reason.value
                if refusal.reason is Reason.DATABASE_UNAVAILABLE:
                    operations.database_failed()
                await _abort(context, refusal)
            except asyncio.CancelledError:
                # gRPC's doing: the client cancelled, or its deadline passed.
                left: float | None = context.time_remaining()
                if left is not None and left <= 0:
                    reason = "DEADLINE_EXCEEDED"
                raise
            except Exception as error:  # noqa: BLE001 - logged, and answered in words that give nothing away
                if limit.expired():
                    reason = Reason.TIME_LIMIT_EXCEEDED.value
                    await _abort(context, took_too_long())
                reason = "BUG"
                # Not the message: a driver's quotes values, and those may be a customer's.
                frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
                _LOG.error("call failed", method=policy.method, error=type(error).__qualname__, frames=frames)
                await context.abort(grpc.StatusCode.INTERNAL, "The service failed; the failure has been logged.")
            else:
                reason = "OK"
                return response
            finally:
                self._count(-1)
                seconds, code = time.perf_counter() - started, _CODE_NAMES.get(reason, "INTERNAL")
                operations.metrics.called(policy.method, code, reason, seconds)
                references = {} if isinstance(request, _Malformed) else _references(request)
                _log(policy.method, caller, references, code, reason, seconds)
                spans.end(span, policy.method, code, reason, references)
                contexts.detach(attached)

        return grpc.unary_unary_rpc_method_handler(
            wrapped,
            request_deserializer=_guarded(deserialize),
            response_serializer=handler.response_serializer,
        )

    def _count(self, change: int) -> None:
        self._in_progress += change
        self._operations.metrics.calls_in_progress.inc(change)

    async def _identify(self, policy: Policy, context: grpc.aio.ServicerContext[Message, Message]) -> Caller:
        now = self._clock.now()
        if policy.public:
            set_call(Call(policy.method, _ANONYMOUS, now))
            return _ANONYMOUS
        caller = await self._authenticator.caller(context.invocation_metadata() or (), now)
        policy.check(caller)
        # An organization and an agent exist from their first valid call.
        if caller.organization is not None and caller.is_agent:
            await self._directory.see_agent(caller.organization, caller.id, caller.display_name, now)
        elif caller.organization is not None:
            await self._directory.see_organization(caller.organization, now)
        set_call(Call(policy.method, caller, now))
        return caller


async def _abort(context: grpc.aio.ServicerContext[Message, Message], refusal: Refusal) -> NoReturn:
    details = ((DETAILS_KEY, to_status(refusal).SerializeToString()),)
    await context.abort(CODES[refusal.reason], message_of(refusal), details)


def _log(method: str, caller: Caller, references: dict[str, str], code: str, reason: str, seconds: float) -> None:
    """One line per call, with names and ids only: nothing of a customer, no text, no token; and the trace."""
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
            # Not written where it is none: a client may have put anything there, also what is a customer's.
            value = str(getattr(request, field))
            if _REFERENCE.fullmatch(value):
                found[field] = value
    return found
