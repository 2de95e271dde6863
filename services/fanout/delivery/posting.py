"""One attempt: judged, put on record, called if it counts, its receipt written.

The order makes it exact: an attempt is in the ledger before the call, fenced on the control revision that the verdict
was decided at; it is called only if it is effective there and still may be posted by the newest fold; what is unknown
is looked for before anything is tried again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.places import account_fault
from schemas.platforms import MIRROR
from services.fanout.connectors.contract import Cause, Connector, Intent, PublishResult, Retryable, Unknown
from services.fanout.delivery.admission import Admission
from services.fanout.delivery.caller import AfterAnswer, Caller, Lease, NotAttempted, intent_of
from services.fanout.delivery.conclusion import Conclusion
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.judge import Judge, end_of, in_words
from services.fanout.delivery.places import Places
from services.fanout.delivery.records import Records
from services.fanout.delivery.settler import Settler
from services.fanout.domain import receipts, retry
from services.fanout.domain.addresses import is_public
from services.fanout.domain.delivery_state import beginning_of
from services.fanout.domain.resolution import key_of_call
from services.fanout.domain.settings import FanoutSettings
from services.fanout.domain.step import Done, End, LookAgain, Place, Post, StepOutcome, Wait
from services.fanout.following.earlier import EarlierPosts, cannot_answer
from services.fanout.hosts.host import Host
from services.fanout.hosts.line import HostSlot
from services.fanout.hosts.starts import Start, Starts
from services.kernel.authority.post_authorization import PostViolation, rendering_for
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import OneVoiceError, Unreachable
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.reading import parse
from services.kernel.ledger.client import Conflict, Entry
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.runtime.service import Runtime

VOID_PAUSE = 1.0
"""Seconds before the next attempt after one that did not count."""

STALE_SECONDS = 0.5
"""Who has not asked the leader of the ledger for so long may have been stopped or cut off: it catches up before it
calls, and before it repeats a call. All who wait share one ask, so there are at most two a second."""


@dataclass(frozen=True)
class _PostingWay:
    """Where a post goes, its place in the host's queue, and the earlier post that it ``follows`` there, if any."""

    profile: Profile
    connector: Connector
    host: Host
    slot: HostSlot
    follows: str = ""


@dataclass(frozen=True)
class _RecordedAttempt:
    """An attempt on record that is about to be called.

    ``decided_under`` is the posture that it was made under; ``known`` the last receipt on its place before it.
    """

    place: Place
    way: _PostingWay
    attempt: Attempt
    attempt_seq: int
    start: Start
    lease: Lease
    decided_under: Posture
    known: int


