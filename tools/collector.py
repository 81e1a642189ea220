"""A collector of OpenTelemetry spans for tools and tests. It receives OTLP over HTTP and keeps everything in memory."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_EXPORT_DELAY: Final = 200
"""Milliseconds between two exports of a role's spans. OpenTelemetry's default is five seconds."""


@dataclass(frozen=True)
class Span:
    """A span, with the name of the service that recorded it."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    """The id of the parent span. Empty for the root of a trace."""
    start: int
    """Unix time in nanoseconds."""
    end: int
    """Unix time in nanoseconds."""
    attributes: dict[str, str]
    links: tuple[str, ...]
    """The ids of the traces that the span is linked to."""


class Collector:
    """Keeps all spans that were exported to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spans: list[Span] = []
        self._bytes: list[bytes] = []
        self.port = 0

    @property
    def spans(self) -> list[Span]:
        """The spans received so far."""
        with self._lock:
            return list(self._spans)

    @property
    def received(self) -> bytes:
        """The bodies of all requests received so far, to prove what was not exported."""
        with self._lock:
            return b"\n".join(self._bytes)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that make a role export its spans here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": str(_EXPORT_DELAY),
        }

    def add(self, body: bytes) -> None:
        """Stores the spans of a request's body."""
        request = ExportTraceServiceRequest.FromString(body)
        spans = [
            Span(
                service=_texts(resource.resource.attributes).get("service.name", ""),
                name=span.name,
                trace=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                start=span.start_time_unix_nano,
                end=span.end_time_unix_nano,
                attributes=_texts(span.attributes),
                links=tuple(link.trace_id.hex() for link in span.links),
            )
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._bytes.append(body)
            self._spans += spans


@contextmanager
def run_collector() -> Iterator[Collector]:
    """Runs a collector on a free port."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.add(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        collector.port = server.server_port
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {attribute.key: _text(attribute.value) for attribute in attributes}


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    return str(getattr(value, kind)) if kind else ""
