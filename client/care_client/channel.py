"""Opens the channel to Care's gRPC service: encryption, token, deadline, retries, keepalive."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from ipaddress import ip_address
from typing import Final

import grpc
from grpc.aio import ClientInterceptor

from care_client.calls import call_interceptors
from care_client.tls import Tls
from care_client.tokens import Token, token_source

DEFAULT_DEADLINE: Final = 10.0
"""Seconds that a call may take where its caller names no deadline. Streams have none: they are there to stay."""

_SERVICE_CONFIG: Final = {
    "methodConfig": [
        {
            "name": [{}],  # every method: those that write carry a request id, or are made to be repeated
            "retryPolicy": {
                "maxAttempts": 5,
                # About 1.5 s in all, each pause longer or shorter by chance (gRFC A6).
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                # Of all the codes that may go away, the only one that says: not handled, or handled under its id.
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    # While more than half of the latest calls fail, retries would only add to the trouble.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}

_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # Notices a connection that died silently while a stream is open. Just over five minutes: servers that are not told
    # otherwise hang up on who pings more often without sending data (gRFC A8).
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A service that comes back is noticed within the retries of a call, not after the defaults of 1 s to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A page ends at 3 MiB, but the answer to a batch of 100 tickets may be longer than gRPC's default of 4 MiB.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


def open_channel(
    address: str,
    token: Token | None = None,
    *,
    tls: Tls | None = None,
    deadline: float | None = DEFAULT_DEADLINE,
    interceptors: Sequence[ClientInterceptor] = (),
    allow_plaintext_token: bool = False,
    user_agent: str = "",
) -> grpc.aio.Channel:
    """Open a channel to ``address`` (``host:port``); its stubs raise ``care_client.errors.CareError``.

    To be called within the event loop that uses it; connects with the first call, not before. A call that fails with
    UNAVAILABLE is tried up to four times more, within some 1.5 seconds and its deadline, with the same ``request_id``.

    Args:
        address: Where the service listens.
        token: Sent as ``authorization: Bearer …``. A text, a function that gets one (plain or async; see
            ``TokenProvider``), or a source such as ``TokenFile``. A call that is refused with TOKEN_EXPIRED or
            TOKEN_INVALID is tried once more if another token can be had.
        tls: How to encrypt; None for plaintext, which belongs onto a private network or behind a proxy that encrypts.
        deadline: Seconds for each unary call that brings no ``timeout`` of its own, all its attempts together, though
            not the time that a token provider takes; None for no deadline.
        interceptors: More of them, such as for tracing. They run inside Care's own, on what goes onto the wire: request
            id and token are there, and a call that is tried again with another token passes twice.
        allow_plaintext_token: Send the token unencrypted to other machines too.
        user_agent: Names the program, before the client's own name.

    Raises:
        ValueError: The token would go to another machine unencrypted, or is none.
    """
    if token is not None and tls is None and not allow_plaintext_token and not is_local(address):
        raise ValueError(
            f"the token would go to {address} unencrypted: connect with TLS, or allow plaintext on a network you trust"
        )
    agent = f"{user_agent} care-client/{version('review-care')}".lstrip()
    options = (*_OPTIONS, ("grpc.primary_user_agent", agent))
    tokens = None if token is None else token_source(token)
    all_interceptors = [*call_interceptors(tokens, deadline), *interceptors]
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options, interceptors=all_interceptors)
    return grpc.aio.secure_channel(address, tls.credentials(), options=options, interceptors=all_interceptors)


def is_local(address: str) -> bool:
    """Tell whether what is sent to ``address`` never leaves this machine; a name but localhost may be of any other."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    # As in `dns:///localhost:50051` and `ipv4:127.0.0.1:50051`.
    target = address.rpartition("/")[2].removeprefix("dns:").removeprefix("ipv4:").removeprefix("ipv6:")
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
