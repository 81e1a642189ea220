"""Opens the socket that a local development page listens on, or says in one line why it cannot."""

import socket
from typing import Final

_MAX_PORT: Final = 65535


class CannotStart(Exception):
    """The program cannot run with what it was given; the message is one line that says what to do."""


def listen(address: str) -> socket.socket:
    """Listen on ``address`` (``host:port``); raises ``CannotStart``."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise CannotStart(f"The address must be host:port, such as 127.0.0.1:8090; got {address!r}.")
    host = host.removeprefix("[").removesuffix("]")
    try:
        return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotStart(f"Cannot listen on {address}: {error.strerror}. Choose another address or port.") from error


def bound_address(listener: socket.socket) -> str:
    """Return ``host:port`` of ``listener``, with the port that it was given."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
