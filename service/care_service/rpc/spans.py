"""The span of a call. It continues the caller's trace, or starts a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import getrandbits
from typing import Final

import grpc
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from care_client import trace_context

_TRACER: Final = trace.get_tracer("care.rpc")
_SERVER_ERRORS: Final = frozenset(
    {"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "DATA_LOSS"}
)
"""Codes that make a server's span an error, according to OpenTelemetry's conventions. The other codes, except OK, are
errors of the client."""

_EXPECTED: Final = frozenset({"DRAINING"})
"""Reasons that do not make a span an error, whatever their code. Every deployment ends all streams with DRAINING."""


def begin(method: str, metadata: Iterable[tuple[str, str | bytes]]) -> Span:
    """Begins the span of a call to `method` (`care.v1.TicketService/GetTicket`)."""
    traceparent = next((value for key, value in metadata if key == trace_context.TRACEPARENT), None)
    parent = trace_context.parse(traceparent if isinstance(traceparent, str) else None)
    span = _TRACER.start_span(method, parent, SpanKind.SERVER)
    if span.get_span_context().is_valid:
        return span
    # Nothing records traces, and the caller sent no trace. Random ids still connect the log lines of the call with
    # those of later steps.
    return NonRecordingSpan(SpanContext(getrandbits(128) or 1, getrandbits(64) or 1, is_remote=False))


def end(span: Span, method: str, code: str, reason: str, ids: Mapping[str, str]) -> None:
    """Ends the span. The span's attributes are names and ids from the call's log line, and no personal data."""
    if not span.is_recording():
        return
    service, _, name = method.rpartition("/")
    span.set_attributes(
        {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": name,
            "rpc.grpc.status_code": int(grpc.StatusCode[code].value[0]),
            "care.reason": reason,
            **{f"care.{key}": value for key, value in ids.items()},
        }
    )
    if code in _SERVER_ERRORS and reason not in _EXPECTED:
        span.set_status(Status(StatusCode.ERROR, reason))
    span.end()