class Posting:
    """Makes attempts, for one instance of fanout."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        places: Places,
        destinations: Destinations,
        judge: Judge,
        earlier: EarlierPosts,
        admission: Admission,
        starts: Starts,
        caller: Caller,
        records: Records,
        conclusion: Conclusion,
        settler: Settler,
        settings: FanoutSettings,
    ) -> None:
        self._runtime = runtime
        self._places = places
        self._destinations = destinations
        self._judge = judge
        self._earlier = earlier
        self._admission = admission
        self._starts = starts
        self._caller = caller
        self._records = records
        self._conclusion = conclusion
        self._settler = settler
        self._settings = settings
        self._calling: dict[int, Lease] = {}
        runtime.projection.listen(self._on_folded, "receipt")

    async def post(self, place: Place, number: int, slot: HostSlot) -> StepOutcome:
        """Make one attempt."""
        known = place.target.receipt_last
        profile, connector = self._destinations.profile(place.profile), self._destinations.connector(place.profile)
        if profile is None or connector is None:
            what = f"no profile {place.profile}" if profile is None else f"no connector for {profile.platform}"
            return await self._settler.end(place, End(ReceiptOutcome.WITHHELD, False, f"this city has {what}"), known)
        if wanted := account_fault(profile.platform, profile.account):
            why = f"{profile.account} is no account on {profile.platform}: there it is {wanted}"
            return await self._settler.end(place, End(ReceiptOutcome.WITHHELD, False, why), known)
        found = self._judge.violations(place, profile)
        if found:
            return await self._refuse(place, found)
        if cannot_answer(place.state.request, profile, connector):
            why = f"it answers a post, which cannot be done on {profile.platform}"
            return await self._settler.end(place, End(ReceiptOutcome.WITHHELD, False, why), known)
        follow = await self._earlier.of(place.state.request, profile, connector)
        if follow is None:
            why = "nothing is there of what it takes back"
            return await self._settler.end(place, End(ReceiptOutcome.WITHHELD, True, why), known)
        way = _PostingWay(profile, follow.connector, self._destinations.host(profile), slot, follow.follows)
        wait = await self._admission.enter(place.state.request, profile, connector, way.host, slot)
        if wait is not None:
            return wait
        crash_point("fanout.attempt.authorized")
        async with self._starts.one(place.state.priority) as start:
            recorded: _RecordedAttempt | LookAgain | Wait | None = None
            try:
                recorded = await self._record(place, number, way, start)
            finally:
                if not isinstance(recorded, _RecordedAttempt):
                    self._admission.not_sent(place.state.request, profile, way.host)
            return await self._call_and_conclude(recorded) if isinstance(recorded, _RecordedAttempt) else recorded

    async def _record(
        self, place: Place, number: int, way: _PostingWay, start: Start
    ) -> _RecordedAttempt | LookAgain | Wait:
        """Put the attempt on record; return it when it is ours and counts, else what is next."""
        newest = self._places.newest(place)
        if newest is None or self._places.next_step(newest) != Post(number):
            return LookAgain()  # by now it would be refused, or not count
        lease, decided_under = Lease(self._runtime.clock, self._settings.lease), self._runtime.control.posture
        known = place.state.target(place.profile).receipt_last
        attempt_seq = await self._attempt(newest, way.profile, number)
        attempt = place.state.target(place.profile).attempt
        if attempt_seq and attempt is not None:
            return _RecordedAttempt(newest, way, attempt, attempt_seq, start, lease, decided_under, known)
        newest = self._places.newest(place)
        if newest is not None and isinstance(self._places.next_step(newest), Post):
            return Wait(VOID_PAUSE, "its attempt did not count")
        return LookAgain()  # another copy was first: what it waits for wakes it

    async def _call_and_conclude(self, call: _RecordedAttempt) -> StepOutcome:
        self._calling[call.attempt_seq] = call.lease
        try:
            result = await self._call(call)
        finally:
            del self._calling[call.attempt_seq]
        crash_point("fanout.call.ended")
        if isinstance(result, Unknown) and call.lease.age() > call.lease.length:
            return await self._settler.look_after_sleep(call.place, call.attempt, call.attempt_seq, call.known)
        return await self._conclude(call, result)

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        """Notice who answers an attempt that is being called here: nobody else may before its lease is over."""
        if not self._calling or applied.void:
            return
        receipt = parse(Receipt, entry.data)
        lease = self._calling.get(receipt.attempt_seq)
        if lease is not None and lease.age() < lease.length:
            self._runtime.alarm(
                f"the receipt {entry.seq} says {receipt.outcome} of a post to {receipt.profile} that is being made",
                request_id=receipt.request_id,
                seq=entry.seq,
            )

    async def _attempt(self, place: Place, profile: Profile, number: int) -> int:
        """Put the attempt on record; return its sequence if it is ours and counts there, else 0.

        Whatever else comes of it, it is not called: should it stand, or land later, that is said at once.
        """
        rendering = rendering_for(place.state.request, profile.platform)
        attempt = self._records.attempt_of(place, profile.platform, rendering.sha256 if rendering else "", number)
        given_up, seq = self._places.given_up, 0
        given_up.take_back(attempt)
        try:
            seq = await self._stored(place, attempt)
        finally:
            if not seq:
                given_up.note(attempt)
        return seq

    async def _stored(self, place: Place, attempt: Attempt) -> int:
        """Append an attempt; return its sequence if the fold has these very bytes as the newest attempt, else 0."""
        try:
            appended = await self._records.attempt(attempt)
        except IntegrityFault:
            raise
        except (Conflict, Unreachable) as error:
            # No proof that it does not stand: a repeat may be refused after its first try was stored, and an ack may be
            # lost. The newest fold shows whose bytes stand.
            why = getattr(error, "message", str(error))
            self._runtime.log.info("no ack of an attempt", profile=place.profile, request_id=place.request_id, why=why)
            await self._runtime.catch_up()
        else:
            crash_point("fanout.attempt.stored")
            await self._runtime.projection.at_least(appended.seq)
        state = self._runtime.fold.requests.get(place.request_id, place.state)
        target = state.target(place.profile)
        return target.attempt_seq if target.attempt == attempt else 0

    async def _call(self, call: _RecordedAttempt) -> PublishResult | NotAttempted:
        place, way = call.place, call.way

        async def authorize() -> NotAttempted | None:
            try:
                await self._runtime.projection.fresh(STALE_SECONDS)
            except OneVoiceError as error:
                return NotAttempted(error.message, late=True)
            refused = self._judge.before_the_call(place, call.attempt_seq, way.profile, call.decided_under)
            if refused is None:
                way.slot.calling()
                call.start.over()
            return refused

        def on_answer(result: PublishResult) -> AfterAnswer:
            return self._admission.note_answer(place.profile, result, way.host)

        intent = self._intent(place, way, call.attempt, call.lease)
        return await self._caller.publish(way.connector, intent, call.lease, authorize, on_answer)

    def _intent(self, place: Place, way: _PostingWay, attempt: Attempt, lease: Lease) -> Intent:
        # What did not count was never called: to look for what it left would hold a message back on a busy profile.
        target = place.state.target(place.profile)
        repeat = len(target.effective) > 1
        key = key_of_call(attempt.idempotency_key, attempt.revision, (one for _, one in target.receipts))
        intent = intent_of(place.state.request, way.profile, key, lease.left(), repeat=repeat)
        if way.follows or place.repost_of:
            intent = replace(intent, follows=way.follows, repost_of=place.repost_of)
        return replace(intent, also_at=self._stands_at(place)) if place.profile == MIRROR else intent

    def _stands_at(self, place: Place) -> tuple[tuple[Profile, str], ...]:
        """Return where the message is on other profiles, for the website's page."""
        found = {name: place.state.target(name).receipt for name in place.state.request.targets}
        profiles = self._runtime.control.profiles
        return tuple(
            (profiles[name], receipt.url)
            for name, receipt in found.items()
            if receipt is not None and receipt.outcome is ReceiptOutcome.DELIVERED
            if name in profiles and receipt.url and is_public(receipt.url)
        )

    async def _conclude(self, call: _RecordedAttempt, result: PublishResult | NotAttempted) -> StepOutcome:
        """Write the receipt of an attempt, if it is known how it ended."""
        place, now = call.place, self._runtime.clock.now()
        if isinstance(result, NotAttempted):
            self._admission.not_sent(place.state.request, call.way.profile, call.way.host)
        attempt = place.state.target(place.profile).attempt
        if isinstance(result, Unknown) or attempt is None:
            # No receipt yet, and nothing is sent again before the platform was asked how it ended.
            reason = result.reason if isinstance(result, Unknown) else "it left memory"
            return Wait(max(call.lease.length - call.lease.age(), 0.0), f"how it ended is not known: {reason}")
        receipt = receipts.of_result(attempt, call.attempt_seq, result, now)
        if isinstance(result, Retryable):
            chance = random.random()  # noqa: S311 - jitter, no secret
            after, pace, closed = result.after, self._settings.pace, result.cause in (Cause.CREDENTIAL, Cause.OWN)
            receipt = receipts.to_be_tried_again(receipt, place.state, after, now, chance, pace, not_let_in=closed)
        written = await self._conclusion.write(receipts.naming(receipt, beginning_of(place.target)), call.known)
        if written is not None and written.receipt.final:
            return Done("it has its final receipt")
        if isinstance(result, NotAttempted) and result.late:
            return Wait(retry.BASE_SECONDS, result.reason)
        return LookAgain()

    async def _refuse(self, place: Place, found: tuple[PostViolation, ...]) -> StepOutcome:
        """End a post that may not go out: in silence if a newer verdict is coming, else with a receipt."""
        codes, reason = sorted({item.code for item in found}), in_words(found)
        self._runtime.log.warning("not posted", profile=place.profile, codes=codes, reason=reason)
        end = end_of(place, found, self._runtime.present())
        if end is None or isinstance(end, Wait):
            return end or Done("a newer verdict is coming")
        outcome = await self._settler.end(place, end, place.target.receipt_last)
        return outcome if isinstance(outcome, Wait) else Done(reason)
