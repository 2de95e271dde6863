"""How much one host and one account are asked for, as data, and the buckets that keep to it. Pure: time is an argument.

A platform counts what it is sent within a window. A bucket that holds ``size`` and fills up by ``per_second`` never
gives more than ``size + per_second * window`` within any window: the numbers below stay under the platforms' own.
The last part of each bucket is a reserve: only what cannot wait may use it.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.authority import Profile
from services.fanout.domain.reported_quota import KEPT, ReportedQuota
from services.fanout.domain.retry import LONGEST_WAIT_SECONDS

WINDOW = 300.0


@dataclass(frozen=True)
class Rate:
    """A bucket's numbers, in posts and seconds; ``reserve`` of ``size`` is kept for a crisis."""

    size: float
    per_second: float
    reserve: float


LOOKS = Rate(20.0, 0.1, reserve=5.0)
"""What looks at profiles may ask one host for: 50 in 5 minutes. The reserve is for later looks at posts that may be
public without anybody knowing."""

READ_BACKS = Rate(20.0, 0.2, reserve=0.0)
"""What looks at delivered posts may ask one host for: 80 in 5 minutes; 300 posts on one host take 1,400 s."""


@dataclass(frozen=True)
class HostLimit:
    """``at_once`` calls under way, and ``slow`` more that take long; a rate for the host and for each account.

    ``read_backs`` is what looks at delivered posts may ask the host for. No rate for the host: what lies on this
    machine is not counted.
    """

    at_once: int
    slow: int = 0
    host: Rate | None = None
    account: Rate | None = None
    read_backs: Rate = READ_BACKS


_BROAD = Rate(100.0, 10.0, reserve=30.0)
"""For what counts by another measure, or by none: no flood, for all that."""

LIMITS: dict[str, HostLimit] = {
    # Account: 5,000 points an hour, 3 for a post (docs.bsky.app/docs/advanced-guides/rate-limits).
    # 100 + 3,600 s * 1,400/3,600 = 1,500 posts.
    # Host: 3,000 requests per address in 5 minutes; a post with four pictures takes eight at most.
    "bluesky": HostLimit(
        at_once=64,
        slow=192,
        host=Rate(150.0, 150.0 / WINDOW, reserve=50.0),
        account=Rate(100.0, 1_400.0 / 3_600.0, reserve=30.0),
        read_backs=Rate(40.0, 0.8, reserve=0.0),  # 280; with 300 posts of eight requests and 50 looks 2,730
    ),
    # Host: 300 requests per address in 5 minutes (docs.joinmastodon.org/api/rate-limits and rack_attack.rb, older
    # servers); a post takes a second request at times, to look. 100 + 300 s * 40/300 = 140 posts.
    # Account: 300 statuses in 3 hours (Mastodon's rate_limiter.rb). 60 + 10,800 s * 240/10,800 = 300.
    # 300 requests of an account in 5 minutes: two for each of 66 posts, 50 looks and 80 read-backs are 262.
    "mastodon": HostLimit(
        at_once=64,
        slow=192,
        host=Rate(100.0, 40.0 / WINDOW, reserve=50.0),
        account=Rate(60.0, 240.0 / 10_800.0, reserve=20.0),
    ),
    # A webhook: one message a second, short bursts are taken (docs.slack.dev/apis/web-api/rate-limits).
    "slack": HostLimit(at_once=16, slow=48, host=_BROAD, account=Rate(10.0, 0.8, reserve=3.0)),
    # A workflow's connection: 100 calls a minute (Microsoft's reference of the Teams connector). 40 + 60 s * 1 = 100.
    "teams": HostLimit(at_once=16, slow=48, host=_BROAD, account=Rate(40.0, 1.0, reserve=10.0)),
    # A bot: 30 messages a second; one channel or group: 20 a minute (core.telegram.org/bots/faq).
    # Account: 8 + 60 s * 0.2 = 20.
    "telegram": HostLimit(at_once=16, slow=48, host=Rate(15.0, 15.0, reserve=5.0), account=Rate(8.0, 0.2, reserve=3.0)),
    # Account: 100 posts in 15 minutes; the application's 10,000 a day are never reached. 40 + 900 s * 0.06 = 94.
    "x": HostLimit(at_once=32, slow=96, host=_BROAD, account=Rate(40.0, 0.06, reserve=15.0)),
    # Nextdoor names no number: as careful as with a channel of a bot.
    "nextdoor": HostLimit(at_once=8, slow=24, host=_BROAD, account=Rate(8.0, 0.1, reserve=3.0)),
    # A Page: 4,800 calls a day for each engaged user at least; Meta slows down who posts fast (1390008).
    "facebook": HostLimit(at_once=32, slow=96, host=_BROAD, account=Rate(15.0, 0.05, reserve=6.0)),
    # An account: 100 posts in 24 hours (/content_publishing_limit says how many are left). 30 + 86,400 s * 0.0008 = 99.
    "instagram": HostLimit(at_once=32, slow=96, host=_BROAD, account=Rate(30.0, 0.0008, reserve=15.0)),
    # An account: 250 posts in 24 hours (/threads_publishing_limit). 60 + 86,400 s * 0.0021 = 241.
    "threads": HostLimit(at_once=32, slow=96, host=_BROAD, account=Rate(60.0, 0.0021, reserve=25.0)),
    # A member or page: 150 calls that post a day (learn.microsoft.com, Posts API). 50 + 86,400 s * 0.0011 = 145.
    "linkedin": HostLimit(at_once=32, slow=96, host=_BROAD, account=Rate(50.0, 0.0011, reserve=20.0)),
    # The city's own mail server; what lists it serves, it knows.
    "email": HostLimit(at_once=8, slow=24, host=_BROAD, account=_BROAD),
    # Systems of the city and its partners: what they can take they say by a 429.
    "webhook": HostLimit(at_once=16, slow=48, host=_BROAD, account=_BROAD),
}
OTHER = HostLimit(
    at_once=16,
    slow=48,
    host=Rate(60.0, 40.0 / WINDOW, reserve=20.0),
    account=Rate(30.0, 20.0 / WINDOW, reserve=10.0),
)
"""For a platform that nothing is known of: 100 posts in 5 minutes."""

