"""The scheduled check: whether each official profile could be posted to, asked without posting, before it matters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from schemas.events.authority import Profile
from schemas.events.broadcasts import ProfileTrouble
from services.fanout.connectors.contract import Health
from services.fanout.connectors.credentials.tokens import expiry_of
from services.fanout.delivery.caller import Caller
from services.fanout.delivery.destinations import Destinations
from services.fanout.domain.credit import month_of
from services.fanout.domain.profile_text import shortcomings
from services.fanout.domain.profile_trouble import end_of, ending
from services.fanout.hosts.starts import Starts
from services.kernel.base.settings.city_file import CheckSection
from services.kernel.measures.catalogue import Measure
from services.kernel.measures.city_measures import days_left
from services.kernel.runtime.service import Runtime

FIRST = timedelta(seconds=30)
"""The first check begins so long after the start: what waits for a platform goes first."""

AGAIN = timedelta(minutes=15)
"""A profile that could not be posted to is asked again after this, so that what was fixed is seen soon."""

NO_BUDGET = timedelta(seconds=60)
ENDS = timedelta(seconds=60)
AT_ONCE = 4
A_TURN = 10
"""Profiles that are checked in one turn at most: a large city's round takes some minutes, and nobody waits for it."""

TURN_SECONDS = 1.0
SHOWN = 200


class ProfileChecks:
    """Checks profiles, as long as ``run`` runs; ``troubles`` is what was found.

    ``not_renewed``: by profile, why its credential does not renew itself.
    """

    def __init__(
        self,
        runtime: Runtime,
        destinations: Destinations,
        caller: Caller,
        starts: Starts,
        settings: CheckSection,
        not_renewed: Mapping[str, str] | None = None,
    ) -> None:
        self._runtime = runtime
        self._destinations = destinations
        self._caller = caller
        self._starts = starts
        self._not_renewed = {} if not_renewed is None else not_renewed
        self._pause = timedelta(hours=settings.hours)
        self._due: dict[str, datetime] = {}
        self._refused: dict[str, ProfileTrouble] = {}
        self._substandard: dict[str, ProfileTrouble] = {}
        self._ending: dict[str, ProfileTrouble] = {}
        self._ends: dict[str, datetime] = {}
        self._ends_due = datetime.min.replace(tzinfo=UTC)

    async def run(self) -> None:
        """Check each profile when it is due, until cancelled."""
        if not self._pause:
            await asyncio.Event().wait()
        begin = self._runtime.clock.now() + FIRST
        while True:
            await self.turn(begin)
            await asyncio.sleep(TURN_SECONDS)

    async def turn(self, begin: datetime) -> None:
        """Check a few of the profiles that are due now; none before ``begin``, and none while posts are under way."""
        if self._starts.under_way:
            return
        now = self._runtime.clock.now()
        profiles = [one for one in self._runtime.control.profiles.values() if one.official]
        known = {one.id for one in profiles}
        self._refused = {name: one for name, one in self._refused.items() if name in known}
        self._substandard = {name: one for name, one in self._substandard.items() if name in known}
        self._look_at_ends(profiles, now)
        few = asyncio.Semaphore(AT_ONCE)

        async def check(profile: Profile) -> None:
            async with few:
                await self._one(profile)

        due = sorted((one for one in profiles if self._due.get(one.id, begin) <= now), key=lambda one: one.id)
        await asyncio.gather(*map(check, due[:A_TURN]))

    async def _one(self, profile: Profile) -> None:
        now, connector = self._runtime.clock.now(), self._destinations.connector(profile.id)
        host = self._destinations.host(profile)
        if self._starts.under_way or host.quota.look(self._runtime.clock.monotonic()) > 0:
            self._due[profile.id] = now + NO_BUDGET
            return
        if connector is None:
            said = f"no connector posts to {profile.platform}"
        else:
            health = await self._caller.check(connector, profile)
            host.note_trial(profile.id, health)
            said = "" if health.ok else health.detail
            self._compare(profile, health)
        self._due[profile.id] = now + (min(AGAIN, self._pause) if said else self._pause)
        if not said:
            if self._refused.pop(profile.id, None) is not None:
                self._runtime.log.warning("a profile can be posted to again", profile=profile.id)
            return
        known = self._refused.get(profile.id)
        since = known.since if known is not None else now
        if known is None:
            self._runtime.log.error("a profile could not be posted to", profile=profile.id, reason=said)
        self._refused[profile.id] = ProfileTrouble(profile=profile.id, reason=said[:300], since=since)

    def _compare(self, profile: Profile, health: Health) -> None:
        """Compare what the profile's own page says with the policy's standards; an answer without it says nothing."""
        if health.shows is None:
            return
        city, website = self._runtime.city.settings.city.name, self._runtime.control.website
        lacking = "; ".join(shortcomings(profile, health.shows, city, website))
        self._substandard.pop(profile.id, None)
        if lacking:
            # The same for all copies, and after a restart: it wakes nobody again before the next month.
            since = month_of(self._runtime.clock.now())
            self._substandard[profile.id] = ProfileTrouble(profile=profile.id, reason=lacking[:300], since=since)

    def troubles(self) -> tuple[ProfileTrouble, ...]:
        """Return which profiles cannot be posted to, whose credential ends soon, and whose page lacks something."""
        found = self._substandard | self._ending | self._refused
        return tuple(found[name] for name in sorted(found))[:SHOWN]

    def measures(self) -> Iterator[Measure]:
        """Yield the days that are left of credentials whose end was noted; city.toml's are measured elsewhere."""
        now = self._runtime.clock.now()
        for name, end in self._ends.items():
            yield Measure("onevoice_token_days_left", days_left(end, now), {"profile": name})

    def _look_at_ends(self, profiles: list[Profile], now: datetime) -> None:
        """Look, once a minute, which credentials end soon."""
        if now < self._ends_due:
            return
        self._ends_due, city = now + ENDS, self._runtime.city
        ends = {
            one.id: end_of(one.id, expiry_of(city.token_path(one.id)), city.settings.token_ends) for one in profiles
        }
        found = [ending(name, end, now, self._not_renewed.get(name, "")) for name, end in ends.items()]
        self._ends = {
            name: end for name, end in ends.items() if end is not None and name not in city.settings.token_ends
        }
        self._ending = {one.profile: one for one in found if one is not None}
