"""The ports of a stack, and the check that nothing else listens on them."""

from __future__ import annotations

import errno
import socket
from dataclasses import asdict, dataclass, fields
from typing import Final

from care_dev.stack.errors import StackError

HOST: Final = "127.0.0.1"
"""Every part of the stack listens only on the loopback interface."""

PORT_COUNT: Final = 11
"""How many consecutive ports a stack takes from its first port on."""

_HIGHEST_PORT: Final = 65535

_PURPOSES: Final = {
    "grpc": "the gRPC service",
    "web": "the customer's pages",
    "temporal": "the Temporal server",
    "temporal_ui": "the Temporal UI",
    "review_site": "the local review site",
    "temporal_http": "Temporal's HTTP API",
    "metrics": "the service's metrics",
    "temporal_metrics": "Temporal's metrics",
    "worker_metrics": "the worker's metrics",
    "mailbox_smtp": "the local mailbox's SMTP server",
    "mailbox": "the local mailbox's page",
}
"""What each port is for."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One TCP port on 127.0.0.1 for each part. 0 lets the part choose a free port."""

    grpc: int
    web: int
    temporal: int
    temporal_ui: int
    review_site: int
    metrics: int
    temporal_http: int
    temporal_metrics: int
    worker_metrics: int
    mailbox_smtp: int
    mailbox: int

    @classmethod
    def plan(cls, first_port: int | None) -> Ports:
        """Returns `first_port` and the ten ports after it, or each part's usual port if `first_port` is None.

        Raises StackError if the range would leave 1 to 65535. Does not check whether the ports are free.
        """
        if first_port is None:
            return cls(
                grpc=50051,
                web=8080,
                temporal=7233,
                temporal_ui=8233,
                review_site=8090,
                metrics=9464,
                temporal_http=0,
                temporal_metrics=0,
                worker_metrics=9465,
                mailbox_smtp=1025,
                mailbox=8025,
            )
        last_possible = _HIGHEST_PORT - PORT_COUNT + 1
        if not 1 <= first_port <= last_possible:
            raise StackError(
                f"--first-port {first_port} is out of range: give a number from 1 to {last_possible}, "
                f"because the stack takes {PORT_COUNT} consecutive ports"
            )
        return cls(**{field.name: first_port + offset for offset, field in enumerate(fields(cls))})

    def as_dict(self) -> dict[str, int]:
        """Returns the ports by name, as they are stored in the home folder."""
        return asdict(self)

    def require_free(self) -> None:
        """Raises StackError for the first port that cannot be used. The message says which part needs it."""
        for name, purpose in _PURPOSES.items():
            port = self.as_dict()[name]
            if port:
                _require_free(port, purpose)


def _require_free(port: int, purpose: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without this, connections in TIME_WAIT of a stack that has just stopped would block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            trouble = {
                errno.EADDRINUSE: "is in use already",
                errno.EACCES: "may not be used by this account",
            }.get(error.errno or 0, f"cannot be used ({error.strerror})")
            raise StackError(
                f"port {port} for {purpose} {trouble}: choose {PORT_COUNT} other ports with --first-port N, or free it"
            ) from error
