"""The watch: each official profile is looked at, and what did not come through the gate is reported once.

One copy of a machine watches, the others wait for its lock; copies on other machines look too, and the ledger takes
each post once. A look is never urgent: it has a budget of its own at each host, and gives way to posts.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from schemas import canonical, subjects
from schemas.events.authority import Profile
from schemas.events.outside import OutsidePost
from services.fanout.connectors.contract import CannotTell, Health
from services.fanout.connectors.listing import ListsPosts, NewestOnly, ProfilePost
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.on_record import ours_on
from services.fanout.domain.outside import SETTLES, looked_until, oldest, outside_id, ripe
from services.fanout.hosts.starts import Starts
from services.fanout.watching.evidence import card_of, record_of, shortened
from services.fanout.watching.marks import WatchMarks
from services.kernel.base.errors import Unproven
from services.kernel.base.files import ExclusiveLock
from services.kernel.base.settings.city_file import OutsideSection
from services.kernel.base.zones import in_words
from services.kernel.ledger.client import Conflict
from services.kernel.runtime.service import Runtime

AT_ONCE = 4
LOOK_SECONDS = 15.0
TURN_SECONDS = 1.0
A_TURN = 10
"""Profiles that are looked at in one turn at most: a large city's first round takes a minute or two, and no more."""

AGAIN = timedelta(seconds=60)
"""When a profile is looked at again whose host has no budget for it now."""

IN_VAIN = 3
"""After so many looks in a row that say nothing a person is told that a profile is not watched."""

BEFORE = timedelta(hours=1)
"""So long before a post its own attempt may have been made."""

_KEY = "watch"
_SHOWN = 3


