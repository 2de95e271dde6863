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

from schemas import streams
from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout import limits, retry
from services.fanout.caller import Caller, Held, Lease, intent_of
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Connector,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retryable,
    Unknown,
)
from services.fanout.reader import Case, Reader, ledger_time
from services.fanout.records import Records, key_of
from services.fanout.standing import CLOCK_SLACK, Drop, End, Settle, Wait, next_step
from services.kernel.clock import monotonic
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

    async def deliver(self, delivery: Delivery) -> None:
        """Bring a delivery as far as it goes now; returns when nothing is left to do for it.

        Raises:
            RetryLater: it has to be looked at again; nothing is lost in between.
            Unreachable: the ledger cannot be reached.
        """
        while await self._advance(delivery):
            pass

    async def _advance(self, delivery: Delivery) -> bool:
        """Do the next step; True when there may be another one at once."""
        case = await self._reader.case(delivery)
        now = self._runtime.clock.now()
        is_open = case.standing.open_attempt is not None
        ledger_now = await ledger_time(self._runtime.ledger) if is_open else now
        step = next_step(delivery, case.standing, now, ledger_now, self._lease)
        if isinstance(step, Drop):
            self._runtime.log.info("dropped", profile=delivery.profile, reason=step.reason)
            return False
        if isinstance(step, Wait):
            raise RetryLater(step.delay, step.reason)
        if isinstance(step, Settle):
            await self._settle(delivery, case, step)
            return True
        if isinstance(step, End):
            await self._end(delivery, case, step.outcome, final=step.final, reason=step.reason)
            return False
        return await self._post(delivery, case, step.number)

    # --- what an earlier attempt left open ----------------------------------------------------------------

    async def _settle(self, delivery: Delivery, case: Case, step: Settle) -> None:
        """Find out how an open attempt ended, whoever made it, and write its receipt."""
        attempt = step.attempt
        found = await self._look(case, attempt)
        if isinstance(found, CannotTell) and attempt.platform not in NATURAL_KEY:
            delay = retry.look_again(step.over_for, self._patience)
            if delay is not None:
                raise RetryLater(delay, f"how attempt {attempt.number} ended is not known: {found.reason}")
        if isinstance(found, Absent) and step.over_for < self._lease:
            # A platform may still carry out what it was sent, although nobody waits for its answer any more.
            raise RetryLater(self._lease - step.over_for, "it is not there yet, which proves nothing so early")
        receipt = self._settling(attempt, step.attempt_seq, found)
        await self._record(receipt, case.standing.receipt_seq)

    async def _look(self, case: Case, attempt: Attempt) -> ReconcileResult:
        connector = self._connectors.get(attempt.platform)
        profile = case.control.profiles.get(attempt.profile)
        request = case.standing.request
        if connector is None or profile is None or request is None or request.revision != attempt.revision:
            return CannotTell(f"the post of revision {attempt.revision} on {attempt.profile} cannot be looked for")
        intent = intent_of(request, profile, attempt.idempotency_key, self._lease)
        return await self._caller.look(connector, intent)

    def _settling(self, attempt: Attempt, attempt_seq: int, found: ReconcileResult) -> Receipt:
        url: str | None = None
        remote_id: str | None = None
        final = False
        if isinstance(found, Posted):
            outcome, final, reason = ReceiptOutcome.DELIVERED, True, "found on the platform"
            url, remote_id = found.url, found.remote_id
        elif isinstance(found, Absent):
            outcome, reason = ReceiptOutcome.WITHHELD, "the platform shows that it was not posted; it is tried again"
            if found.begun is not None:
                reason = "the platform shows only its beginning; it is continued"
                url, remote_id = found.begun.url, found.begun.remote_id
        elif attempt.platform in NATURAL_KEY:
            outcome, reason = ReceiptOutcome.UNCONFIRMED, f"{found.reason}; repeating it is safe there"
        else:
            outcome, final = ReceiptOutcome.UNCONFIRMED, True
            reason = f"it may stand or not: {found.reason}; please look at the profile"
        return Receipt(
            at=self._runtime.clock.now(),
            request_id=attempt.request_id,
            revision=attempt.revision,
            profile=attempt.profile,
            platform=attempt.platform,
            attempt_seq=attempt_seq,
            outcome=outcome,
            final=final,
            url=url,
            remote_id=remote_id,
            reason=reason,
        )

    # --- posting ------------------------------------------------------------------------------------------

    async def _post(self, delivery: Delivery, case: Case, number: int) -> bool:
        found = self._objections(delivery, case)
        if found:
            return await self._object(delivery, case, found)
        connector = self._connectors.get(delivery.platform)
        request = case.standing.request
        if connector is None or request is None:
            reason = f"this city has no connector for {delivery.platform}"
            await self._end(delivery, case, ReceiptOutcome.FAILED, final=True, reason=reason)
            return False
        door = self._door(delivery, case)
        wait = door.budget.take(monotonic())
        if wait > 0:
            raise RetryLater(wait, "the platform's limit for one address is reached")
        async with door.slots:
            return await self._attempt(delivery, case, request, connector, number)

    async def _attempt(
        self, delivery: Delivery, case: Case, request: Request, connector: Connector, number: int
    ) -> bool:
        lease = Lease(self._runtime.clock, self._lease)
        try:
            appended = await self._records.attempt(delivery, request, number)
        except Conflict:
            # The gate decides this request anew, and a new clearance queues its own deliveries.
            self._runtime.log.info("held back by the fence", profile=delivery.profile)
            return False
        if appended.duplicate:
            raise RetryLater(self._lease + CLOCK_SLACK, f"attempt {number} belongs to another worker")
        profile = case.control.profiles[delivery.profile]
        key = key_of(request, delivery.profile, delivery.rendering_sha256)
        intent = intent_of(request, profile, key, lease.left())

        async def warranted() -> Held | None:
            return await self._once_more(delivery, case, appended.seq)

        result = await self._caller.publish(connector, intent, lease, warranted)
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
        if isinstance(result, Retryable):
            chance = random.random()  # noqa: S311 - jitter, no secret
            now = self._runtime.clock.now()
            again = retry.again(number, result.after, now, delivery.expires_at, chance)
            receipt = self._receipt(delivery, attempt_seq, ReceiptOutcome.WITHHELD, False, result.reason)
            begun = _where(result.begun) if result.begun else {}
            await self._record(receipt.model_copy(update={"retry_at": again.at, **begun}), last)
            raise RetryLater(again.delay, result.reason)
        if isinstance(result, Held):
            receipt = self._receipt(delivery, attempt_seq, ReceiptOutcome.WITHHELD, False, result.reason)
            await self._record(receipt, last)
            if result.late:
                raise RetryLater(retry.BASE_SECONDS, result.reason)
            return True
        await self._record(self._final(delivery, attempt_seq, result), last)
        return False

    def _final(self, delivery: Delivery, attempt_seq: int, result: Posted | Permanent) -> Receipt:
        if isinstance(result, Permanent):
            receipt = self._receipt(delivery, attempt_seq, ReceiptOutcome.FAILED, True, result.reason)
            return receipt.model_copy(update=_where(result.begun)) if result.begun else receipt
        receipt = self._receipt(delivery, attempt_seq, ReceiptOutcome.DELIVERED, True, result.note)
        return receipt.model_copy(update=_where(result))

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
                now=self._runtime.clock.now(),
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
        await self._record(self._receipt(delivery, 0, outcome, final, reason), case.standing.receipt_seq)

    def _receipt(
        self, delivery: Delivery, attempt_seq: int, outcome: ReceiptOutcome, final: bool, reason: str
    ) -> Receipt:
        return Receipt(
            at=self._runtime.clock.now(),
            request_id=delivery.request_id,
            revision=delivery.revision,
            profile=delivery.profile,
            platform=delivery.platform,
            attempt_seq=attempt_seq,
            outcome=outcome,
            final=final,
            reason=reason,
        )

    async def _record(self, receipt: Receipt, expect_last: int) -> None:
        written = await self._records.receipt(receipt, expect_last)
        self._runtime.log.info(
            str(receipt.outcome) if written else "another worker's receipt stands",
            profile=receipt.profile,
            url=receipt.url,
            reason=receipt.reason or None,
        )

    def _door(self, delivery: Delivery, case: Case) -> _Door:
        host = limits.host_of(case.control.profiles[delivery.profile])
        door = self._doors.get(host)
        if door is None:
            limit = limits.limit_of(delivery.platform, host)
            door = self._doors[host] = _Door(asyncio.Semaphore(limit.at_once), limits.Budget(limit))
        return door


def _where(posted: Posted) -> dict[str, str]:
    """Return where a post stands, or the beginning of a thread that stands without its end."""
    return {"url": posted.url, "remote_id": posted.remote_id}


def _sentences(found: tuple[Objection, ...]) -> str:
    return " ".join(item.message for item in found)
