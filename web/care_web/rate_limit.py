"""Limits how many requests one network address may send per minute. The service also has a limit per link."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from care_web.service_errors import RateLimited

if TYPE_CHECKING:
    from starlette.requests import Request

_IPV6_PREFIX: Final = 64
"""The prefix length of the smallest network that a subscriber gets (RFC 6177).

A device regularly changes its address within this network (RFC 8981).
"""


class AddressLimit:
    """Limits the requests of each address to a number per minute. Each process counts for itself."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, request: Request) -> None:
        """Counts a request. Raises ``RateLimited`` if its address has sent too many requests."""
        # Behind a trusted proxy, uvicorn replaces the address of the connection with the customer's address.
        if wait := await self.count(request.client.host if request.client else ""):
            raise RateLimited(timedelta(seconds=wait))

    async def count(self, address: str) -> int:
        """Counts a request. Returns 0 if the request is allowed; otherwise how many seconds to wait."""
        key = subscriber_key(address)
        if await self._window.hit(self._limit, key):
            return 0
        reset_time, _ = await self._window.get_window_stats(self._limit, key)
        return max(1, math.ceil(reset_time - time.time()))


def subscriber_key(address: str) -> str:
    """Returns the key that all addresses of one subscriber share. A text that is not an address is its own key."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, _IPV6_PREFIX), strict=False))
