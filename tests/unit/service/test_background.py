"""An unexpected failure does not end a background task."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from care_service.running import background as module
from care_service.running.background import keep_running


async def test_a_failure_is_logged_without_its_message_and_the_task_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    outcomes: list[Exception | None] = [None, ValueError("robin@example.com"), KeyError("a")]

    async def run() -> None:
        if (outcome := outcomes.pop()) is not None:
            raise outcome

    with capture_logs() as logs:
        await keep_running("watch", run)
    assert outcomes == []
    assert [(line["part"], line["error"]) for line in logs] == [("watch", "KeyError"), ("watch", "ValueError")]
    assert "robin" not in str(logs)


async def test_a_background_task_can_be_cancelled() -> None:
    task = asyncio.create_task(keep_running("for ever", asyncio.Event().wait))  # type: ignore[arg-type]  # never returns
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
