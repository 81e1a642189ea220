"""Traces of the workflows that the service starts and signals: a span for each, and a header that continues the trace.

The worker reads the header with `TracingInterceptor` of `temporalio.contrib.opentelemetry`. The service does not use
that package, because the package imports Temporal's worker and OpenTelemetry's SDK. They take 7 MB and a twentieth of
the time to start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry.trace import SpanKind, get_tracer
from temporalio.client import Interceptor, OutboundInterceptor, SignalWorkflowInput, StartWorkflowInput, WorkflowHandle
from temporalio.converter import PayloadConverter

from care_client import trace_context

_HEADER: Final = "_tracer-data"
"""The header's value is a JSON object with the HTTP headers of the W3C Trace Context."""


class WorkflowTraces(Interceptor):
    """Adds the spans and the headers. Pass an instance to `Client.connect` in `interceptors`."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the base class's name
        """See Interceptor."""
        return _Outbound(next)


class _Outbound(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
        with _span(f"StartWorkflow:{input.workflow}", input):
            return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002
        with _span(f"SignalWorkflow:{input.signal}", input):
            await super().signal_workflow(input)


@contextmanager
def _span(name: str, request: StartWorkflowInput | SignalWorkflowInput) -> Iterator[None]:
    """Runs the block in a new span, and adds a header to the request that continues the trace.

    The span and its attribute have the same names as those of `TracingInterceptor`.
    """
    attributes = {"temporalWorkflowID": request.id}
    with get_tracer(__name__).start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes):
        if traceparent := trace_context.current():
            carrier = {trace_context.TRACEPARENT: traceparent}
            request.headers = {**request.headers, _HEADER: PayloadConverter.default.to_payload(carrier)}
        yield
