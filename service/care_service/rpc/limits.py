"""Limits of the server: message sizes, concurrent calls, their duration, and idle connections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MAX_REQUEST: Final = 4 * 1024 * 1024
"""The maximum size of a request, in bytes: gRPC's default. A batch of 100 reviews fits, each with 10,000 characters of
three bytes."""
MAX_METADATA: Final = 16 * 1024
"""The maximum size of the metadata, in bytes. A bearer token with many claims has two or three thousand bytes."""
_PING_INTERVAL: Final = timedelta(seconds=20)
"""The minimum time between a client's pings while the server sends no data. The server closes the connection if the
client pings more often (gRFC A8). gRPC's default is five minutes."""
_KEEPALIVE: Final = timedelta(minutes=1)
"""How long a client can be silent before the server pings it. Without pings, dead connections stay open for hours."""
_KEEPALIVE_TIMEOUT: Final = timedelta(seconds=20)
_CONNECTION_AGE: Final = timedelta(minutes=30)
"""The maximum age of a connection. Clients then open a new one, and so reach new processes and replicas (gRFC A9)."""
_CONNECTION_AGE_GRACE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Limits:
    """The configurable limits."""

    calls: int = 1000
    """The maximum number of concurrent calls per process, not counting streams. Others are refused with OVERLOADED."""
    streams: int = 10_000
    """The maximum number of concurrent streams per process. Others are refused with OVERLOADED."""
    call_time: timedelta = timedelta(seconds=30)
    """The maximum duration of a call, even if the client's deadline is later. Streams have no such limit."""


def options(*, reuse_port: bool) -> list[tuple[str, int]]:
    """Returns the options of the gRPC server."""
    return [
        ("grpc.max_receive_message_length", MAX_REQUEST),
        ("grpc.max_metadata_size", MAX_METADATA),
        ("grpc.absolute_max_metadata_size", 2 * MAX_METADATA),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _milliseconds(_PING_INTERVAL)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", _milliseconds(_KEEPALIVE)),
        ("grpc.keepalive_timeout_ms", _milliseconds(_KEEPALIVE_TIMEOUT)),
        ("grpc.max_connection_age_ms", _milliseconds(_CONNECTION_AGE)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(_CONNECTION_AGE_GRACE)),
        # gRPC's default is on. An unrelated process could then listen on the same port and get some of the connections.
        ("grpc.so_reuseport", int(reuse_port)),
    ]


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
