"""Reads and writes the W3C Trace Context (https://www.w3.org/TR/trace-context/), which continues a trace elsewhere.

Care uses only ``traceparent``, which contains two random ids and flags. A ``tracestate`` or baggage could contain any
text. That text would end up in workflow histories, which must not contain customer data.
"""

from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT: Final = "traceparent"
"""The name of the HTTP header and of the gRPC metadata."""

_FORMAT: Final = TraceContextTextMapPropagator()


def current() -> str | None:
    """Returns the current span as a ``traceparent``, or None outside of a trace."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def parse(traceparent: str | None) -> Context:
    """Returns a context whose current span is that of ``traceparent``. Empty if ``traceparent`` has no valid span."""
    return _FORMAT.extract({TRACEPARENT: traceparent}, Context()) if traceparent else Context()
