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
    """Runs a background task until it returns or is cancelled. Logs failures, and restarts the task after a pause.

    Each task handles the failures that it expects. This function handles all others. Without the restart, the task
    would stop unnoticed: for example, the health status would freeze, or expired responses would pile up.
    """
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - any failure, see above
            # The message is not logged, because messages of a database driver contain values.
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
    """Runs rounds until cancelled, with a pause of `pause` seconds after each. If a round fails, logs `failure`."""
    while True:
        try:
            await run_round()
        except Exception as error:  # noqa: BLE001 - logged and retried after any failure
            log.warning(failure, reason=failure_reason(error))
        await asyncio.sleep(pause)


def failure_reason(error: Exception) -> str:
    """Returns the text for the log: the reason of a refusal, or the type of any other error."""
    return error.reason.value if isinstance(error, Refusal) else type(error).__qualname__
