"""Structured logs of a role: one line per event on standard error, with an ISO 8601 time in UTC.

A line written within a trace contains the trace's id (``trace_id``). Lines of other libraries have the same form. No
line may contain a customer's data: loggers that print URLs or headers are silenced, and tracebacks show no local
variables.
"""

import json
import logging
import sys
from contextlib import suppress
from typing import Final

from opentelemetry import trace
from pydantic_core import PydanticSerializationError, to_json

from care_roles.fields import LogFormat
from care_roles.imports import without

# structlog imports rich and pygments if they are installed, for tracebacks that Care does not use. The two would take a
# twelfth of the time to start, and 9 MB.
with without("rich"):
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_QUIET: Final = ("httpcore", "httpx", "uvicorn.access")
"""Loggers that print each request's URL, which may hold the token of a customer's link."""


def configure(format: LogFormat) -> None:  # noqa: A002  (the name of the setting)
    """Sends all logs of the process (structlog and ``logging``) of level INFO and above to standard error.

    Call it once per process: each logger keeps the configuration of its first line.
    """
    shared: list[Processor] = [
        _add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Care's own lines do not pass through ``logging``, which costs more than the rest of a line. The service logs a
    # line per call.
    structlog.configure(
        processors=[_add_logger_name, *shared, *_renderers(format)],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Temporal's SDK logs each failed poll of a server that is down. The worker logs that itself, once.
    logging.getLogger("temporalio").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def get_logger(name: str) -> FilteringBoundLogger:
    """Returns the logger ``name``. May be called before ``configure``."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


class _Lines:
    """Writes the lines of one logger to standard error. A line that cannot be written is lost."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def info(self, line: str) -> None:
        # A closed or broken pipe must not make the logged operation fail.
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    warning = error = critical = info


def _add_logger_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Adds the trace and span ids, as OpenTelemetry specifies for logs in formats other than OTLP."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
        event["span_id"] = f"{span.span_id:016x}"
    return event


def _renderers(format: LogFormat) -> list[Processor]:  # noqa: A002
    if format == "console":
        # structlog's default shows local variables if rich is installed.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, _render_json]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    # structlog's own renderer takes ten times as long. That would be a tenth of the time of a whole call.
    try:
        return to_json(event, fallback=repr).decode()
    except PydanticSerializationError:  # a text that UTF-8 can't encode
        return json.dumps(event, default=repr)
