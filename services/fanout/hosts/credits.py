"""X's prepaid credit as one copy of fan-out knows it: this month's attempts by the ledger, also of other copies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

from schemas import subjects
from schemas.events.authority import Profile
from schemas.events.deliveries import Attempt
from schemas.events.requests import Request
from services.fanout.connectors.x.costs import CallCosts
from services.fanout.domain.credit import LINK_USD, Credit, charged, cost_of, month_of
from services.kernel.authority.post_authorization import content_of, rendering_for
from services.kernel.base.settings.city_platforms import XSection
from services.kernel.measures.catalogue import Measure
from services.kernel.projection.past import past
from services.kernel.projection.request_entries import state_of
from services.kernel.runtime.service import Runtime

PREPAID = "x"
"""The platform whose calls cost money."""

_KEY = "credit"


class PrepaidCredit:
    """Counts what calls of X cost; without a number of the city's it lets everything through."""

    def __init__(self, runtime: Runtime, section: XSection, costs: CallCosts | None = None) -> None:
        self._runtime = runtime
        self._lead = section.lead
        self._costs = costs
        monthly = section.credit_usd
        self._credit = Credit(monthly, min(section.reserve_usd, monthly)) if monthly is not None else None
        self._until = runtime.fold.seq
        """What comes after is counted as it comes (``note_attempt``)."""

    async def take_up(self) -> None:
        """Count this month's attempts that stood before the start."""
        runtime = self._runtime
        if self._credit is not None:
            for cost, at in await self._spent():
                self._credit.charge(cost, at, runtime.clock.now())
            self._report()
        await asyncio.Event().wait()

    async def _spent(self) -> list[tuple[float, datetime]]:
        runtime = self._runtime
        after = await runtime.ledger.first_since(month_of(runtime.clock.now())) - 1
        spent: list[tuple[float, datetime]] = []
        for profile in [one for one in runtime.control.profiles.values() if one.platform == PREPAID]:
            attempts, _ = subjects.posted_to(profile.id)
            found: dict[str, dict[int, datetime]] = {}
            async for entry in past(runtime.source, attempts, after):
                if entry.seq <= self._until:
                    found.setdefault(subjects.place_of(entry.subject).request_id, {})[entry.seq] = entry.at
            for request_id, made in found.items():
                state = await state_of(request_id, runtime.fold, runtime.projection, runtime.clock.monotonic())
                if state is not None:
                    cost = self._cost(state.request, profile)
                    spent += [(cost, made[seq]) for seq in charged(state.target(profile.id)) if seq in made]
        return spent

    def take(self, request: Request, profile: Profile, *, urgent: bool) -> str | None:
        """Spend what a post costs; return why it waits, None where it may go: a recall waits for no credit."""
        if self._credit is None or profile.platform != PREPAID:
            return None
        now = self._counted()
        went = self._credit.take(self._cost(request, profile), now, urgent=urgent or request.act == "recall")
        self._report()
        if went:
            return None
        return f"X's credit of the month is down to its reserve for a crisis: {self._credit.left(now):.2f} USD"

    def give_back(self, request: Request, profile: Profile) -> None:
        """Count a post that was not sent after all as not spent."""
        if self._credit is not None and profile.platform == PREPAID:
            now = self._runtime.clock.now()
            self._credit.charge(-self._cost(request, profile), now, now)

    def note_attempt(self, attempt: Attempt, request: Request, profile: Profile) -> None:
        """Count another copy's attempt."""
        if self._credit is not None and profile.platform == PREPAID:
            self._credit.charge(self._cost(request, profile), attempt.at, self._runtime.clock.now())

    def measures(self) -> Iterator[Measure]:
        """Yield what is left."""
        if self._credit is not None:
            yield Measure("onevoice_credit_left_usd", self._credit.left(self._counted()), {"platform": PREPAID})

    def left(self) -> float | None:
        """Return what is left of the month's credit in USD, the reserve included; None: it is not counted."""
        return self._credit.left(self._counted()) if self._credit is not None else None

    def _counted(self) -> datetime:
        """Take in what was read and deleted by now; return the time."""
        now = self._runtime.clock.now()
        if self._credit is not None and self._costs is not None:
            self._credit.note_aside(self._costs.spent(now), now)
        return now

    def _cost(self, request: Request, profile: Profile) -> float:
        if request.act == "recall":
            return 0.0
        rendering = rendering_for(request, profile.platform)
        content = content_of(rendering) if rendering is not None else None
        reposts = self._lead is not None and profile.id != self._lead and self._lead in request.targets
        return cost_of(content, repost=reposts)

    def _report(self) -> None:
        troubles, now = self._runtime.health.troubles, self._counted()
        credit = self._credit
        if credit is None or credit.left(now) - LINK_USD >= credit.reserve:
            troubles.pop(_KEY, None)
            return
        troubles[_KEY] = (
            f"X's credit of the month is down to {credit.left(now):.2f} of {credit.monthly:.2f} USD, which is kept for "
            "a crisis: routine posts on X wait; buy credit, then raise [x] credit_usd in city.toml"
        )
