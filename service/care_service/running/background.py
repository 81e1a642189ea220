"""Background tasks of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from traceback import extract_tb
from typing import TYPE_CHECKING, Final

from care_roles.logs import get_logger
from care_rules.refusals import Refusal

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_LOG: Final = get_logger("care.service")
_PAUSE: Final = 5.0
"""Seconds before a failed task is restarted."""


async def keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs a background task until it returns or is cancelled. If it fails, logs that and restarts it after a pause.

    Each task handles the failures that it expects; this handles the others. A task that stops unnoticed would be worse
    than one that keeps failing in the log: the health status would freeze, or expired responses would pile up.
    """
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - any failure, see above
            # Without the message, because a database driver quotes values.
            frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
            _LOG.error(
                "background task failed; restarting",
                part=name,
                error=type(error).__qualname__,
                frames=frames,
                pause_seconds=_PAUSE,
            )
            await asyncio.sleep(_PAUSE)
        else:
            return


async def repeat(
    run_round: Callable[[], Awaitable[None]], pause: float, log: FilteringBoundLogger, failure: str
) -> None:
    """Runs a round every `pause` seconds until cancelled. Logs `failure` if one fails, and goes on."""
    while True:
        try:
            await run_round()
        except Exception as error:  # noqa: BLE001 - logged and retried after any failure
            log.warning(failure, reason=failure_reason(error))
        await asyncio.sleep(pause)


def failure_reason(error: Exception) -> str:
    """Returns the reason of a failed round for the log: that of a refusal, else the type of the error."""
    return error.reason.value if isinstance(error, Refusal) else type(error).__qualname__
