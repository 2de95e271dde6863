"""The work on a verdict: its profiles without a final receipt, in parallel, each to its end or to a long wait.

A durable consumer hands a verdict to one copy. What waits long leaves that copy's hands and comes back; what a copy
that died left open comes to another one, which sees in its own fold what is left to do.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from schemas.platforms import MIRROR
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.places import Places
from services.fanout.delivery.posting import Posting
from services.fanout.delivery.settler import Settler
from services.fanout.delivery.waits import Waits
from services.fanout.domain.retry import BASE_SECONDS, HOLD_SECONDS
from services.fanout.domain.step import (
    Done,
    End,
    Lapse,
    LookAgain,
    NotCalled,
    Occupied,
    Place,
    Post,
    Settle,
    Step,
    StepOutcome,
    Wait,
)
from services.fanout.hosts.line import HostLine, HostSlot
from services.kernel.base.errors import Unreachable
from services.kernel.base.tasks import begin
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.runtime.messages.reasons import RetryLater
from services.kernel.runtime.service import Runtime

LONGEST_HOLD = 300.0
"""Seconds after which what waits is looked at again in any case."""

BEGUN_AT_A_TIME = 32
"""Profiles that are begun with in one turn of the loop, so that the first are called while others are looked at."""

LET_GO_SECONDS = 0.5
"""What a copy lets go of as it stops is handed out again so soon: to another one, or to the next start."""


@dataclass
class _InHand:
    """One verdict in a copy's hands: the profiles that are not done (``left``), those of them that wait long.

    It leaves when all that is left waits long, and when one of its profiles ``failed``, so that no profile's wait
    outlasts another one's trouble. The website's mirror is not counted; it follows until the others are ``brought``.
    """

    key: str
    left: set[str] = field(default_factory=set)
    long: set[str] = field(default_factory=set)
    brought: bool = False
    failed: bool = False

    @property
    def only_waits(self) -> bool:
        """True when nothing of it goes on for a while."""
        return self.left <= self.long


class Work:
    """Brings requests to their profiles.

    ``nowhere`` is the line for profiles that the city does not have. What waits longer than ``hold`` is let go.
    """

    def __init__(
        self,
        runtime: Runtime,
        places: Places,
        destinations: Destinations,
        posting: Posting,
        settler: Settler,
        waits: Waits,
        nowhere: HostLine,
        hold: float = HOLD_SECONDS,
    ) -> None:
        self._runtime = runtime
        self._places = places
        self._destinations = destinations
        self._posting = posting
        self._settler = settler
        self._waits = waits
        self._nowhere = nowhere
        self._hold = hold
        self._in_hand: dict[tuple[int, tuple[str, ...]], asyncio.Task[None]] = {}
        self._due: dict[int, float] = {}
        self._released = False

    async def deliver(self, request_id: str, verdict_seq: int, profiles: tuple[str, ...]) -> None:
        """Bring a verdict to these profiles as far as that goes now.

        Raises:
            RetryLater: some of it waits long; nothing is lost in between.
            Exception: what a post stumbled over, after all others have gone as far as they go.
        """
        key = (verdict_seq, profiles)
        earlier = self._in_hand.get(key)
        if earlier is not None:  # it may have passed a profile before what asks now was on record
            await asyncio.shield(earlier)
        task = self._in_hand.get(key)
        if task is None or task is earlier:
            task = self._in_hand[key] = asyncio.create_task(self._deliver(request_id, verdict_seq, profiles))
            task.add_done_callback(lambda done: self._over(key, done))
        await asyncio.shield(task)

    def _over(self, key: tuple[int, tuple[str, ...]], task: asyncio.Task[None]) -> None:
        if self._in_hand.get(key) is task:
            del self._in_hand[key]

    @property
    def verdicts_in_hand(self) -> frozenset[int]:
        """The sequences of the verdicts that this copy works on, or let go of until a time that has not come."""
        now = self._runtime.clock.monotonic()
        self._due = {seq: due for seq, due in self._due.items() if due > now}
        return frozenset((*self._due, *(seq for seq, _ in self._in_hand)))

    async def release(self) -> None:
        """Let what only waits go, as the service is to stop; what is being posted is brought to its receipt."""
        self._released = True
        self._runtime.projection.signals.ring_all()

    async def _deliver(self, request_id: str, verdict_seq: int, profiles: tuple[str, ...]) -> None:
        # The website's page follows the posts: it is brought along, and not waited for longer than they are.
        hand = _InHand(f"{request_id}#{verdict_seq}", {profile for profile in profiles if profile != MIRROR})
        mirror = None
        if MIRROR in profiles:
            mirror = asyncio.ensure_future(self._bring(request_id, verdict_seq, MIRROR, hand))
        # Where another message is in hand all begin together, so that the more urgent one goes first at each host.
        bring = (self._bring(request_id, verdict_seq, profile, hand) for profile in profiles if profile != MIRROR)
        begun = await begin(bring, BEGUN_AT_A_TIME, lambda: len(self._in_hand) == 1)
        results = await asyncio.gather(*begun, return_exceptions=True)
        if mirror is not None:
            hand.brought = True
            self._runtime.projection.signals.ring((f"{request_id}@{MIRROR}",))
            results += await asyncio.gather(mirror, return_exceptions=True)
        self._report(request_id, profiles)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        waits = [result for result in results if isinstance(result, Wait)]
        if waits:
            soonest = min(waits, key=lambda wait: wait.delay)
            longest = LET_GO_SECONDS if self._released else LONGEST_HOLD
            delay = min(soonest.delay, longest)
            self._due[verdict_seq] = self._runtime.clock.monotonic() + delay
            raise RetryLater(delay, soonest.reason)

    def _report(self, request_id: str, profiles: tuple[str, ...]) -> None:
        """Say in one line how far a message has come; a fold that has forgotten it has it delivered everywhere."""
        state = self._runtime.fold.requests.get(request_id)
        left = len(state.left) if state is not None else 0
        self._runtime.log.info("brought to its profiles", request_id=request_id, asked=len(profiles), left=left)

    async def _bring(self, request_id: str, verdict_seq: int, profile: str, hand: _InHand) -> Wait | None:
        """Take step after step on one profile; return what it waits for when that is long."""
        try:
            while True:
                place = self._places.of(request_id, verdict_seq, profile)
                if place is None:
                    return None  # it is over everywhere, and has left memory
                outcome = await self._try(place)
                if isinstance(outcome, Done):
                    self._runtime.log.debug("done", profile=profile, request_id=request_id, reason=outcome.reason)
                    return None
                if isinstance(outcome, Wait):
                    left = await self._held(place, outcome, hand)
                    if left is not None:
                        return left
        except Exception:
            hand.failed = True
            self._runtime.projection.signals.ring((hand.key,))
            raise
        finally:
            self._waits.over(request_id, profile)
            hand.left.discard(profile)
            if hand.only_waits:
                self._runtime.projection.signals.ring((hand.key,))

    async def _held(self, place: Place, wait: Wait, hand: _InHand) -> Wait | None:
        """Wait here for a change or until it is due; return what is left of a wait that is too long for that."""
        if wait.shown:
            self._waits.note(place, wait)
        signals, clock = self._runtime.projection.signals, self._runtime.clock
        due = clock.monotonic() + wait.delay
        keys = [hand.key, place.request_id, f"{place.request_id}@{place.profile}", f"@{place.profile}", "control"]
        if place.lead:
            keys.append(f"{place.request_id}@{place.lead}")
        long = wait.delay > self._hold and not wait.hold
        if place.profile == MIRROR and not hand.brought:
            long = False
            if not place.state.standing:
                keys.append(f"{place.request_id}@")  # it follows the first post, whoever makes it
        if long:
            hand.long.add(place.profile)
            if place.profile == MIRROR or hand.only_waits:
                signals.ring((hand.key,))
                return wait
        if not (self._released or hand.failed):
            await signals.wait(keys, wait.delay)
        if self._released or hand.failed or (long and hand.only_waits):
            return replace(wait, delay=max(due - clock.monotonic(), 0.0))
        hand.long.discard(place.profile)
        return None

    async def _try(self, place: Place) -> StepOutcome:
        """Take the next step; where the broker is away nothing is known to be done, and it is looked at again soon."""
        try:
            return await self._take(place, self._places.next_step(place))
        except IntegrityFault:
            raise
        except Unreachable as error:
            self._runtime.log.warning(
                "the broker is away, it is tried again soon",
                profile=place.profile,
                request_id=place.request_id,
                reason=error.message,
            )
            return Wait(BASE_SECONDS, error.message, hold=True)

    async def _take(self, place: Place, step: Step) -> StepOutcome:
        if isinstance(step, Done | Wait):
            return step
        if isinstance(step, End):
            return await self._settler.end(place, step, place.target.receipt_last)
        profile = self._destinations.profile(place.profile)
        host = self._destinations.host(profile) if profile is not None else None
        line = host.line if host is not None else self._nowhere
        async with line.slot(place.one_at_a_time, place.state.priority) as slot:
            if self._released:
                return Wait(LONGEST_HOLD, "the service stops")
            try:
                return await self._in_turn(place, slot)
            finally:
                if host is not None:
                    host.breaker.gave_up(place.profile)

    async def _in_turn(self, place: Place, slot: HostSlot) -> StepOutcome:
        """Look again, as it is this post's turn, and do what is next."""
        newest = self._places.newest(place)
        if newest is None:
            return Done("it is over")
        step = self._places.next_step(newest)
        if isinstance(step, Lapse):
            # Who frees a profile has no claim to it: all who waited for it wake now, and stand in line.
            await self._settler.lapse(step)
            return LookAgain()
        if isinstance(step, Settle):
            return await self._settler.settle(newest, step, slot)
        if isinstance(step, NotCalled):
            return await self._settler.not_called(newest, step)
        if isinstance(step, Post):
            return await self._posting.post(newest, step.number, slot)
        if isinstance(step, Occupied):
            # Another copy's attempt holds the profile: it is waited for outside of the line.
            return Wait(step.delay, step.reason, hold=True)
        return LookAgain()  # it changed while it stood in line
