"""How much one sender may send: token buckets for messages, bytes and pixels. Pure but for the time that it is given.

A stolen or broken sender is slowed down alone: others do not wait for it, and it is told when to come again.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from services.kernel.base.errors import Refused

MINUTE = 60.0
MOST_SENDERS = 10_000


@dataclass(frozen=True)
class SenderQuota:
    """What one sender may send in a minute; as much may come at once."""

    messages: int
    bytes: int
    pixels: int = 0


@dataclass
class _Bucket:
    """What is left of a sender's quota, and when that was so (seconds of the monotonic clock)."""

    left: dict[str, float]
    at: float


def check_open(system: str, authors: Collection[str], most: int) -> None:
    """Check that a system has not too many open requests already: they would bury what else waits, and fill memory.

    Args:
        system: who sends one more.
        authors: of all requests that are open, one for each request.
        most: how many of one system may be open.

    Raises:
        Refused: ``quota.open``.
    """
    if len(authors) < most or sum(author == system for author in authors) < most:
        return
    raise Refused(
        "quota.open",
        f"{most} requests of {system} are open, and no more are taken",
        f"come again when some are over; onevoice reject --of {system} ends what waits for an approval; "
        "[quota] in city.toml sets it",
    )


@dataclass
class Quotas:
    """The quotas of all senders. ``of`` maps the kind of sender (officer, system, pages) to what each may send."""

    of: Mapping[str, SenderQuota]
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def take(self, kind: str, sender: str, now: float, **wanted: int) -> None:
        """Take from a sender's quota; what does not fit takes nothing.

        Args:
            kind: one of ``of``.
            sender: its name, or whose bucket it is.
            now: the present in seconds of a clock that never goes back.
            wanted: ``messages``, ``bytes``, ``pixels``.

        Raises:
            Refused: ``quota.exceeded``, with the seconds after which it fits.
        """
        most = self.of[kind]
        bucket = self._filled(sender, most, now)
        for what, amount in wanted.items():
            limit = float(getattr(most, what))
            missing = min(float(amount), limit) - bucket.left[what]
            if missing > 0:
                seconds = math.ceil(missing / limit * MINUTE) if limit else 60
                raise Refused(
                    "quota.exceeded",
                    f"{sender} has sent too much: {most.messages} messages, {most.bytes} bytes"
                    + (f" and {most.pixels} pixels" if most.pixels else "")
                    + " a minute are taken",
                    f"come again in {seconds} s; [quota] in city.toml sets it",
                )
        for what, amount in wanted.items():
            bucket.left[what] -= amount

    def _filled(self, sender: str, most: SenderQuota, now: float) -> _Bucket:
        full = {what: float(getattr(most, what)) for what in ("messages", "bytes", "pixels")}
        if len(self._buckets) >= MOST_SENDERS and sender not in self._buckets:
            self._buckets.clear()  # permissions know far fewer names; this only bounds memory
        bucket = self._buckets.setdefault(sender, _Bucket(dict(full), now))
        for what, limit in full.items():
            bucket.left[what] = min(limit, bucket.left[what] + (now - bucket.at) / MINUTE * limit)
        bucket.at = now
        return bucket
