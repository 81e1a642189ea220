"""Opens the listening sockets of the local review site and the local mailbox."""

import socket
from typing import Final

_MAX_PORT: Final = 65535


class CannotStart(Exception):
    """The program cannot start with its options. The message is one line and says what to do."""


def listen(address: str) -> socket.socket:
    """Returns a socket that listens on `address` (`host:port`). Raises CannotStart if the address cannot be used."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise CannotStart(f"The address must be host:port, such as 127.0.0.1:8090; got {address!r}.")
    host = host.removeprefix("[").removesuffix("]")
    try:
        return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotStart(f"Cannot listen on {address}: {error.strerror}. Choose another address or port.") from error


def bound_address(listener: socket.socket) -> str:
    """Returns the address of `listener` as `host:port`.

    If `listen` was given port 0, the address has the port that the system chose.
    """
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
