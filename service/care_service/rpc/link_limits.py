"""Rate limits per link."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from care_rules.refusals import Reason, Refusal
from care_service.rpc.responses import Repeatable

_ONCE: Final = RateLimitItemPerMinute(1)


class LinkLimit:
    """Limits how many requests with one link a process accepts per minute.

    If an accepted request has a `request_id`, its repeats within a minute do not count.
    """

    def __init__(self, per_minute: int, message: str) -> None:
        """`message` is the message of the refusal. It says what to do."""
        self._limit = RateLimitItemPerMinute(per_minute)
        self._message = message
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, link: str, request: Repeatable | None = None) -> None:
        """Refuses with RATE_LIMITED if the limit is reached. Reads pass no `request`, and every read counts."""
        if request is None:
            if not await self._limiter.hit(self._limit, link):
                raise self._refusal()
            return
        body = sha256(request.SerializeToString(deterministic=True)).hexdigest()
        if request.request_id and not await self._limiter.hit(_ONCE, link, body):
            return
        if not await self._limiter.hit(self._limit, link):
            await self._limiter.clear(_ONCE, link, body)
            raise self._refusal()

    def _refusal(self) -> Refusal:
        return Refusal(Reason.RATE_LIMITED, self._message, retry_after=timedelta(minutes=1))
