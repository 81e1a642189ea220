"""Prints the first of several consecutive free TCP ports, for `care up --first-port`.

    python -m tools.ports [COUNT]

The ports are not reserved, so use them soon.
"""

from __future__ import annotations

import random
import socket
import sys
from contextlib import ExitStack
from typing import Final

# These ports are below the ephemeral ports of Linux and macOS.
LOWEST: Final = 10_000
HIGHEST: Final = 30_000
ATTEMPTS: Final = 200


def is_free(first: int, count: int) -> bool:
    """Returns whether the `count` ports from `first` on are free."""
    with ExitStack() as stack:
        for port in range(first, first + count):
            listener = stack.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def first_free(count: int) -> int:
    """Returns the first of `count` consecutive free ports. Raises OSError if it finds none."""
    for _ in range(ATTEMPTS):
        first = random.randrange(LOWEST, HIGHEST - count)  # noqa: S311 - keeps concurrent runs apart, not for cryptography
        if is_free(first, count):
            return first
    raise OSError(f"found no {count} consecutive free ports between {LOWEST} and {HIGHEST}")


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit status."""
    try:
        print(first_free(int(argv[0]) if argv else 10))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
