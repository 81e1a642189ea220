"""Structured logs of a role: one line an event on standard error, with an ISO 8601 time in UTC.

Lines that are written within a trace name it (``trace_id``). Lines of other libraries come in the same form. None may
hold what is private to a customer, so what logs URLs or headers is silenced, and tracebacks show no local variables.
"""

import logging
import sys
from typing import Final

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from care_roles.fields import LogFormat

_QUIET: Final = ("httpcore", "httpx", "uvicorn.access")
"""Loggers that name each request's URL, which may hold the token of a customer's link."""


def configure(format: LogFormat) -> None:  # noqa: A002  (the name of the setting)
    """Send all logs of the process, structlog's and those of ``logging``, to standard error from level INFO on."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its one line a poll of a server that is down repeats what the worker itself says.
    logging.getLogger("temporalio").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger ``name``; usable before ``configure``, which decides what becomes of its lines."""
    return structlog.stdlib.get_logger(name)


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the trace that the line belongs to, as OpenTelemetry wants it in logs that are no OTLP."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
        event["span_id"] = f"{span.span_id:016x}"
    return event


def _renderers(format: LogFormat) -> list[Processor]:  # noqa: A002
    if format == "console":
        # Not structlog's default, which shows local variables where rich is installed.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
