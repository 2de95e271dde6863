"""How much one host is asked for at once and in a time, as data (platforms.md): a city posts from one address."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from schemas.events.authority import Profile

UNLIMITED = 1_000_000_000


@dataclass(frozen=True)
class HostLimit:
    """``at_once`` calls under way, and ``posts`` begun within any ``seconds``."""

    at_once: int
    posts: int = UNLIMITED
    seconds: float = 300.0


LIMITS: dict[str, HostLimit] = {
    # 300 requests per address in 5 minutes; a post may take one look at the timeline too.
    "mastodon": HostLimit(at_once=64, posts=140, seconds=300.0),
}
LOCAL = HostLimit(at_once=1_024)
"""For what lies on this machine: the website, the townsquare."""

LOCAL_HOSTS = frozenset({"website", "townsquare"})
OTHER = HostLimit(at_once=16, posts=100, seconds=300.0)


def host_of(profile: Profile) -> str:
    """Return whose door a post to this profile knocks on: the account's instance, else the platform."""
    _, at, instance = profile.account.rpartition("@")
    return instance if at and instance else profile.platform


def limit_of(platform: str, host: str) -> HostLimit:
    """Return the limit of a host."""
    return LOCAL if host in LOCAL_HOSTS else LIMITS.get(platform, OTHER)


@dataclass
class Budget:
    """Counts the posts begun at one host within the limit's time; the time is an argument, in seconds."""

    limit: HostLimit
    begun: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> float:
        """Begin a post and return 0, or return the seconds to wait until one may begin."""
        while self.begun and self.begun[0] <= now - self.limit.seconds:
            self.begun.popleft()
        if len(self.begun) >= self.limit.posts:
            return self.begun[0] + self.limit.seconds - now
        if self.limit.posts < UNLIMITED:
            self.begun.append(now)
        return 0.0
