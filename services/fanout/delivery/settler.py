"""What is done without posting: finding out how an attempt ended, freeing a profile, ending a delivery."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from dataclasses import replace

from schemas.events.deliveries import Attempt
from services.fanout.connectors.contract import Absent, CannotTell, Posted, ReconcileResult, WhenUnknown
from services.fanout.delivery.caller import Caller, NotAttempted, intent_of
from services.fanout.delivery.conclusion import Conclusion
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.judge import CLOCK
from services.fanout.delivery.records import Records
from services.fanout.domain import receipts, retry
from services.fanout.domain.delivery_state import beginning_of
from services.fanout.domain.resolution import key_of_call
from services.fanout.domain.settings import FanoutSettings
from services.fanout.domain.settling import settling_of
from services.fanout.domain.step import LEASE_SLACK, End, Lapse, LookAgain, NotCalled, Place, Settle, StepOutcome, Wait
from services.fanout.following.earlier import EarlierPosts, Follow, deletes
from services.fanout.hosts.line import HostSlot
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.service import Runtime

AWAY = 10.0
"""So many times as long a platform is asked that is away, or does not let the profile in."""


VOID_SECONDS = 5.0
"""Before the next receipt on a place after one that did not count; twice as long after each further one."""

MOST_SECONDS = 60.0

KEPT = 10_000
"""Requests on profiles."""


class VoidPauses:
    """Holds the last pause of each place that has one."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], float] = OrderedDict()

    def next(self, request_id: str, profile: str) -> float:
        """Return the seconds until the next receipt of a request on a profile."""
        pause = min(self._last.pop((request_id, profile), VOID_SECONDS / 2) * 2, MOST_SECONDS)
        self._last[request_id, profile] = pause
        while len(self._last) > KEPT:
            self._last.popitem(last=False)
        return pause

    def over(self, request_id: str, profile: str) -> None:
        """Forget a place: a receipt of it counts."""
        self._last.pop((request_id, profile), None)


