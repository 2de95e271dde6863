"""How a platform may lag behind and forget, as data: when what it shows may be believed.

``settle``: how long after the end of a lease a listing that does not show a post proves nothing yet. Where the platform
knows our key a short time does, for the key guards the repeat while it lasts; when it lasts no longer (an hour), the
listing had an hour to catch up, and each repeat looks at it once more. Without a key only time helps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from schemas.streams import LEASE_SECONDS


@dataclass(frozen=True)
class Settling:
    """Seconds, for the usual lease.

    ``read_back``: when after a post it is looked whether it is there as approved; what is gone or changed is looked
    at as often as that, as far apart. ``later``: when it is looked again at what stood.
    """

    settle: float
    read_back: tuple[float, ...]
    later: tuple[float, ...] = ()

    def scaled(self, lease: float) -> Settling:
        """Return the same for another lease: drills run with shorter ones."""
        factor = lease / LEASE_SECONDS
        looks, later = (tuple(one * factor for one in times) for times in (self.read_back, self.later))
        return Settling(self.settle * factor, looks, later)


LATER = (600.0, 3_600.0)
"""Somebody may change or delete a post by hand, or a moderator take it down: an hour long it is looked at again."""

SETTLING: dict[str, Settling] = {
    "website": Settling(0.0, ()),
    # A record's key is ours, and is written only where nothing is there; a moderator may take it down later.
    "bluesky": Settling(0.0, (20.0, 60.0), later=LATER),
    # The same words again are refused for a time, which guards a repeat; the listing may lag.
    "x": Settling(60.0, (20.0, 60.0)),
    # No key, and a listing that may lag: time is all that helps.
    "facebook": Settling(300.0, (20.0, 60.0, 180.0)),
    # The same words again are refused, which guards a repeat; ghosts and listings lag.
    "linkedin": Settling(120.0, (20.0, 60.0)),
    # A container becomes one post at most; its publication has taken 222 s.
    "threads": Settling(300.0, (20.0, 60.0, 180.0)),
    "instagram": Settling(300.0, (20.0, 60.0, 180.0)),
    # A receiver takes an id that it knows for the same event (CloudEvents 1.0.2, "id").
    "webhook": Settling(0.0, ()),
    # The Idempotency-Key is kept for 3,600 s (Mastodon's post_status_service.rb).
    "mastodon": Settling(LEASE_SECONDS, (20.0, 60.0), later=LATER),
}
OTHER = Settling(600.0, (60.0, 180.0))
"""For a platform that keeps no key for us."""


@lru_cache(maxsize=64)
def settling_of(platform: str, lease: float) -> Settling:
    """Return a platform's times for a lease in seconds."""
    return SETTLING.get(platform, OTHER).scaled(lease)
