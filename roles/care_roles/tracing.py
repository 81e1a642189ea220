"""OpenTelemetry traces of a role, configured by the standard ``OTEL_*`` variables. By default, no traces are recorded.

``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``…_TRACES_ENDPOINT``) sends spans to a collector by OTLP over HTTP.
``OTEL_TRACES_EXPORTER`` overrides this choice: ``otlp``, ``console`` (standard output) or ``none``. For sampling,
resource, headers and batches, the SDK reads the other variables of
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Final

from opentelemetry import trace

from care_roles.environment import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL: Final = "http/protobuf"
_LAST_SPANS: Final = 3.0
"""Seconds to export the remaining spans at the end. An unreachable collector must not delay the role's exit."""


@contextmanager
def recording(service_name: str, environ: Mapping[str, str] | None = None) -> Iterator[None]:
    """Records spans while the block runs, if the environment asks for it. Use it once per process.

    ``service_name`` is the resource's ``service.name`` unless ``OTEL_SERVICE_NAME`` is set. Raises
    ``ConfigurationError`` if the exporter or the protocol is not supported.
    """
    exporter = _exporter(os.environ if environ is None else environ)
    if exporter is None:
        yield
        return
    provider = _provider(service_name, exporter)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        last = Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST_SPANS)


def _exporter(environ: Mapping[str, str]) -> "SpanExporter | None":
    # Imports of the SDK are slow, so they happen only if traces are recorded.
    endpoint = next((environ[name] for name in _ENDPOINTS if environ.get(name)), None)
    kind = environ.get("OTEL_TRACES_EXPORTER") or ("otlp" if endpoint else "none")
    if kind == "none" or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if kind == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\n")
    if kind != "otlp":
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER must be otlp, console or none; it is {kind!r}")
    for name in _PROTOCOLS:
        if environ.get(name, _PROTOCOL) != _PROTOCOL:
            raise ConfigurationError(
                f"{name} must be {_PROTOCOL}, the protocol that Care uses; it is {environ[name]!r}"
            )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return OTLPSpanExporter()


def _provider(service_name: str, exporter: "SpanExporter") -> "TracerProvider":
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service_name}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
