"""The HTTP endpoint for operators: `/metrics` for Prometheus, `/healthz` for process managers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from socket import AF_INET6
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, ClassVar, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from care_roles.fields import Address

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_TIMEOUT: Final = 10.0
"""Seconds after which an idle connection is closed."""


class EndpointError(Exception):
    """The endpoint can't listen on its address. The message says why."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family: int = AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout: ClassVar[float | None] = _TIMEOUT

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Logs nothing, because a scrape comes every few seconds."""


class Endpoint:
    """A WSGI application for one registry. `/healthz` reports healthy while the server's `care_serving` is 1."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._metrics = make_wsgi_app(registry)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Responds to a request."""
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            response: Iterable[bytes] = self._metrics(environ, start_response)
            return response
        if path == "/healthz":
            healthy = self._registry.get_sample_value("care_serving", {"service": ""}) == 1
            status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
            return _respond(start_response, status, "SERVING" if healthy else "NOT_SERVING")
        return _respond(start_response, HTTPStatus.NOT_FOUND, "Not found. Use /metrics or /healthz.")


def _respond(start_response: StartResponse, status: HTTPStatus, text: str) -> Iterable[bytes]:
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]


@contextmanager
def endpoint(address: Address | None, registry: CollectorRegistry) -> Iterator[int | None]:
    """Serves `registry` in a separate thread while the block runs. Yields the port; None if there is no address.

    A thread responds to scrapes even when the event loop is overloaded. Metrics matter most at such a time. Raises
    EndpointError if the endpoint can't listen on the address.
    """
    if address is None:
        yield None
        return
    kind = _Server6 if ":" in address.host else _Server
    try:
        server = make_server(address.host, address.port, Endpoint(registry), kind, _Quiet)
    except OSError as error:
        raise EndpointError(f"can't listen on {address} ({error.strerror})") from error
    with server:
        thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
