"""Waits for conditions in other processes, by polling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

from care_dev.stack.errors import StackError

T = TypeVar("T")

_PAUSE: Final = 0.2
_DEADLINE: Final = 60.0


async def poll_until(what: str, probe: Callable[[], Awaitable[T | None]]) -> T:
    """Calls `probe` until it returns a value, and returns that value. None means "not yet".

    Raises StackError, which names `what`, after a minute.
    """
    with anyio.move_on_after(_DEADLINE):
        while True:
            if (found := await probe()) is not None:
                return found
            await anyio.sleep(_PAUSE)
    raise StackError(f"{what} did not happen within {_DEADLINE:.0f} s: see the logs of the stack")
