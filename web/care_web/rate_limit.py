"""Limits how often one network address may submit; the service limits each link besides."""

import math
import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

_IPV6_PREFIX: Final = 64
"""What one subscriber has at least; its single addresses change by themselves (RFC 6177, RFC 8981)."""


class AddressLimit:
    """So many submissions a minute for each address, counted in this process; addresses are forgotten after that."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    async def admit(self, address: str) -> int:
        """Count one submission; return 0 if it may pass, else the seconds to wait."""
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
