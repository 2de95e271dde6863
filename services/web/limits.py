"""How often something may be asked for: a bucket of tokens for each who asks."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

from services.kernel.base.errors import Refused

MOST = 10_000
"""Buckets at most; full ones make room."""


@dataclass(frozen=True)
class FormRate:
    """``burst`` at once, then ``per_second``."""

    burst: float
    per_second: float


SIGN_IN = FormRate(100, 2.0)
"""Forms of who is not signed in, by ``place_of`` their address. A whole EOC may sit behind one, and each sign-in takes
two; a passkey cannot be guessed, so this only keeps a flood away."""

FORMS = FormRate(60, 2.0)
"""Forms that are sent, by session."""


def place_of(address: str) -> str:
    """Return whom an address stands for: of IPv6 its /64, for whoever has one address has all of those."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


class RateLimiter:
    """Counts what is asked for by name; the time is an argument, in seconds that only grow."""

    def __init__(self) -> None:
        self._left: dict[tuple[FormRate, str], tuple[float, float]] = {}

    def take(self, rate: FormRate, name: str, now: float) -> None:
        """Count one; raises Refused ``web.too_often``."""
        left, since = self._left.get((rate, name), (rate.burst, now))
        left = min(rate.burst, left + (now - since) * rate.per_second)
        if left < 1:
            wait = max(1, round((1 - left) / rate.per_second))
            raise Refused("web.too_often", "that was asked for too often", f"Wait {wait} s, then try again.")
        self._left[rate, name] = (left - 1, now)
        if len(self._left) > MOST:
            self._forget(now)

    def _forget(self, now: float) -> None:
        """Forget the buckets that are full again; if none is, the fullest half."""
        levels = {
            key: min(key[0].burst, left + (now - since) * key[0].per_second) / key[0].burst
            for key, (left, since) in self._left.items()
        }
        for key in sorted(levels, key=levels.__getitem__, reverse=True)[: MOST // 2]:
            del self._left[key]
