"""What holds for everybody who has no more than a link: how often they may call, and what a refusal tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Final, Protocol

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from care_rules.refusals import Reason, Refusal

_ONCE: Final = RateLimitItemPerMinute(1)


class Repeatable(Protocol):
    """A request that can be repeated safely."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """See google.protobuf.message.Message."""
        ...


class LinkLimit:
    """How many requests one process takes through one link in a minute; repeats of one that was let in don't count."""

    def __init__(self, per_minute: int, words: str) -> None:
        """`words` tell whoever sent more what to do."""
        self._most = RateLimitItemPerMinute(per_minute)
        self._words = words
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, link: str, request: Repeatable | None = None) -> None:
        """Refuses with RATE_LIMITED one request too many; what only reads is no `request` that could be repeated."""
        if request is None:
            if not await self._limiter.hit(self._most, link):
                raise self._refusal()
            return
        body = sha256(request.SerializeToString(deterministic=True)).hexdigest()
        if request.request_id and not await self._limiter.hit(_ONCE, link, body):
            return
        if not await self._limiter.hit(self._most, link):
            await self._limiter.clear(_ONCE, link, body)
            raise self._refusal()

    def _refusal(self) -> Refusal:
        return Refusal(Reason.RATE_LIMITED, self._words, retry_after=timedelta(minutes=1))


@contextmanager
def without_metadata() -> Iterator[None]:
    """Takes out of refusals what they say of the ticket: whoever holds a link learns nothing of it."""
    try:
        yield
    except Refusal as refusal:
        raise Refusal(refusal.reason, refusal.message, {}, refusal.violations, refusal.retry_after) from refusal