class OutsideWatch:
    """Looks at profiles, as long as ``run`` runs: ``a_turn`` at a time, at posts that are older than ``settles``."""

    def __init__(
        self,
        runtime: Runtime,
        destinations: Destinations,
        starts: Starts,
        settings: OutsideSection,
        *,
        a_turn: int = A_TURN,
        settles: timedelta = SETTLES,
    ) -> None:
        self._runtime = runtime
        self._a_turn, self._settles = a_turn, settles
        self._destinations = destinations
        self._starts = starts
        self._settings = settings
        folder = runtime.city.var / "website" / runtime.city.realm
        self._marks = WatchMarks(folder / "watch.json")
        self._lock_path = folder / "watch.lock"
        self._due: dict[str, datetime] = {}
        self._settled: dict[str, set[str]] = {}
        self._first_seen: dict[str, dict[str, datetime]] = {}
        self._in_vain: dict[str, tuple[int, str]] = {}

    async def run(self) -> None:
        """Look at each profile when it is due, until cancelled."""
        lock = ExclusiveLock(self._lock_path)
        try:
            while not lock.take(wait=False):  # noqa: ASYNC110 - a lock of the kernel wakes nobody here
                await asyncio.sleep(TURN_SECONDS)
            if not self._marks.load():
                self._runtime.log.warning("the watch over the profiles begins: what is there by now is not reported")
            while True:
                await self.turn()
                await asyncio.sleep(TURN_SECONDS)
        finally:
            lock.close()

    async def turn(self) -> None:
        """Look at all profiles that are due now, a few at a time; at none while posts are under way."""
        if self._starts.under_way:
            return
        now = self._runtime.clock.now()
        profiles = [one for one in self._runtime.control.profiles.values() if self._pause(one) is not None]
        known = {one.id for one in profiles}
        self._in_vain = {name: one for name, one in self._in_vain.items() if name in known}
        due = sorted(profiles, key=lambda one: self._due.get(one.id, now))[: self._a_turn]
        few = asyncio.Semaphore(AT_ONCE)

        async def one(profile: Profile) -> None:
            async with few:
                await self._one(profile)

        await asyncio.gather(*(one(profile) for profile in due if self._due.get(profile.id, now) <= now))
        try:
            self._marks.save()
        except OSError as error:
            self._runtime.log.warning("how far the profiles were watched cannot be kept", error=str(error))
        self._report()

    def _pause(self, profile: Profile) -> timedelta | None:
        """Return how often a profile is looked at; None: not at all."""
        minutes = self._settings.x_minutes if profile.platform == "x" else self._settings.minutes
        able = self._destinations.can(profile.platform, ListsPosts)
        return timedelta(minutes=minutes) if minutes and able and profile.official else None

    async def _one(self, profile: Profile) -> None:
        now, pause = self._runtime.clock.now(), self._pause(profile)
        host = self._destinations.host(profile)
        waits = self._starts.under_way or host.breaker.is_open or host.quota.look(self._runtime.clock.monotonic()) > 0
        if pause is None or waits:
            self._due[profile.id] = now + min(AGAIN, pause or AGAIN)
            return
        self._due[profile.id] = now + pause
        try:
            said = await self.look(profile)
        except Exception as error:  # noqa: BLE001 - the next ones are looked at all the same
            self._runtime.log.warning("a profile could not be looked at", profile=profile.id, error=str(error))
            said = CannotTell(f"the look failed: {type(error).__name__}")
        if said is None:
            self._in_vain.pop(profile.id, None)
            return
        count, _ = self._in_vain.get(profile.id, (0, ""))
        self._in_vain[profile.id] = (count + 1, said.reason)
        host.note_trial(profile.id, Health(False, said.reason, said.cause))

    async def look(self, profile: Profile) -> CannotTell | None:
        """Look at a profile, and tell what did not come through the gate; return why it could not be looked at."""
        connector = self._destinations.of_platform(profile.platform)
        assert isinstance(connector, ListsPosts)
        now = self._runtime.clock.now()
        mark = self._marks.of(profile, now)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                posts = await connector.posts_of(profile, mark.since)
        except TimeoutError:
            return CannotTell("the platform did not answer in time")
        if isinstance(posts, NewestOnly):
            self._tell_gap(profile, mark.since, posts)
            posts = list(posts.posts)
        if isinstance(posts, CannotTell):
            return posts
        before = self._first_seen.get(profile.id, {})
        seen = self._first_seen[profile.id] = {one.id: before.get(one.id, now) for one in posts}
        await self._sort_out(profile, ripe(posts, mark.begun, now, seen, self._settles))
        self._marks.set(profile.id, replace(mark, since=looked_until(now, mark.begun, self._settles)))
        return None

    def _tell_gap(self, profile: Profile, since: datetime, newest: NewestOnly) -> None:
        """Tell a person what is not looked at, and go on: to ask for it again would bring less of it each time."""
        until = oldest(newest.posts) if newest.posts else self._runtime.clock.now()
        zone = self._runtime.city.zone or UTC
        self._runtime.log.error(
            "posts on a profile were not looked at: there were too many of them",
            alarm=True,
            profile=profile.id,
            between=f"{in_words(since, zone)} and {in_words(until, zone)}",
            reason=newest.reason,
            hint="look at the profile",
        )

    async def _sort_out(self, profile: Profile, posts: list[ProfilePost]) -> None:
        settled = self._settled.setdefault(profile.id, set())
        settled &= {one.id for one in posts}
        strange = [one for one in posts if one.id not in settled]
        if not strange:
            return
        ours = await ours_on(self._runtime, profile, oldest(strange) - BEFORE)
        for post in strange:
            if not ours.holds(post):
                await self._publish(profile, post)
            settled.add(post.id)

    async def _publish(self, profile: Profile, post: ProfilePost) -> None:
        """Keep the evidence, then put the post on record, once."""
        runtime, name = self._runtime, outside_id(profile.id, post.id)
        subject = subjects.outside(profile.id, name)
        if await runtime.ledger.last(subject) is not None:
            return
        card = await asyncio.to_thread(card_of, profile, post, in_words(post.at, runtime.city.zone or UTC))
        event = OutsidePost(
            at=runtime.clock.now(),
            outside=name,
            profile=profile.id,
            platform=profile.platform,
            account=profile.account,
            remote_id=post.id,
            url=post.url or None,
            published_at=post.at,
            text=shortened(post.text),
            record_sha256=await self._keep(record_of(profile, post)),
            card_sha256=await self._keep(card) if card is not None else None,
            worker=runtime.instance,
        )
        try:
            await runtime.ledger.append(subject, event, msg_id=f"outside:{profile.id}:{name}", expect_last=0)
        except Conflict:  # another copy has reported it meanwhile
            return
        runtime.log.warning("a post did not come through the gate", profile=profile.id, outside=name, url=post.url)

    async def _keep(self, raw: bytes) -> str:
        """Keep evidence, and return its hash; a post is reported also where something else is kept under it."""
        try:
            return await self._runtime.ledger.put_media(raw)
        except Unproven as error:
            self._runtime.log.error("evidence of a post from outside cannot be kept", alarm=True, error=str(error))
            return canonical.sha256(raw)

    def _report(self) -> None:
        lost = {name: why for name, (count, why) in sorted(self._in_vain.items()) if count >= IN_VAIN}
        if not lost:
            self._runtime.health.troubles.pop(_KEY, None)
            return
        shown = ", ".join(f"{name} ({why})" for name, why in list(lost.items())[:_SHOWN])
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        self._runtime.health.troubles[_KEY] = f"not watched for posts from outside: {shown}{more}"
