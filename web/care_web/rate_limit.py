"""Limits how often one network address may send something; the service limits each link besides."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from care_web.failures import TooMany

if TYPE_CHECKING:
    from starlette.requests import Request

_IPV6_PREFIX: Final = 64
"""What one subscriber has at least; its single addresses change by themselves (RFC 6177, RFC 8981)."""


class AddressLimit:
    """So many requests a minute for each address, counted in this process; addresses are forgotten after that."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, request: Request) -> None:
        """Count one request that sends something; raises ``TooMany`` where it may not pass."""
        # Behind a proxy, uvicorn has put the customer's own address here; without one it is the connection's.
        if wait := await self.admit(request.client.host if request.client else ""):
            raise TooMany(timedelta(seconds=wait))

    async def admit(self, address: str) -> int:
        """Count one request; return 0 if it may pass, else the seconds to wait."""
        key = group(address)
        if await self._window.hit(self._limit, key):
            return 0
        reset_time, _ = await self._window.get_window_stats(self._limit, key)
        return max(1, math.ceil(reset_time - time.time()))


def group(address: str) -> str:
    """Return what stands for all addresses of one subscriber; a text that is no address stands for itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, _IPV6_PREFIX), strict=False))
