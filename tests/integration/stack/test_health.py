"""If the service uses TLS, `care health serve` asks the metrics address for its health."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from care_cli.health import Role, check
from care_dev.stack.errors import StackError


@contextmanager
def serve_health(status: int) -> Iterator[str]:
    """Runs an HTTP server that answers `/healthz` with `status` and everything else with 404. Yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Logs nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"0.0.0.0:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_service_is_healthy_if_its_endpoint_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_GRPC_TLS_CERTIFICATE", "/etc/care/tls.crt")
    with serve_health(200) as address:
        monkeypatch.setenv("CARE_METRICS_ADDRESS", address)
        check(Role.SERVE, None)


def test_the_service_is_not_healthy_if_its_endpoint_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_GRPC_TLS_CERTIFICATE", "/etc/care/tls.crt")
    with serve_health(503) as address:
        monkeypatch.setenv("CARE_METRICS_ADDRESS", address)
        with pytest.raises(StackError, match="503"):
            check(Role.SERVE, None)


def test_without_the_endpoint_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_GRPC_TLS_CERTIFICATE", "/etc/care/tls.crt")
    monkeypatch.delenv("CARE_METRICS_ADDRESS", raising=False)
    with pytest.raises(StackError, match="set CARE_METRICS_ADDRESS too"):
        check(Role.SERVE, None)


@pytest.mark.parametrize("role", ["serve", "web", "review-site"])
def test_an_invalid_address_is_refused(role: str) -> None:
    with pytest.raises(StackError, match="--address must"):
        check(Role(role), "nowhere")


def test_a_service_that_does_not_answer_is_not_healthy() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening, so connections are refused
        with pytest.raises(StackError, match="does not answer"):
            check(Role.WEB, f"127.0.0.1:{held.getsockname()[1]}")
