"""Each write of a stream has a time limit. One timer watches all writes of the stream."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from care_service.rpc.write_watch import WriteWatch

LIMIT: Final = 0.2
"""Seconds."""


def after(seconds: float) -> asyncio.Future[None]:
    """Returns a future that is done after `seconds`."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, future.set_result, None)
    return future


async def write_slowly(writes: WriteWatch) -> None:
    writes.begin()
    await after(10 * LIMIT)


async def test_a_write_that_takes_too_long_ends_the_block() -> None:
    writes = WriteWatch(LIMIT)
    with pytest.raises(TimeoutError):
        async with writes:
            await write_slowly(writes)
    assert writes.has_expired


async def test_a_block_without_a_write_in_progress_lasts_longer_than_the_limit() -> None:
    async with WriteWatch(LIMIT) as writes:
        writes.begin()
        writes.end()
        await after(2 * LIMIT)
    assert not writes.has_expired


async def test_each_write_may_take_the_whole_limit() -> None:
    begins: list[float] = []

    async def write_twice() -> None:
        async with WriteWatch(LIMIT) as writes:
            writes.begin()
            writes.end()
            await after(LIMIT / 2)
            begins.append(asyncio.get_running_loop().time())
            await write_slowly(writes)

    with pytest.raises(TimeoutError):
        await write_twice()
    assert asyncio.get_running_loop().time() >= begins[0] + LIMIT


async def test_a_write_that_ends_in_time_after_the_timer_of_an_earlier_one_does_not_end_the_block() -> None:
    async with WriteWatch(LIMIT) as writes:
        writes.begin()
        writes._check()  # as the timer of an earlier write does
        writes.end()
        await after(2 * LIMIT)
    assert not writes.has_expired


async def test_an_error_in_the_block_is_raised_as_it_is() -> None:
    writes = WriteWatch(LIMIT)
    with pytest.raises(TimeoutError, match="of the feed"):
        async with writes:
            raise TimeoutError("of the feed")
    assert not writes.has_expired


async def test_a_stream_that_is_cancelled_while_it_writes_is_cancelled() -> None:
    writes = WriteWatch(LIMIT)

    async def stream() -> None:
        async with writes:
            await write_slowly(writes)

    task = asyncio.create_task(stream())
    await after(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not writes.has_expired
