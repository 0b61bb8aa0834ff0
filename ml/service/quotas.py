"""Quotas: a bucket of requests per key, or per address without a key, that fills up again by the minute."""

from __future__ import annotations

import functools
import ipaddress
import math
from collections import OrderedDict

__all__ = ["Quotas", "address_group"]

# Buckets that are remembered; who is forgotten begins with a full one.
REMEMBERED = 20_000


class Quotas:
    """Token buckets; one minute's worth may be used at once. Not for several threads: the event loop has it alone."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, per_minute: int, now: float) -> float:
        """Take one request out of a bucket.

        Args:
            per_minute: the bucket's size; 0 sets no limit.
            now: seconds of a clock that never goes back.

        Returns:
            0 when the request may go on, else the seconds until it may.
        """
        if per_minute <= 0:
            return 0.0
        level, at = self._buckets.pop(who, (float(per_minute), now))
        level = min(level + (now - at) * per_minute / 60, float(per_minute))
        wait = 0.0 if level >= 1 else (1 - level) * 60 / per_minute
        self._buckets[who] = (level - 1 if wait == 0 else level, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return wait


def seconds_text(wait: float) -> str:
    """Give a wait as Retry-After has it: whole seconds, at least one."""
    return str(max(math.ceil(wait), 1))


@functools.lru_cache(maxsize=4096)
def address_group(address: str) -> tuple[str, bool]:
    """Give whose bucket an address is, and whether it is this machine; one IPv6 network of 64 bits is one reader."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address, False
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped), known.ipv4_mapped.is_loopback
        if not known.is_loopback:
            return str(ipaddress.ip_network((known, 64), strict=False)), False
    return str(known), known.is_loopback
