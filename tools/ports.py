"""Prints the first of a row of free TCP ports on this machine, for `care up --first-port`.

    python -m tools.ports [COUNT]

The ports are free at the moment of asking: whoever takes them next should do so soon.
"""

from __future__ import annotations

import random
import socket
import sys
from contextlib import ExitStack
from typing import Final

# Below the range that Linux and macOS hand out by themselves.
LOWEST: Final = 10_000
HIGHEST: Final = 30_000
TRIES: Final = 200


def is_free(first: int, count: int) -> bool:
    """Returns whether all of `count` ports from `first` on can be bound at once."""
    with ExitStack() as stack:
        for port in range(first, first + count):
            listener = stack.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def first_free(count: int) -> int:
    """Returns the first of a row of free ports; raises OSError where there is none."""
    for _ in range(TRIES):
        first = random.randrange(LOWEST, HIGHEST - count)  # noqa: S311 - spreads concurrent runs, guards nothing
        if is_free(first, count):
            return first
    raise OSError(f"no {count} free ports in a row between {LOWEST} and {HIGHEST}")


def main(argv: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    try:
        print(first_free(int(argv[0]) if argv else 10))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
