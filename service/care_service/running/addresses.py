"""Checks the addresses that the service listens on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from care_roles.environment import ConfigurationError
from care_roles.fields import Address
from care_service.running.metrics_endpoint import EndpointError


def require_free_address(address: Address) -> None:
    """Raises OSError with a short message if the address is in use. gRPC's own message has several lines."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise OSError(f"can't listen on {address} ({error.strerror})") from error


@contextmanager
def explain_address_errors() -> Iterator[None]:
    """Converts EndpointError and OSError to ConfigurationError, which names the variable to change."""
    try:
        yield
    except EndpointError as error:
        raise ConfigurationError(f"CARE_METRICS_ADDRESS: {error}; choose another address or port") from error
    except OSError as error:
        message = f"CARE_GRPC_ADDRESS: {error}; if another process uses it, stop that process or choose another port"
        raise ConfigurationError(message) from error
