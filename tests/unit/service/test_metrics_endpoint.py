"""The operator's HTTP endpoint."""

from __future__ import annotations

import socket

import httpx
import pytest

from care_roles.fields import Address
from care_service.metrics import Metrics
from care_service.running.metrics_endpoint import EndpointError, endpoint


def test_the_endpoint_serves_only_metrics_and_health() -> None:
    metrics = Metrics()
    with endpoint(Address("127.0.0.1", 0), metrics.registry) as port, httpx.Client(trust_env=False) as http:
        url = f"http://127.0.0.1:{port}"
        assert http.get(f"{url}/healthz").status_code == 503
        metrics.set_serving("", is_serving=True)
        healthy = http.get(f"{url}/healthz")
        assert (healthy.status_code, healthy.text) == (200, "SERVING\n")
        metrics.set_serving("", is_serving=False)
        assert http.get(f"{url}/healthz").status_code == 503
        found = http.get(f"{url}/metrics")
        assert found.headers["content-type"].startswith("text/plain")
        assert "care_build_info{" in found.text
        assert http.get(f"{url}/").status_code == 404


def test_without_an_address_there_is_no_endpoint() -> None:
    with endpoint(None, Metrics().registry) as port:
        assert port is None


def test_a_taken_address_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(EndpointError, match=str(address)), endpoint(address, Metrics().registry):
            pass
