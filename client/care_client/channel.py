"""Opens the channel to Care's gRPC service, with encryption, token, deadline, retries and keepalive."""

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
"""The deadline in seconds of unary calls whose caller sets none. Streams have no default deadline."""

_SERVICE_CONFIG: Final = {
    "methodConfig": [
        {
            "name": [{}],  # every method: writing is safe to repeat, by request id or by design
            "retryPolicy": {
                "maxAttempts": 5,
                # About 1.5 s in total, with jitter on each pause (gRFC A6).
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                # Other temporary errors need a longer pause, or the call has used up its deadline.
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    # Keeps retries from overloading the service. An attempt that fails with UNAVAILABLE costs 1 of 100 tokens, and a
    # success returns 0.1. Calls are not retried while at most 50 tokens are left (gRFC A6).
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}

_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # Detects a dead connection while a stream is open. By default, servers close the connection of a client that pings
    # more often than every five minutes without sending data (gRFC A8).
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Reconnects to a restarted service within the retries of a call. The defaults are 1 s to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Pages end at 3 MiB, but the response to a batch of 100 tickets may exceed gRPC's default of 4 MiB.
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
    """Opens a channel to ``address`` (``host:port``). Stubs on this channel raise ``care_client.errors.CareError``.

    Call this in the event loop that uses the channel. The channel connects on the first call. A call that fails with
    UNAVAILABLE is retried up to four times with the same ``request_id``, after pauses of about 1.5 seconds in total and
    within the call's deadline.

    Args:
        address: Where the service listens.
        token: The bearer token, sent as ``authorization: Bearer …``. A string, a function that returns one (plain or
            async, see ``TokenProvider``), or a source such as ``TokenFile``. A call that fails with TOKEN_EXPIRED or
            TOKEN_INVALID is repeated once if another token is available.
        tls: The encryption. None for plaintext, which is safe only on a private network or behind an encrypting proxy.
        deadline: Seconds for each unary call whose caller passes no ``timeout``. It covers all attempts, but not the
            time that a token provider takes. None for no deadline.
        interceptors: Further interceptors, such as for tracing. They see the request id and the token. They see a call
            twice if it is repeated with another token.
        allow_plaintext_token: Whether the token may be sent unencrypted to another machine.
        user_agent: The name of the program, placed before the client's own name.

    Raises:
        ValueError: The token would be sent unencrypted to another machine, or it is not a bearer token.
    """
    if token is not None and tls is None and not allow_plaintext_token and not is_local(address):
        raise ValueError(
            f"the token would be sent to {address} unencrypted: use TLS, or allow plaintext on a network that you trust"
        )
    agent = f"{user_agent} care-client/{version('review-care')}".lstrip()
    options = (*_OPTIONS, ("grpc.primary_user_agent", agent))
    tokens = None if token is None else token_source(token)
    all_interceptors = [*call_interceptors(tokens, deadline), *interceptors]
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options, interceptors=all_interceptors)
    return grpc.aio.secure_channel(address, tls.credentials(), options=options, interceptors=all_interceptors)


def is_local(address: str) -> bool:
    """Returns whether ``address`` is on this machine. The only host name that counts as local is ``localhost``."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    # Removes the scheme, as in `dns:///localhost:50051` and `ipv4:127.0.0.1:50051`.
    target = address.rpartition("/")[2].removeprefix("dns:").removeprefix("ipv4:").removeprefix("ipv6:")
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
