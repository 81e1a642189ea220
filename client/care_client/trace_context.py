"""The W3C Trace Context of what is being done now, as text: how a trace goes on in another process.

Of https://www.w3.org/TR/trace-context/ only ``traceparent`` is carried on: it holds two random ids and flags. A
``tracestate`` or baggage may hold whatever a caller put there, and would end in workflow histories that nothing of a
customer may be in.
"""

from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT: Final = "traceparent"
"""Name of the header, and of the gRPC metadata."""

_FORMAT: Final = TraceContextTextMapPropagator()


def current() -> str | None:
    """Return the present span as a ``traceparent``; None outside any trace."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def parse(traceparent: str | None) -> Context:
    """Return the context in which the span of ``traceparent`` is the present one; an empty one where it names none."""
    return _FORMAT.extract({TRACEPARENT: traceparent}, Context()) if traceparent else Context()
