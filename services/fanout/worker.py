"""Brings one delivery to its end: attempt on record, warrant, platform call, receipt.

The order makes it exact: an attempt is in the ledger before the call, fenced on the control revision that the
verdict was decided at; no second attempt is made before the first is settled; no delivery is acked before its
receipt is in. What a crash leaves open is settled by whoever gets the delivery again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas import streams, subjects
from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout import receipts, retry
from services.fanout.admission import Admission
from services.fanout.caller import Caller, Held, Lease, intent_of
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Connector,
    PublishResult,
    ReconcileResult,
    Retryable,
    Unknown,
)
from services.fanout.doors import Door, Doors, Visit
from services.fanout.readback import ReadBack
from services.fanout.reader import Case, Reader, ledger_time, read
from services.fanout.records import Records, key_of
from services.fanout.settling import settling_of
from services.fanout.standing import CLOCK_SLACK, Drop, End, Settle, Wait, next_step
from services.fanout.turns import TURNS
from services.kernel.crashpoints import crash_point
from services.kernel.ledger import Conflict
from services.kernel.service import RetryLater, Runtime
from services.kernel.warrant import EXPIRED, Objection, WarrantFacts, objections

STALE = frozenset({"warrant.control_changed", "warrant.no_verdict"})
"""Objections that a newer verdict answers: the gate decides each open request anew after a control change."""

PATIENCE_SECONDS = 120.0
"""How long a platform that answers is asked again how an attempt ended, before a person has to look."""

AWAY = 10.0
"""So many times that long a platform is waited for that is away, or does not let the profile in."""


@dataclass(frozen=True)
class _Task:
    """One delivery in hand: its facts, and its place at the platform."""

    delivery: Delivery
    case: Case
    door: Door
    visit: Visit


class Worker:
    """Works on deliveries, one per profile at a time; ``lease`` and ``patience`` in seconds."""

    def __init__(
        self,
        runtime: Runtime,
        connectors: Mapping[str, Connector],
        *,
        lease: float = streams.LEASE_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._runtime = runtime
        self._connectors = connectors
        self._lease = lease
        self._patience = patience
        self._reader = Reader(runtime)
        self._records = Records(runtime)
        self._caller = Caller(runtime, runtime.ledger.get_media)
        self._doors = Doors(runtime)
        self._admission = Admission(runtime, self._reader, self._caller)
        self._turns = asyncio.Semaphore(TURNS)
        self.read_back = ReadBack(runtime, connectors, self._reader, self._doors, lease)

    async def deliver(self, delivery: Delivery) -> None:
        """Bring a delivery as far as it goes now; returns when nothing is left to do for it.

        Raises:
            RetryLater: it has to be looked at again; nothing is lost in between.
            Unreachable: the ledger cannot be reached.
        """
        door = self._doors.of(delivery)
        async with Visit(door, delivery.profile, self._turns) as visit:
            while await self._advance(delivery, door, visit):
                pass

    async def look_after_hosts(self) -> None:
        """Run beside the deliveries: find out that a host is back that nothing waits for."""
        await self._admission.look_after_idle_hosts(self._doors, self._connectors)

    async def _advance(self, delivery: Delivery, door: Door, visit: Visit) -> bool:
        """Do the next step; True when there may be another one at once."""
        case = await self._reader.case(delivery)
        task = _Task(delivery, case, door, visit)
        now = self._now()
        is_open = case.standing.open_attempt is not None
        ledger_now = await ledger_time(self._runtime.ledger) if is_open else now
        step = next_step(delivery, case.standing, now, ledger_now, self._lease)
        if isinstance(step, Drop):
            self._runtime.log.info("dropped", profile=delivery.profile, reason=step.reason)
            return await self._let_go(delivery)
        if isinstance(step, Wait):
            raise RetryLater(step.delay, step.reason)
        if isinstance(step, Settle):
            await self._settle(task, step)
            return True
        if isinstance(step, End):
            return not await self._end(delivery, case, step.outcome, final=step.final, reason=step.reason)
        return await self._post(task, step.number)

    # --- what an earlier attempt left open ----------------------------------------------------------------

    async def _settle(self, task: _Task, step: Settle) -> None:
        """Find out how an open attempt ended, whoever made it, and write its receipt."""
        attempt, settling = step.attempt, settling_of(step.attempt.platform, self._lease)
        task.visit.calling()
        found = await self._look(task.case, attempt)
        task.door.heard(attempt.profile, found)
        if isinstance(found, CannotTell) and not settling.natural:
            delay = retry.look_again(step.over_for, self._patience_with(task, found))
            if delay is not None:
                raise RetryLater(delay, f"how attempt {attempt.number} ended is not known: {found.reason}")
        if isinstance(found, Absent) and step.over_for < settling.settle:
            # What was sent may still be carried out, and a listing may lag behind: it proves nothing so early.
            raise RetryLater(settling.settle - step.over_for, "it is not there yet, which proves nothing so early")
        receipt = receipts.of_look(attempt, step.attempt_seq, found, self._now(), natural=settling.natural)
        receipt = receipts.beside(receipt, task.case.standing.receipt)
        if not receipt.final:
            receipt = await self._bounded(receipt, attempt.number, None, task.delivery.expires_at)
        await self._record(receipt, task.case.standing.receipt_seq)

    def _patience_with(self, task: _Task, found: CannotTell) -> float:
        """A platform that is away can tell when it is back: it is waited for longer, while the request lives."""
        request = task.case.standing.request
        away = found.cause is not None and request is not None and request.expires_at > self._now()
        return self._patience * (AWAY if away else 1.0)

    async def _look(self, case: Case, attempt: Attempt) -> ReconcileResult:
        connector = self._connectors.get(attempt.platform)
        profile = case.control.profiles.get(attempt.profile)
        request = case.standing.request
        if connector is None or profile is None or request is None or request.revision != attempt.revision:
            return CannotTell(f"the post of revision {attempt.revision} on {attempt.profile} cannot be looked for")
        intent = intent_of(request, profile, attempt.idempotency_key, self._lease)
        return await self._caller.look(connector, intent)

    # --- posting ------------------------------------------------------------------------------------------

    async def _post(self, task: _Task, number: int) -> bool:
        delivery, case = task.delivery, task.case
        found = self._objections(delivery, case)
        if found:
            return await self._object(delivery, case, found)
        connector = self._connectors.get(delivery.platform)
        request = case.standing.request
        if connector is None or request is None:
            reason = f"this city has no connector for {delivery.platform}"
            return not await self._end(delivery, case, ReceiptOutcome.FAILED, final=True, reason=reason)
        profile = case.control.profiles[delivery.profile]
        await self._admission.enter(delivery, request, profile, connector, task.door, task.visit)
        return await self._attempt(task, request, connector, number)

    async def _attempt(self, task: _Task, request: Request, connector: Connector, number: int) -> bool:
        delivery, case = task.delivery, task.case
        crash_point("fanout.attempt.warranted")
        lease = Lease(self._runtime.clock, self._lease)
        try:
            appended = await self._records.attempt(delivery, request, number)
        except Conflict:
            # The gate decides this request anew, and a new clearance queues its own deliveries.
            self._runtime.log.info("held back by the fence", profile=delivery.profile)
            return await self._let_go(delivery)
        if appended.duplicate:
            raise RetryLater(self._lease + CLOCK_SLACK, f"attempt {number} belongs to another worker")
        crash_point("fanout.attempt.stored")
        profile = case.control.profiles[delivery.profile]
        key = key_of(request, delivery.profile, delivery.rendering_sha256)
        intent = intent_of(request, profile, key, lease.left(), repeat=number > 1)

        async def warranted() -> Held | None:
            held = await self._once_more(delivery, case, appended.seq)
            if held is None:
                task.visit.calling()
            return held

        def heard(result: PublishResult) -> bool:
            return self._admission.heard(delivery.profile, result, task.door)

        result = await self._caller.publish(connector, intent, lease, warranted, heard)
        crash_point("fanout.call.ended")
        return await self._conclude(delivery, case, appended.seq, number, result, lease)

    async def _once_more(self, delivery: Delivery, case: Case, attempt_seq: int) -> Held | None:
        """Judge again on fresh facts, right before the call."""
        fresh = await self._reader.case(delivery)
        before, after = case.standing, fresh.standing
        if (after.attempt_seq, after.receipt_seq) != (attempt_seq, before.receipt_seq):
            return Held("another worker took it over")
        if after.verdict_seq != delivery.verdict_seq:
            return Held("a newer verdict stands")
        if (doubt := self._runtime.ledger.doubt) is not None:
            return Held(doubt.message)
        found = self._objections(delivery, fresh)
        return Held(_sentences(found)) if found else None

    async def _conclude(
        self,
        delivery: Delivery,
        case: Case,
        attempt_seq: int,
        number: int,
        result: PublishResult | Held,
        lease: Lease,
    ) -> bool:
        """Write the receipt of an attempt; True when the delivery is to be looked at again at once."""
        last = case.standing.receipt_seq
        if isinstance(result, Unknown):
            # No receipt yet, and nothing is sent again before the platform was asked how it ended.
            delay = max(lease.length - lease.age(), 0.0) + CLOCK_SLACK
            raise RetryLater(delay, f"how it ended is not known: {result.reason}")
        receipt = receipts.of_result(delivery, attempt_seq, result, self._now())
        if isinstance(result, Retryable):
            receipt = await self._bounded(receipt, number, result.after, delivery.expires_at)
        written = await self._record(receipt, last)
        receipt = written or receipt
        if receipt.retry_at is not None:
            raise RetryLater(max(0.0, (receipt.retry_at - self._now()).total_seconds()), receipt.reason)
        if isinstance(result, Held) and result.late:
            raise RetryLater(retry.BASE_SECONDS, result.reason)
        # Where another worker's receipt stands, it need not end the delivery as ours would have: look before the ack.
        return isinstance(result, Held) or written is None

    async def _bounded(self, receipt: Receipt, number: int, after: float | None, expires_at: datetime) -> Receipt:
        """Return when it is tried again, or the end of a delivery that was attempted often enough."""
        if number >= retry.MOST_ATTEMPTS:
            history = await self._runtime.ledger.history(subjects.attempt(receipt.profile, receipt.request_id))
            made = sum(read(Attempt, entry).revision == receipt.revision for entry in history)
            if made >= retry.MOST_ATTEMPTS:
                return receipts.exhausted(receipt, made)
        chance = random.random()  # noqa: S311 - jitter, no secret
        again = retry.again(number, after, self._now(), expires_at, chance)
        return receipt.model_copy(update={"retry_at": again.at})

    # --- the warrant --------------------------------------------------------------------------------------

    def _objections(self, delivery: Delivery, case: Case) -> tuple[Objection, ...]:
        standing = case.standing
        if standing.request is None:
            return (Objection("warrant.no_request", "There is no request."),)
        return objections(
            WarrantFacts(
                request=standing.request,
                verdict=standing.verdict,
                verdict_seq=standing.verdict_seq,
                approvals=case.approvals,
                control=case.control,
                profile_id=delivery.profile,
                rendering_sha256=delivery.rendering_sha256,
                control_seq=delivery.control_seq,
                now=self._now(),
                realm=self._runtime.city.realm,
            )
        )

    async def _object(self, delivery: Delivery, case: Case, found: tuple[Objection, ...]) -> bool:
        """End a delivery that may not be posted: in silence if a newer verdict is coming, else with a receipt."""
        codes = {item.code for item in found}
        reason = _sentences(found)
        self._runtime.log.warning("not posted", profile=delivery.profile, codes=sorted(codes), reason=reason)
        standing = case.standing
        said = standing.receipt is not None and standing.receipt.reason == reason
        if codes & STALE or (said and standing.receipt_seq > delivery.verdict_seq):
            return await self._let_go(delivery)
        outcome = ReceiptOutcome.EXPIRED if codes <= EXPIRED else ReceiptOutcome.WITHHELD
        final = "warrant.request_expired" in codes
        return not await self._end(delivery, case, outcome, final=final, reason=reason)

    async def _let_go(self, delivery: Delivery) -> bool:
        """Return False: nothing is left to do. Raises RetryLater while another worker's attempt is open.

        A delivery may be in two hands, and the facts of a case are read one beside the other: whoever acks it must know
        that no attempt was made meanwhile, or nobody would settle that one.
        """
        ledger, place = self._runtime.ledger, (delivery.profile, delivery.request_id)
        attempt = await ledger.last(subjects.attempt(*place))
        if attempt is not None:
            receipt = await ledger.last(subjects.receipt(*place))
            if not await self._reader.answered(attempt, receipt):
                raise RetryLater(self._lease + CLOCK_SLACK, f"the attempt at {attempt.seq} is open")
        return False

    # --- receipts -----------------------------------------------------------------------------------------

    async def _end(self, delivery: Delivery, case: Case, outcome: ReceiptOutcome, *, final: bool, reason: str) -> bool:
        """Write that it ended without an attempt; False when another worker's receipt stands instead."""
        receipt = receipts.without_attempt(delivery, outcome, self._now(), final=final, reason=reason)
        return await self._record(receipt, case.standing.receipt_seq) is not None

    async def _record(self, receipt: Receipt, expect_last: int) -> Receipt | None:
        """Write a receipt down; return it as it stands, None when another worker's stands instead."""
        written = await self._records.receipt(receipt, expect_last)
        if written is not None:
            receipt = written.receipt
            self.read_back.watch(receipt, written.seq, self._now())
        said = {"url": receipt.url, "reason": receipt.reason}
        self._runtime.log.info(
            "another worker's receipt stands" if written is None else str(receipt.outcome),
            profile=receipt.profile,
            **{name: value for name, value in said.items() if value},
        )
        return written.receipt if written else None

    def _now(self) -> datetime:
        return self._runtime.clock.now()


def _sentences(found: tuple[Objection, ...]) -> str:
    return " ".join(item.message for item in found)