LOCAL: dict[str, HostLimit] = {
    "website": HostLimit(at_once=1_024),
    "manual": HostLimit(at_once=1_024),
    "townsquare": HostLimit(at_once=128, slow=256),
}
"""What lies on this machine: the website, which writes all that waits at once, tasks for people, the townsquare."""


def host_of(profile: Profile) -> str:
    """Return the host that a post to this profile goes to: the account's instance, else the platform.

    Each webhook's receiver is a host of its own; all e-mail goes to one server; a task goes to none.
    """
    if profile.platform in ("email", "manual"):
        return profile.platform
    if profile.platform == "webhook":
        return f"webhook:{profile.account}"
    _, at, instance = profile.account.removeprefix("@").rpartition("@")
    return instance if at and instance else profile.platform


def limit_of(platform: str, host: str) -> HostLimit:
    """Return the limit of a host."""
    return LOCAL.get(host) or LIMITS.get(platform, OTHER)


class Bucket:
    """A token bucket, full at first."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._tokens = rate.size
        self._at: float | None = None

    def wait(self, now: float, amount: float, *, urgent: bool) -> float:
        """Return the seconds until ``amount`` may be taken (0: now); more than it can hold counts as what it can."""
        self._fill(now)
        kept = 0.0 if urgent else self.rate.reserve
        missing = min(amount, self.rate.size - kept) + kept - self._tokens
        return missing / self.rate.per_second if missing > 1e-9 else 0.0

    def take(self, amount: float) -> None:
        """Take it; what is taken beyond its content keeps later ones waiting."""
        self._tokens -= amount

    def spent(self, at: float, amount: float) -> None:
        """Note what was taken elsewhere at a time; a debt is filled up like anything else."""
        self._fill(at)
        self.take(amount)

    def left(self, now: float) -> float:
        """Return what it gives at a time, the reserve included; never less than nothing."""
        self._fill(now)
        return max(0.0, self._tokens)

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._tokens = min(self.rate.size, self._tokens + max(0.0, now - self._at) * self.rate.per_second)
        self._at = now if self._at is None else max(self._at, now)


class Quota:
    """The buckets of one host and its accounts."""

    def __init__(self, limit: HostLimit) -> None:
        self._limit = limit
        self._host = Bucket(limit.host) if limit.host else None
        self._looks = Bucket(LOOKS) if limit.host else None
        self._read_backs = Bucket(limit.read_backs) if limit.host else None
        self._accounts: dict[str, Bucket] = {}
        self._reported: dict[str, tuple[ReportedQuota, float]] = {}

    def take(self, account: str, now: float, *, amount: float = 1.0, urgent: bool = False) -> float:
        """Take from both buckets and return 0, or take nothing and return the seconds to wait."""
        buckets = [bucket for bucket in (self._host, self._account(account)) if bucket is not None]
        wait = max((bucket.wait(now, amount, urgent=urgent) for bucket in buckets), default=0.0)
        wait = max(wait, self._reported_wait(account, now, amount, urgent=urgent))
        if wait == 0.0:
            for bucket in buckets:
                bucket.take(amount)
        return wait

    def on_reported(self, account: str, reported: ReportedQuota, now: float) -> None:
        """Note what the platform itself says is left of an account's posts; the newest word counts."""
        self._reported[account] = (reported, now)

    def left_of(self, now: float) -> dict[str, float]:
        """Return what each account still has by its platform's own word, as a part of its limit (0 to 1)."""
        return {
            name: reported.left / reported.limit
            for name, (reported, at) in self._reported.items()
            if now < at + reported.seconds
        }

    def _reported_wait(self, account: str, now: float, amount: float, *, urgent: bool) -> float:
        """What cannot wait asks again after a while, however long the window is said to last: nobody else does."""
        reported, at = self._reported.get(account, (None, now))
        if reported is None or now >= at + reported.seconds:
            self._reported.pop(account, None)
            return 0.0
        kept, lasts = (0.0, LONGEST_WAIT_SECONDS) if urgent else (reported.limit * KEPT, reported.seconds)
        if reported.left - min(amount, reported.limit - kept) >= kept:
            return 0.0
        return max(0.0, at + min(lasts, reported.seconds) - now)

    def give_back(self, account: str, *, amount: float = 1.0) -> None:
        """Give back what was taken for a post that was not sent after all."""
        for bucket in (self._host, self._account(account)):
            if bucket is not None:
                bucket.take(-amount)

    def look(self, now: float, *, urgent: bool = False) -> float:
        """Take a look at a profile from the looks' own bucket and return 0, or nothing and return the wait.

        Neither to the host's posts nor to an account's it is anything: what they leave is enough for it.
        """
        wait = self._looks.wait(now, 1.0, urgent=urgent) if self._looks is not None else 0.0
        if wait == 0.0 and self._looks is not None:
            self._looks.take(1.0)
        return wait

    def read_back(self, now: float) -> float:
        """Take a place in the queue of looks at delivered posts, and return the seconds until its turn comes.

        The place is taken: who comes at its turn asks no more, and looks.
        """
        if self._read_backs is None:
            return 0.0
        wait = self._read_backs.wait(now, 1.0, urgent=False)
        self._read_backs.take(1.0)
        return wait

    def spent(self, account: str, at: float, *, amount: float = 1.0) -> None:
        """Note what another copy posts at a time: it counts, whatever is left."""
        for bucket in (self._host, self._account(account)):
            if bucket is not None:
                bucket.spent(at, amount)

    def left(self, now: float) -> float | None:
        """Return what the host still gives; None: it is not counted."""
        return self._host.left(now) if self._host is not None else None

    def _account(self, account: str) -> Bucket | None:
        if self._limit.account is None:
            return None
        return self._accounts.setdefault(account, Bucket(self._limit.account))
