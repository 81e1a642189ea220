"""What runs beside the calls for as long as the service does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from traceback import extract_tb
from typing import Final

from care_roles.logs import get_logger

_LOG: Final = get_logger("care.service")
_PAUSE: Final = 5.0
"""Seconds before what failed runs again."""


async def keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs something until it returns or is cancelled; where it fails, that is logged, and it runs again after a pause.

    Each part expects the failures of its own trade; this is for the others. A part that was gone unnoticed would be
    worse than one that fails again and again in the log: health would stay as it was, or old answers pile up.
    """
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - whatever it is; see above
            # Not the message: a driver's quotes values.
            frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
            _LOG.error(
                "a part of the service failed; it runs again",
                part=name,
                error=type(error).__qualname__,
                frames=frames,
                pause_seconds=_PAUSE,
            )
            await asyncio.sleep(_PAUSE)
        else:
            return
