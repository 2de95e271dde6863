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

from schemas import streams
from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout import limits, receipts, retry
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
from services.fanout.reader import Case, Reader, ledger_time
from services.fanout.records import Records, key_of
from services.fanout.standing import CLOCK_SLACK, Drop, End, Settle, Wait, next_step
from services.fanout.turns import TURNS, Turn
from services.kernel.crashpoints import crash_point
from services.kernel.ledger import Conflict
from services.kernel.service import RetryLater, Runtime
from services.kernel.warrant import EXPIRED, Objection, WarrantFacts, objections

NATURAL_KEY = frozenset({"website"})
"""Platforms where the same key and bytes are the same post, so that a repeat is always safe (platforms.md, A)."""

STALE = frozenset({"warrant.control_changed", "warrant.no_verdict"})
"""Objections that a newer verdict answers: the gate decides each open request anew after a control change."""

PATIENCE_SECONDS = 120.0
"""How long a platform is asked again how an attempt ended, before a person has to look."""


@dataclass
class _Door:
    slots: asyncio.Semaphore
    budget: limits.Budget


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
        self._doors: dict[str, _Door] = {}
        self._turns = asyncio.Semaphore(TURNS)

    async def deliver(self, delivery: Delivery) -> None:
        """Bring a delivery as far as it goes now; returns when nothing is left to do for it.

        Raises:
            RetryLater: it has to be looked at again; nothing is lost in between.
            Unreachable: the ledger cannot be reached.
        """
        async with self._door(delivery).slots, Turn(self._turns) as turn:
            while await self._advance(delivery, turn):
                pass

    async def _advance(self, delivery: Delivery, turn: Turn) -> bool:
        """Do the next step; True when there may be another one at once."""
        case = await self._reader.case(delivery)
        now = self._now()
        is_open = case.standing.open_attempt is not None
        ledger_now = await ledger_time(self._runtime.ledger) if is_open else now
        step = next_step(delivery, case.standing, now, ledger_now, self._lease)
        if isinstance(step, Drop):
            self._runtime.log.info("dropped", profile=delivery.profile, reason=step.reason)
            return False
        if isinstance(step, Wait):
            raise RetryLater(step.delay, step.reason)
        if isinstance(step, Settle):
            await self._settle(case, step, turn)
            return True
        if isinstance(step, End):
            await self._end(delivery, case, step.outcome, final=step.final, reason=step.reason)
            return False
        return await self._post(delivery, case, step.number, turn)

    # --- what an earlier attempt left open ----------------------------------------------------------------

    async def _settle(self, case: Case, step: Settle, turn: Turn) -> None:
        """Find out how an open attempt ended, whoever made it, and write its receipt."""
        attempt = step.attempt
        turn.over()
        found = await self._look(case, attempt)
        if isinstance(found, CannotTell) and attempt.platform not in NATURAL_KEY:
            delay = retry.look_again(step.over_for, self._patience)
            if delay is not None:
                raise RetryLater(delay, f"how attempt {attempt.number} ended is not known: {found.reason}")
        if isinstance(found, Absent) and step.over_for < self._lease:
            # A platform may still carry out what it was sent, although nobody waits for its answer any more.
            raise RetryLater(self._lease - step.over_for, "it is not there yet, which proves nothing so early")
        receipt = receipts.of_look(
            attempt, step.attempt_seq, found, self._now(), natural=attempt.platform in NATURAL_KEY
        )
        await self._record(receipt, case.standing.receipt_seq)

    async def _look(self, case: Case, attempt: Attempt) -> ReconcileResult:
        connector = self._connectors.get(attempt.platform)
        profile = case.control.profiles.get(attempt.profile)
        request = case.standing.request
        if connector is None or profile is None or request is None or request.revision != attempt.revision:
            return CannotTell(f"the post of revision {attempt.revision} on {attempt.profile} cannot be looked for")
        intent = intent_of(request, profile, attempt.idempotency_key, self._lease)
        return await self._caller.look(connector, intent)

    # --- posting ------------------------------------------------------------------------------------------

    async def _post(self, delivery: Delivery, case: Case, number: int, turn: Turn) -> bool:
        found = self._objections(delivery, case)
        if found:
            return await self._object(delivery, case, found)
        connector = self._connectors.get(delivery.platform)
        request = case.standing.request
        if connector is None or request is None:
            reason = f"this city has no connector for {delivery.platform}"
            await self._end(delivery, case, ReceiptOutcome.FAILED, final=True, reason=reason)
            return False
        wait = self._door(delivery).budget.take(self._runtime.clock.monotonic())
        if wait > 0:
            raise RetryLater(wait, "the platform's limit for one address is reached")
        return await self._attempt(delivery, case, request, connector, number, turn)

    async def _attempt(
        self, delivery: Delivery, case: Case, request: Request, connector: Connector, number: int, turn: Turn
    ) -> bool:
        crash_point("fanout.attempt.warranted")
        lease = Lease(self._runtime.clock, self._lease)
        try:
            appended = await self._records.attempt(delivery, request, number)
        except Conflict:
            # The gate decides this request anew, and a new clearance queues its own deliveries.
            self._runtime.log.info("held back by the fence", profile=delivery.profile)
            return False
        if appended.duplicate:
            raise RetryLater(self._lease + CLOCK_SLACK, f"attempt {number} belongs to another worker")
        crash_point("fanout.attempt.stored")
        profile = case.control.profiles[delivery.profile]
        key = key_of(request, delivery.profile, delivery.rendering_sha256)
        intent = intent_of(request, profile, key, lease.left())

        async def warranted() -> Held | None:
            held = await self._once_more(delivery, case, appended.seq)
            if held is None:
                turn.over()
            return held

        result = await self._caller.publish(connector, intent, lease, warranted)
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
            chance = random.random()  # noqa: S311 - jitter, no secret
            again = retry.again(number, result.after, self._now(), delivery.expires_at, chance)
            await self._record(receipt.model_copy(update={"retry_at": again.at}), last)
            raise RetryLater(again.delay, result.reason)
        await self._record(receipt, last)
        if isinstance(result, Held) and result.late:
            raise RetryLater(retry.BASE_SECONDS, result.reason)
        return isinstance(result, Held)

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
            return False
        outcome = ReceiptOutcome.EXPIRED if codes <= EXPIRED else ReceiptOutcome.WITHHELD
        final = "warrant.request_expired" in codes
        await self._end(delivery, case, outcome, final=final, reason=reason)
        return False

    # --- receipts -----------------------------------------------------------------------------------------

    async def _end(self, delivery: Delivery, case: Case, outcome: ReceiptOutcome, *, final: bool, reason: str) -> None:
        """Write that it ended without an attempt."""
        receipt = receipts.without_attempt(delivery, outcome, self._now(), final=final, reason=reason)
        await self._record(receipt, case.standing.receipt_seq)

    async def _record(self, receipt: Receipt, expect_last: int) -> None:
        written = await self._records.receipt(receipt, expect_last)
        said = {"url": receipt.url, "reason": receipt.reason}
        self._runtime.log.info(
            str(receipt.outcome) if written else "another worker's receipt stands",
            profile=receipt.profile,
            **{name: value for name, value in said.items() if value},
        )

    def _now(self) -> datetime:
        return self._runtime.clock.now()

    def _door(self, delivery: Delivery) -> _Door:
        profile = self._runtime.control.state.profiles.get(delivery.profile)
        host = limits.host_of(profile) if profile else delivery.platform
        door = self._doors.get(host)
        if door is None:
            limit = limits.limit_of(delivery.platform, host)
            door = self._doors[host] = _Door(asyncio.Semaphore(limit.at_once), limits.Budget(limit))
        return door


def _sentences(found: tuple[Objection, ...]) -> str:
    return " ".join(item.message for item in found)