class Settler:
    """Settles what attempts left open, whoever made them."""

    def __init__(
        self,
        runtime: Runtime,
        destinations: Destinations,
        earlier: EarlierPosts,
        caller: Caller,
        records: Records,
        conclusion: Conclusion,
        settings: FanoutSettings,
    ) -> None:
        self._runtime = runtime
        self._destinations = destinations
        self._earlier = earlier
        self._caller = caller
        self._records = records
        self._conclusion = conclusion
        self._settings = settings
        self._server_time, self._void = ServerTime(runtime.clock), VoidPauses()
        runtime.projection.listen(self._server_time.on_folded)

    async def settle(self, place: Place, step: Settle, slot: HostSlot) -> StepOutcome:
        """Find out how an open attempt ended, whoever made it, and write its receipt."""
        attempt, settling = step.attempt, settling_of(step.attempt.platform, self._settings.lease)
        policy = self._policy(place)
        known = place.target.receipt_last
        slot.calling()
        found = await self.look(place, attempt)
        profile = self._destinations.profile(place.profile)
        if profile is not None:
            self._destinations.host(profile).note_answer(attempt.profile, found)
        if isinstance(found, CannotTell) and policy is WhenUnknown.LOOK:
            delay = retry.look_again(step.over_for, self._ask_for(place, found))
            if delay is not None:
                return Wait(delay, f"how attempt {attempt.number} ended is not known: {found.reason}", shown=True)
        if isinstance(found, Absent) and step.over_for < settling.settle:
            # What was sent may still be carried out, and a listing may lag behind: it proves nothing so early.
            return Wait(settling.settle - step.over_for, "it is not there yet, which proves nothing so early")
        now = self._runtime.clock.now()
        receipt = receipts.of_look(attempt, step.attempt_seq, found, now, policy)
        receipt = receipts.reconcile_with_latest(receipt, place.target.receipt)
        if not receipt.final:
            chance = random.random()  # noqa: S311 - jitter, no secret
            pace, after = self._settings.pace, found.after if isinstance(found, CannotTell) else None
            receipt = receipts.to_be_tried_again(receipt, place.state, after, now, chance, pace)
        await self._conclusion.write(receipts.naming(receipt, beginning_of(place.target)), known)
        return LookAgain()

    async def not_called(self, place: Place, step: NotCalled) -> StepOutcome:
        """Write the receipt of an attempt that this process gave up before its call."""
        reason = "the ledger did not answer in time as it was put on record: it was not called"
        receipt = receipts.of_result(step.attempt, step.attempt_seq, NotAttempted(reason), self._runtime.clock.now())
        await self._conclusion.write(receipt, place.target.receipt_last)
        return LookAgain()

    async def lapse(self, step: Lapse) -> None:
        """Free a profile that another request's attempt holds although its lease is over."""
        busy = step.busy
        state = self._runtime.fold.requests.get(busy.request_id)
        if state is not None:
            receipt = receipts.lapsed(busy.attempt, busy.seq, self._runtime.clock.now())
            await self._records.receipt(receipt, state.target(busy.attempt.profile).receipt_last)

    async def end(self, place: Place, step: End, known: int) -> StepOutcome:
        """Write down that it ended without an attempt.

        ``known``: the last receipt on the place when that was decided; what another worker wrote since stands. What
        rests on time is written when the broker's time has come, and what did not count not again at once.
        """
        if step.due is None:
            return await self._end(place, step, known)
        async with self._server_time.due(step.due) as left:
            if left > 0:
                return Wait(left, f"by the broker's clock it is not time yet: {step.reason}; {CLOCK}", shown=True)
            return await self._end(place, step, known)

    async def _end(self, place: Place, step: End, known: int) -> StepOutcome:
        profile = self._destinations.profile(place.profile)
        platform = profile.platform if profile is not None else "unknown"
        now = self._runtime.clock.now()
        receipt = receipts.without_attempt(
            place.state.request, place.profile, platform, step.outcome, now, final=step.final, reason=step.reason
        )
        written = await self._conclusion.write(receipts.naming(receipt, beginning_of(place.target)), known)
        state = self._runtime.fold.requests.get(place.request_id)
        if state is None or state.target(place.profile).receipt_seq > known:
            self._void.over(place.request_id, place.profile)
            return LookAgain()
        if written is None:
            return Wait(VOID_SECONDS, "another receipt came first, which says nothing of how it ended")
        reason = "its receipt does not count" if step.due is None else f"its receipt does not count; {CLOCK}"
        return Wait(self._void.next(place.request_id, place.profile), reason, shown=True)

    async def look(self, place: Place, attempt: Attempt) -> ReconcileResult:
        """Ask the platform whether an attempt's post is there."""
        connector, profile = self._destinations.connector(place.profile), self._destinations.profile(place.profile)
        request = place.state.request
        if connector is None or profile is None or request.revision != attempt.revision:
            return CannotTell(f"the post of revision {attempt.revision} on {attempt.profile} cannot be looked for")
        if profile.platform != attempt.platform:
            return CannotTell(f"{attempt.profile} was on {attempt.platform} then, and is on {profile.platform} by now")
        follow = await self._earlier.of(request, profile, connector) or Follow(connector)
        said = (one for _, one in place.state.target(place.profile).receipts)
        key = key_of_call(attempt.idempotency_key, attempt.revision, said)
        intent = intent_of(request, profile, key, self._settings.lease)
        intent = replace(intent, follows=follow.follows, repost_of=place.repost_of)
        return await self._caller.look(follow.connector, intent)

    async def look_after_sleep(self, place: Place, attempt: Attempt, attempt_seq: int, known: int) -> StepOutcome:
        """Look what has become of a call that this process stood still over.

        What it sent may have landed only when it woke, and others had asked the platform before, and answered.
        """
        settling = settling_of(attempt.platform, self._settings.lease)
        await asyncio.sleep(min(max(settling.settle, LEASE_SLACK), self._settings.lease))
        found = await self.look(place, attempt)
        if isinstance(found, Posted):
            now = self._runtime.clock.now()
            receipt = receipts.of_look(attempt, attempt_seq, found, now, self._policy(place))
            await self._conclusion.write(receipt, known)
        return LookAgain()

    def _policy(self, place: Place) -> WhenUnknown:
        """Return what the connector declares; without one it may be back in a moment, so that it is worth a look.

        To delete once more what a recall deletes does no harm anywhere.
        """
        connector = self._destinations.connector(place.profile)
        if connector is None:
            return WhenUnknown.LOOK
        return WhenUnknown.REPEAT if deletes(place.state.request, connector) else connector.declaration.when_unknown

    def _ask_for(self, place: Place, found: CannotTell) -> float:
        """A platform that is away can tell when it is back: it is asked for longer, while the request lives."""
        away = found.cause is not None and place.state.request.expires_at > self._runtime.clock.now()
        return self._settings.ask_seconds * (AWAY if away else 1.0)
