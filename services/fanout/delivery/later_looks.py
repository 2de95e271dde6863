"""Looks again at the posts that another than their worker said of how they ended (``domain.later_look``).

What is found there is put on record behind what stood: a later receipt of the same attempt, ``delivered``. Each copy of
fan-out looks, since any may be gone by then; the ledger keeps one receipt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.events.authority import Profile
from schemas.events.deliveries import Attempt, Receipt
from schemas.events.requests import Request
from services.fanout.connectors.contract import CannotTell, Posted, WhenUnknown
from services.fanout.delivery.conclusion import Conclusion
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.due_looks import DueLooks
from services.fanout.delivery.on_record import BEFORE, ours_on
from services.fanout.delivery.places import Places
from services.fanout.delivery.settler import Settler
from services.fanout.domain.later_look import looks_after, may_be_wrong, taken_up
from services.fanout.domain.receipts import found_late
from services.fanout.hosts.starts import Starts
from services.kernel.authority.post_authorization import content_of, rendering_for
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.reading import parse
from services.kernel.fold.state import TargetState
from services.kernel.fold.taken_over import TakenOver
from services.kernel.ledger.client import Entry
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.service import Runtime

TRIES = 5
"""How often a look is tried again while its host does not answer."""

AT_ONCE = 4


@dataclass(frozen=True)
class _Sleeper:
    """An attempt at ``seq`` whose worker may be stopped, when it is looked at, and how often that was in vain."""

    seq: int
    of: TakenOver
    looks: tuple[datetime, ...]
    failed: int = 0


_Facts = tuple[int, int, int, bool]


@dataclass(frozen=True)
class _LookedFor:
    """What a platform was asked for, and what was on record before."""

    profile: Profile
    request: Request
    attempt: Attempt
    facts: _Facts


class LaterLooks:
    """Looks again, as long as ``run`` runs."""

    def __init__(
        self,
        runtime: Runtime,
        places: Places,
        destinations: Destinations,
        settler: Settler,
        conclusion: Conclusion,
        starts: Starts,
        lease: float,
    ) -> None:
        self._runtime = runtime
        self._places = places
        self._destinations = destinations
        self._settler = settler
        self._conclusion = conclusion
        self._lease = lease
        self._due = DueLooks[_Sleeper](starts, lease, self._now)
        self._known: set[int] = set()
        self._server_time = ServerTime(runtime.clock)
        for seq, one in runtime.fold.taken_over.items():
            if not one.stands:
                self._watch(_Sleeper(seq, one, taken_up(one.at, self._now(), lease)))
        runtime.projection.listen(self._server_time.on_folded)
        runtime.projection.listen(self._on_folded, "receipt")

    async def run(self) -> None:
        """Look at each when it is due, until cancelled."""
        await self._due.run(self._one, AT_ONCE)

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if applied.void:
            return
        seq = parse(Receipt, entry.data).attempt_seq
        one = self._runtime.fold.taken_over.get(seq)
        if one is not None and not one.stands and seq not in self._known:
            self._watch(_Sleeper(seq, one, looks_after(one.at, self._now(), self._lease)))

    def _watch(self, sleeper: _Sleeper) -> None:
        self._known.add(sleeper.seq)
        self._plan(sleeper)

    def _plan(self, sleeper: _Sleeper) -> None:
        """Look at the next of its moments; after the last one its worker counts as dead."""
        if sleeper.looks:
            self._due.plan(sleeper, sleeper.looks[0])
        else:
            self._known.discard(sleeper.seq)

    def _now(self) -> datetime:
        """Return the broker's time at the least, for an attempt's moments are counted from its stamp.

        By a clock of this machine that is ahead they would all be over, and nobody would look.
        """
        return self._server_time.least(self._runtime.projection.newest) or self._runtime.clock.now()

    async def _one(self, sleeper: _Sleeper) -> None:
        answer: bool | timedelta
        try:
            answer = await self._look(sleeper)
        except Exception as error:  # noqa: BLE001 - the next ones are looked at all the same
            name = sleeper.of.profile
            self._runtime.log.warning("not looked at once more, again soon", profile=name, error=str(error))
            answer = False
        self._plan(self._next_of(sleeper, answer))

    def _next_of(self, sleeper: _Sleeper, answer: bool | timedelta) -> _Sleeper:
        """Return it with its next look; to wait for a place among the host's looks is no failure."""
        now = self._now()
        if answer is True or (answer is False and sleeper.failed + 1 >= TRIES):
            if not answer:
                of = sleeper.of
                what = "a post could not be looked for once more, it is given up for now"
                self._runtime.log.warning(what, request_id=of.request_id, profile=of.profile, tries=TRIES)
            return replace(sleeper, looks=tuple(one for one in sleeper.looks if one > now), failed=0)
        wait = answer if isinstance(answer, timedelta) else timedelta(seconds=self._lease * 2.0**sleeper.failed)
        failed = sleeper.failed if isinstance(answer, timedelta) else sleeper.failed + 1
        left = tuple(one for one in sleeper.looks if one > now + wait)
        return replace(sleeper, looks=(now + wait, *left), failed=failed)

    async def _look(self, sleeper: _Sleeper) -> bool | timedelta:
        """Look once; False when the platform could not be asked, a time when its host's looks are used up so long."""
        runtime, one = self._runtime, sleeper.of
        state = await runtime.state_on(one.request_id, one.profile)
        target = state.target(one.profile) if state is not None else None
        if state is None or target is None or target.attempt is None or not may_be_wrong(target, sleeper.seq):
            return True
        profile, connector = self._destinations.profile(one.profile), self._destinations.connector(one.profile)
        if profile is None or connector is None or connector.declaration.when_unknown is WhenUnknown.PERSON:
            return True  # nothing there can be asked; a person was
        host = self._destinations.host(profile)
        if host.breaker.is_open:
            return False
        if (wait := host.quota.look(runtime.clock.monotonic(), urgent=True)) > 0:
            return timedelta(seconds=wait)
        asked = _LookedFor(profile, state.request, target.attempt, _facts(target))
        found = await self._settler.look(self._places.in_state(state, one.profile), asked.attempt)
        host.note_answer(profile.id, found)
        if isinstance(found, CannotTell):
            return found.cause is None
        return await self._found(sleeper, found, asked) if isinstance(found, Posted) else True

    async def _found(self, sleeper: _Sleeper, found: Posted, asked: _LookedFor) -> bool:
        """Put on record what was found, unless it may be another message's; False when more was said meanwhile."""
        runtime, one = self._runtime, sleeper.of
        rendering = rendering_for(asked.request, asked.attempt.platform)
        parts = content_of(rendering).parts if rendering is not None else ()
        others = await ours_on(runtime, asked.profile, asked.request.at - BEFORE, but=one.request_id)
        if others.may_be(found.remote_id, found.url, parts):
            what = "what a later look found is another message's, or may be"
            runtime.log.warning(what, request_id=one.request_id, profile=one.profile, url=found.url)
            return True
        state = await runtime.state_on(one.request_id, one.profile)
        target = state.target(one.profile) if state is not None else None
        if target is None or _facts(target) != asked.facts:
            return False  # that counts first
        runtime.log.error(
            "a post is out that was taken for not posted",
            request_id=one.request_id,
            profile=one.profile,
            url=found.url,
        )
        receipt = found_late(asked.attempt, sleeper.seq, found, runtime.clock.now())
        await self._conclusion.write(receipt, target.receipt_last)
        return True


def _facts(target: TargetState) -> _Facts:
    return target.attempt_seq, target.receipt_last, target.changed, target.is_open
