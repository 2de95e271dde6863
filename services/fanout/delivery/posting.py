"""One attempt: judged, put on record, called if it counts, its receipt written.

The order makes it exact: an attempt is in the ledger before the call, fenced on the control revision that the verdict
was decided at; it is called only if it is effective there and still may be posted by the newest fold; what is unknown
is looked for before anything is tried again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Connector,
    Intent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retryable,
    Unknown,
)
from services.fanout.delivery.admission import Admission
from services.fanout.delivery.caller import Caller, Lease, NotAttempted, intent_of
from services.fanout.delivery.readback import ReadBack
from services.fanout.delivery.records import Records
from services.fanout.domain import receipts, retry
from services.fanout.domain.settling import settling_of
from services.fanout.domain.step import LEASE_SLACK, Done, End, Lapse, Place, Settle, Wait
from services.fanout.hosts.host import Host, HostRegistry
from services.fanout.hosts.line import Slot
from services.fanout.hosts.starts import Start, Starts
from services.kernel.authority.post_authorization import EXPIRED, Objection, WarrantFacts, objections, rendering_for
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import OneVoiceError, Unreachable
from services.kernel.ledger.client import Conflict
from services.kernel.ledger.integrity import LedgerDoubted
from services.kernel.runtime.service import Runtime

CHANGED = "warrant.control_changed"
STALE = frozenset({CHANGED, "warrant.no_verdict"})
"""Violations that a newer verdict answers: the gate decides each open request anew after a control change."""

PATIENCE_SECONDS = 120.0
"""How long a platform that answers is asked again how an attempt ended, before a person has to look."""

AWAY = 10.0
"""So many times that long a platform is waited for that is away, or does not let the profile in."""

VOID_PAUSE = 1.0
"""Seconds before the next attempt after one that did not count."""

STALE_SECONDS = 2.0
"""Who has not asked the leader of the ledger for so long was stopped or cut off: it catches up before it calls."""

Outcome = Wait | Done | None
"""What comes of a step: wait, be done, or look again at once."""


@dataclass(frozen=True)
class Settings:
    """``lease`` and ``patience`` in seconds."""

    lease: float
    patience: float = PATIENCE_SECONDS


@dataclass(frozen=True)
class _Call:
    """An attempt on record that is about to be called; ``decided_under`` is the posture that it was made under."""

    place: Place
    attempt_seq: int
    connector: Connector
    profile: Profile
    host: Host
    slot: Slot
    start: Start
    lease: Lease
    decided_under: Posture


class Posting:
    """Carries single steps out, for one instance of fanout."""

    def __init__(
        self,
        runtime: Runtime,
        connectors: Mapping[str, Connector],
        hosts: HostRegistry,
        records: Records,
        caller: Caller,
        admission: Admission,
        read_back: ReadBack,
        settings: Settings,
    ) -> None:
        self._runtime = runtime
        self._connectors = connectors
        self._hosts = hosts
        self._records = records
        self._caller = caller
        self._admission = admission
        self._read_back = read_back
        self._settings = settings
        self._starts = Starts()

    def profile_of(self, place: Place) -> Profile | None:
        """Return the profile of a place; of the website's mirror a stand-in."""
        if place.profile == MIRROR:
            return _mirror_profile()
        return self._runtime.control.profiles.get(place.profile)

    # --- what an earlier attempt left open ----------------------------------------------------------------

    async def settle(self, place: Place, step: Settle, slot: Slot) -> Outcome:
        """Find out how an open attempt ended, whoever made it, and write its receipt."""
        attempt, settling = step.attempt, settling_of(step.attempt.platform, self._settings.lease)
        known = place.target.receipt_last
        slot.calling()
        found = await self._look(place, attempt)
        profile = self.profile_of(place)
        if profile is not None:
            self._hosts.of(profile).heard(attempt.profile, found)
        if isinstance(found, CannotTell) and not settling.idempotent:
            delay = retry.look_again(step.over_for, self._patience_with(place, found))
            if delay is not None:
                return Wait(delay, f"how attempt {attempt.number} ended is not known: {found.reason}", shown=True)
        if isinstance(found, Absent) and step.over_for < settling.settle:
            # What was sent may still be carried out, and a listing may lag behind: it proves nothing so early.
            return Wait(settling.settle - step.over_for, "it is not there yet, which proves nothing so early")
        now = self._runtime.clock.now()
        receipt = receipts.of_look(attempt, step.attempt_seq, found, now, idempotent=settling.idempotent)
        receipt = receipts.reconcile_with_latest(receipt, place.target.receipt)
        if not receipt.final:
            receipt = self._bounded(place, receipt, attempt.number, None)
        await self._record(place, receipt, known)
        return None

    async def lapse(self, step: Lapse) -> Outcome:
        """Free a profile that another request's attempt holds although its lease is over."""
        busy = step.busy
        state = self._runtime.fold.requests.get(busy.request_id)
        if state is not None:
            receipt = receipts.lapsed(busy.attempt, busy.seq, self._runtime.clock.now())
            await self._records.receipt(receipt, state.target(busy.attempt.profile).receipt_last)
        return None

    async def end(self, place: Place, step: End) -> Outcome:
        """Write down that it ended without an attempt."""
        platform = self._platform_of(place)
        now = self._runtime.clock.now()
        receipt = receipts.without_attempt(
            place.state.request, place.profile, platform, step.outcome, now, final=step.final, reason=step.reason
        )
        await self._record(place, receipt, place.state.target(place.profile).receipt_last)
        return None

    def _patience_with(self, place: Place, found: CannotTell) -> float:
        """A platform that is away can tell when it is back: it is waited for longer, while the request lives."""
        away = found.cause is not None and place.state.request.expires_at > self._runtime.clock.now()
        return self._settings.patience * (AWAY if away else 1.0)

    async def _look(self, place: Place, attempt: Attempt) -> ReconcileResult:
        connector, profile = self._connector_of(place), self.profile_of(place)
        request = place.state.request
        if connector is None or profile is None or request.revision != attempt.revision:
            return CannotTell(f"the post of revision {attempt.revision} on {attempt.profile} cannot be looked for")
        intent = intent_of(request, profile, attempt.idempotency_key, self._settings.lease)
        return await self._caller.look(connector, intent)

    # --- posting ------------------------------------------------------------------------------------------

    async def post(self, place: Place, number: int, slot: Slot) -> Outcome:
        """Make one attempt."""
        profile, connector = self.profile_of(place), self._connector_of(place)
        if profile is None or connector is None:
            what = f"no profile {place.profile}" if profile is None else f"no connector for {profile.platform}"
            return await self.end(place, End(ReceiptOutcome.FAILED, True, f"this city has {what}"))
        found = self._violations(place, profile)
        if found:
            return await self._object(place, found)
        host = self._hosts.of(profile)
        wait = await self._admission.enter(place.state.request, profile, connector, host, slot)
        if wait is not None:
            return wait
        crash_point("fanout.attempt.warranted")
        async with self._starts.one() as start:
            lease, decided_under = Lease(self._runtime.clock, self._settings.lease), self._runtime.control.posture
            known = place.state.target(place.profile).receipt_last
            attempt_seq = await self._attempt(place, profile, number)
            attempt = place.state.target(place.profile).attempt
            if not attempt_seq:
                return Wait(VOID_PAUSE, "its attempt did not count")
            call = _Call(place, attempt_seq, connector, profile, host, slot, start, lease, decided_under)
            result = await self._call(call)
            crash_point("fanout.call.ended")
            if attempt is not None and isinstance(result, Unknown) and lease.age() > lease.length:
                return await self._look_after_sleep(place, attempt, attempt_seq, known)
            return await self._conclude(place, attempt_seq, result, lease, known)

    async def _attempt(self, place: Place, profile: Profile, number: int) -> int:
        """Put the attempt on record; return its sequence if it is ours and counts there, else 0."""
        rendering = rendering_for(place.state.request, profile.platform)
        attempt = self._records.attempt_of(place, profile.platform, rendering.sha256 if rendering else "", number)
        try:
            appended = await self._records.attempt(attempt)
        except LedgerDoubted:
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

    async def _call(self, call: _Call) -> PublishResult | NotAttempted:
        place, profile = call.place, call.profile
        attempt = place.state.target(place.profile).attempt
        if attempt is None:
            return NotAttempted("its attempt is gone from memory")
        intent = self._intent(place, profile, attempt, call.lease)
        try:
            await self._runtime.projection.fresh(STALE_SECONDS)
        except OneVoiceError as error:
            return NotAttempted(error.message, late=True)

        def authorize() -> NotAttempted | None:
            held = self._once_more(place, call.attempt_seq, profile, call.decided_under)
            if held is None:
                call.slot.calling()
                call.start.over()
            return held

        def heard(result: PublishResult) -> bool:
            return self._admission.heard(place.profile, result, call.host)

        return await self._caller.publish(call.connector, intent, call.lease, authorize, heard)

    def _intent(self, place: Place, profile: Profile, attempt: Attempt, lease: Lease) -> Intent:
        repeat = attempt.number > 1
        intent = intent_of(place.state.request, profile, attempt.idempotency_key, lease.left(), repeat=repeat)
        return replace(intent, also_at=self._stands_at(place)) if place.profile == MIRROR else intent

    def _stands_at(self, place: Place) -> tuple[tuple[Profile, str], ...]:
        """Return where the message stands on other profiles, for the website's page."""
        found = {name: place.state.target(name).receipt for name in place.state.request.targets}
        profiles = self._runtime.control.profiles
        return tuple(
            (profiles[name], receipt.url)
            for name, receipt in found.items()
            if receipt is not None and receipt.outcome is ReceiptOutcome.DELIVERED and receipt.url and name in profiles
        )

    def _once_more(
        self, place: Place, attempt_seq: int, profile: Profile, decided_under: Posture
    ) -> NotAttempted | None:
        """Judge again by the newest fold, right before the call.

        An attempt on record is called although control has changed since, unless the change takes it back: another
        posture does, and whatever the newest facts do not bear out.
        """
        doubt = self._runtime.ledger.doubt
        if doubt is not None:
            return NotAttempted(doubt.message)
        state = self._runtime.fold.requests.get(place.request_id)
        target = state.target(place.profile) if state is not None else None
        if state is None or target is None or target.attempt_seq != attempt_seq or target.answered or target.lapsed:
            return NotAttempted("another worker took it over")
        found = self._violations(place, profile)
        if self._runtime.control.posture is decided_under:
            found = tuple(one for one in found if one.code != CHANGED)
        return NotAttempted(_sentences(found)) if found else None

    async def _conclude(
        self, place: Place, attempt_seq: int, result: PublishResult | NotAttempted, lease: Lease, known: int
    ) -> Outcome:
        """Write the receipt of an attempt; ``known`` is the last one on its place before the attempt."""
        attempt = place.state.target(place.profile).attempt
        if isinstance(result, Unknown) or attempt is None:
            # No receipt yet, and nothing is sent again before the platform was asked how it ended.
            reason = result.reason if isinstance(result, Unknown) else "it left memory"
            return Wait(max(lease.length - lease.age(), 0.0), f"how it ended is not known: {reason}")
        receipt = receipts.of_result(attempt, attempt_seq, result, self._runtime.clock.now())
        if isinstance(result, Retryable):
            receipt = self._bounded(place, receipt, attempt.number, result.after)
        await self._record(place, receipt, known)
        if isinstance(result, NotAttempted) and result.late:
            return Wait(retry.BASE_SECONDS, result.reason)
        return None

    async def _look_after_sleep(self, place: Place, attempt: Attempt, attempt_seq: int, known: int) -> Outcome:
        """Look what has become of a call that this process stood still over.

        What it sent may have landed only when it woke, and others had asked the platform before, and answered.
        """
        settling = settling_of(attempt.platform, self._settings.lease)
        await asyncio.sleep(min(max(settling.settle, LEASE_SLACK), self._settings.lease))
        found = await self._look(place, attempt)
        if isinstance(found, Posted):
            now = self._runtime.clock.now()
            receipt = receipts.of_look(attempt, attempt_seq, found, now, idempotent=settling.idempotent)
            await self._record(place, receipt, known)
        return None

    def _bounded(self, place: Place, receipt: Receipt, number: int, after: float | None) -> Receipt:
        """Return when it is tried again, or the end of a post that was attempted often enough."""
        made = len(place.target.effective)
        if made >= retry.MOST_ATTEMPTS:
            return receipts.exhausted(receipt, made)
        chance = random.random()  # noqa: S311 - jitter, no secret
        verdict = place.state.verdict
        ends = place.state.request.expires_at
        if verdict is not None and verdict.valid_until is not None:
            ends = min(ends, verdict.valid_until)
        again = retry.again(number, after, self._runtime.clock.now(), ends, chance)
        return receipt.model_copy(update={"retry_at": again.at})

    # --- post authorization -------------------------------------------------------------------------------

    def _violations(self, place: Place, profile: Profile) -> tuple[Objection, ...]:
        state = self._runtime.fold.requests.get(place.request_id, place.state)
        rendering = rendering_for(state.request, profile.platform)
        verdict = state.verdict
        return objections(
            WarrantFacts(
                request=state.request,
                verdict=verdict,
                verdict_seq=state.verdict_seq,
                approvals=tuple(approval for _, approval in state.approvals.values()),
                control=self._runtime.control,
                profile_id=place.profile,
                rendering_sha256=rendering.sha256 if rendering else "",
                control_seq=verdict.control_seq if verdict is not None else 0,
                now=self._runtime.clock.now(),
                realm=self._runtime.city.realm,
            )
        )

    async def _object(self, place: Place, found: tuple[Objection, ...]) -> Outcome:
        """End a post that may not go out: in silence if a newer verdict is coming, else with a receipt."""
        codes = {item.code for item in found}
        reason = _sentences(found)
        self._runtime.log.warning("not posted", profile=place.profile, codes=sorted(codes), reason=reason)
        if codes & STALE:
            return Done("a newer verdict is coming")
        outcome = ReceiptOutcome.EXPIRED if codes <= EXPIRED else ReceiptOutcome.WITHHELD
        await self.end(place, End(outcome, "warrant.request_expired" in codes, reason))
        return Done(reason)

    # --- receipts -----------------------------------------------------------------------------------------

    async def _record(self, place: Place, receipt: Receipt, known: int) -> None:
        """Write a receipt down, unless another worker's stands instead.

        ``known`` is the last receipt on the place when the work on this one began: whatever came since is looked at
        before ours follows on it, and the fold, which knows it by now, is not asked.
        """
        written = await self._records.receipt(receipt, known)
        if written is not None:
            receipt = written.receipt
            self._read_back.watch(receipt, written.seq, self._runtime.clock.now())
        said = {"url": receipt.url, "reason": receipt.reason}
        delivered = written is not None and receipt.outcome is ReceiptOutcome.DELIVERED
        tell = self._runtime.log.debug if delivered else self._runtime.log.info
        tell(
            "another worker's receipt stands" if written is None else str(receipt.outcome),
            request_id=receipt.request_id,
            profile=receipt.profile,
            **{name: value for name, value in said.items() if value},
        )

    def _connector_of(self, place: Place) -> Connector | None:
        profile = self.profile_of(place)
        if place.profile == MIRROR:
            return self._connectors.get(MIRROR)
        return self._connectors.get(profile.platform) if profile is not None else None

    def _platform_of(self, place: Place) -> str:
        profile = self.profile_of(place)
        return profile.platform if profile is not None else "unknown"


def _mirror_profile() -> Profile:
    return Profile(id=MIRROR, department="city", platform=WEBSITE, account=MIRROR, departmental=False)


def _sentences(found: tuple[Objection, ...]) -> str:
    return " ".join(item.message for item in found)
