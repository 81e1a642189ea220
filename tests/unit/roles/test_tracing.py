"""Traces: how they continue in another process, and the variables that say where a role sends its spans."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from care_client import trace_context
from care_roles.environment import ConfigurationError
from care_roles.tracing import recording

SPAN = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, is_remote=False, trace_flags=TraceFlags(1))
# The example of https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_current_span_is_written_in_the_format_of_the_recommendation() -> None:
    assert trace_context.current() is None
    with use_span(NonRecordingSpan(SPAN)):
        assert trace_context.current() == TRACEPARENT


def test_a_written_span_can_be_read() -> None:
    found = trace.get_current_span(trace_context.parse(TRACEPARENT)).get_span_context()
    assert (found.trace_id, found.span_id, found.trace_flags) == (SPAN.trace_id, SPAN.span_id, SPAN.trace_flags)


@pytest.mark.parametrize("text", [None, "", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", TRACEPARENT[:-3]])
def test_an_invalid_header_starts_no_trace(text: str | None) -> None:
    assert not trace.get_current_span(trace_context.parse(text)).get_span_context().is_valid


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
    ],
)
def test_an_unsupported_exporter_or_protocol_is_refused(variables: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigurationError, match=name), recording("care-test", variables):
        pass


# There is one tracer provider per process, so each test runs its own process.
PROGRAM = """
import sys
from care_roles import logs, tracing
logs.configure("json")
with tracing.recording("care-test"):
    from opentelemetry import trace
    with trace.get_tracer("test").start_as_current_span("work"):
        logs.get_logger("care.test").info("within")
    logs.get_logger("care.test").info("outside")
print("opentelemetry.sdk.trace" in sys.modules, file=sys.stderr)
"""


def run(**variables: str) -> tuple[list[dict[str, object]], list[dict[str, str]], bool]:
    """Returns the spans, the lines of the log, and whether the SDK was loaded."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=inherited | variables
    )
    *lines, loaded = done.stderr.splitlines()
    return (
        [json.loads(line) for line in done.stdout.splitlines()],
        [json.loads(line) for line in lines],
        loaded == "True",
    )


def test_the_console_shows_spans_and_the_log_names_their_trace() -> None:
    [span], [within, outside], _ = run(OTEL_TRACES_EXPORTER="console")
    assert span["name"] == "work"
    context, resource = span["context"], span["resource"]
    assert isinstance(context, dict)
    assert isinstance(resource, dict)
    assert (within["trace_id"], within["span_id"]) == (context["trace_id"][2:], context["span_id"][2:])
    assert "trace_id" not in outside
    assert resource["attributes"]["service.name"] == "care-test"


def test_the_standard_variables_name_the_service() -> None:
    [span], _, _ = run(OTEL_TRACES_EXPORTER="console", OTEL_SERVICE_NAME="desk")
    resource = span["resource"]
    assert isinstance(resource, dict)
    assert resource["attributes"]["service.name"] == "desk"


@pytest.mark.parametrize(
    "variables", [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}]
)
def test_without_an_exporter_nothing_is_recorded_and_the_sdk_is_not_loaded(variables: dict[str, str]) -> None:
    spans, [within, _], loaded = run(**variables)
    assert (spans, loaded) == ([], False)
    assert "trace_id" not in within
