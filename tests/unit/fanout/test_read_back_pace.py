"""How soon many posts on one host are read back, and that looks of other kinds are made meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import PlatformContent, Rendering, Request
from services.fanout.connectors.contract import CannotTell, Correction, Declaration, Posted, ReadsBack, WhenUnknown
from services.fanout.delivery.caller import Caller
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.readback import ReadBack
from services.fanout.domain.later_look import MOMENTS
from services.fanout.following.answering import STANDS_ALONE
from services.fanout.following.earlier import EarlierPosts
from services.fanout.hosts.host import HostRegistry
from services.fanout.hosts.starts import Starts
from services.kernel.base.clock import ManualClock
from services.kernel.fold.chain import Chain
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry
from tests.unit.fanout.world import NOW, control, profile, receipt, request
from tests.unit.states import ended_target, state

FIRE = profile("fire-social", account="@fire@mastodon.example")


class Standing(ReadsBack):
    """A platform on which every post stands as it was approved; ``under``: what each was looked for as an answer to."""

    platform = "mastodon"
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, reply=True)

    def __init__(self) -> None:
        self.under: list[str] = []
        self.away: Callable[[], bool] = lambda: False

    async def read_back(self, intent: Any, remote_id: str) -> Posted | CannotTell:
        if self.away():
            return CannotTell("HTTP 503")
        self.under.append(intent.follows)
        return Posted(f"https://mastodon.example/{remote_id}", remote_id)


@dataclass
class Copy:
    """A copy of fan-out that has delivered ``many`` posts to one host in a second."""

    many: int
    looked: dict[str, list[float]] = field(default_factory=dict)
    wakes: int = 0

    def __post_init__(self) -> None:
        self.clock, self.ledger = ManualClock(NOW), self
        self.log: Any = SimpleNamespace(warning=self.gave_up, error=self.gave_up)
        self.health: Any = SimpleNamespace(troubles={})
        self.control = control(profiles={FIRE.id: FIRE})
        self.fold: Any = SimpleNamespace(chain=Chain(), requests={})
        self.entries: dict[str, Entry] = {}
        runtime: Any = self
        nobody: Any = None
        self.platform = Standing()
        platform: Any = self.platform
        self.hosts = HostRegistry(runtime)
        destinations = Destinations(runtime, {"mastodon": platform}, self.hosts)
        earlier, caller, starts = EarlierPosts(runtime), Caller(runtime, nobody), Starts()
        self.read_back = ReadBack(runtime, destinations, earlier, nobody, caller, starts, 15.0)
        for number in range(self.many):
            self.deliver(request(request_id=f"r{number}"), str(number), number / self.many)

    def deliver(self, of: Request, remote_id: str, seconds: float, **said_of_it: Any) -> None:
        """Have a post delivered so long after the beginning."""
        said = receipt(of, outcome=ReceiptOutcome.DELIVERED, final=True, remote_id=remote_id, **said_of_it)
        seq = int(remote_id) + 60
        self.fold.requests[of.request_id] = RequestState(of, seq, NOW)
        subject = subjects.receipt(FIRE.id, of.request_id)
        self.entries[subject] = Entry(seq, subject, NOW, said.to_bytes(), {})
        self.read_back.watch(said, seq, NOW + timedelta(seconds=seconds))

    async def state_on(self, request_id: str, _profile: str) -> RequestState | None:
        """Return what is known of a request."""
        known: RequestState | None = self.fold.requests.get(request_id)
        return known

    async def last(self, subject: str) -> Entry:
        """Return the newest entry: a receipt that was read back, just now."""
        self.looked.setdefault(subject, []).append((self.clock.now() - NOW).total_seconds())
        return self.entries[subject]

    @staticmethod
    def gave_up(what: str, **why: Any) -> None:
        raise AssertionError(f"{what}: {why}")

    async def until_done(self, *moments: float) -> list[float]:
        """Make all looks, each at its time; return the waits of a later look that asks at ``moments``."""
        waits, asks = list[float](), list(moments)
        while self.read_back._due:
            at = self.read_back._due.soonest
            while asks and NOW + timedelta(seconds=asks[0]) <= at:
                waits.append(self._asks(NOW + timedelta(seconds=asks.pop(0))))
            self._goes_on_to(at)
            watched = await self.read_back._due.next()
            self.wakes += 1
            await self.read_back._one(watched)
        return waits

    def _asks(self, at: datetime) -> float:
        self._goes_on_to(at)
        return self.hosts.of(FIRE).quota.look(self.clock.monotonic(), urgent=True)

    def _goes_on_to(self, at: datetime) -> None:
        self.clock.time = max(at, self.clock.time)


@pytest.mark.parametrize(("many", "first", "last"), [(300, 1_440.0, 5_100.0), (1_000, 4_960.0, 10_000.0)])
async def test_many_posts_on_one_host_are_read_back_in_the_time_that_is_promised(
    many: int, first: float, last: float
) -> None:
    """docs/platforms.md, Quotas. Each look wakes the copy twice at most: to take its place, and at its turn."""
    copy = Copy(many)
    waits = await copy.until_done(*MOMENTS)
    assert len(copy.looked) == many
    assert max(looks[0] for looks in copy.looked.values()) <= first
    assert max(looks[-1] for looks in copy.looked.values()) <= last
    assert all(looks[-1] >= 3_600.0 for looks in copy.looked.values())
    assert copy.wakes <= 2 * sum(map(len, copy.looked.values()))
    assert waits == [0.0] * len(MOMENTS), "a later look finds its place at each of its moments"


@pytest.mark.parametrize(("reason", "under"), [("", "7"), (f"found on the platform; {STANDS_ALONE}", "")])
async def test_a_correction_that_stands_for_itself_is_not_looked_for_as_an_answer(reason: str, under: str) -> None:
    copy = Copy(0)
    first = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="7")
    copy.fold.requests["r1"] = state(request(), targets={FIRE.id: ended_target(first)})
    content = PlatformContent(platform="mastodon", parts=("So.",), created_at=NOW, act="correct", about="r1")
    correction = request(request_id="rother", replaces="r1", renderings=(Rendering.of(content),))
    copy.deliver(correction, "8", 0.0, reason=reason)
    await copy.until_done()
    assert set(copy.platform.under) == {under}


async def test_a_host_that_was_away_for_minutes_is_asked_again_at_the_later_looks() -> None:
    """After 3 min 45 s the post was given up for good: just when servers fall over is when they lose posts."""
    copy = Copy(1)
    copy.platform.away = lambda: (copy.clock.now() - NOW).total_seconds() < 420.0
    await copy.until_done()
    [looks] = copy.looked.values()
    assert looks[-1] >= 3_600.0
    assert len(copy.platform.under) == 2


async def test_a_profile_that_is_on_another_platform_by_now_is_not_looked_at() -> None:
    copy = Copy(1)
    copy.control.profiles[FIRE.id] = profile("fire-social", platform="bluesky", account="fire.example")
    await copy.until_done()
    assert copy.platform.under == []
