"""Puts attempts and receipts on record, each exactly once, whoever else writes at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from schemas import canonical, subjects
from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout.reader import read
from services.fanout.receipts import beside
from services.kernel.crashpoints import crash_point
from services.kernel.errors import Unreachable
from services.kernel.ledger import Appended, Conflict
from services.kernel.service import Runtime

Answer = TypeVar("Answer")


def key_of(request: Request, profile: str, rendering_sha256: str) -> str:
    """Return the idempotency key of a revision on a profile: the content is in it, so other content is another key."""
    parts = (request.realm, request.request_id, str(request.revision), profile, rendering_sha256)
    return canonical.sha256("\n".join(parts).encode())


class Written(NamedTuple):
    """A receipt as it stands in the ledger, and where."""

    seq: int
    receipt: Receipt


class Records:
    """Appends attempts and receipts for one worker."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def attempt(self, delivery: Delivery, request: Request, number: int) -> Appended:
        """Write the intent to post down, fenced on the control revision of the verdict.

        The message id counts attempts only: two workers with different verdicts, too, get one attempt between them.

        Returns:
            Where it stands; ``duplicate`` when another worker made this attempt.

        Raises:
            Conflict: control has changed since the verdict.
            Unreachable: no ack; whether it stands is unknown, and nothing may be posted.
        """
        event = Attempt(
            at=self._runtime.clock.now(),
            request_id=delivery.request_id,
            revision=delivery.revision,
            profile=delivery.profile,
            platform=delivery.platform,
            number=number,
            worker=self._runtime.instance,
            verdict_seq=delivery.verdict_seq,
            control_seq=delivery.control_seq,
            digest=request.digest,
            rendering_sha256=delivery.rendering_sha256,
            idempotency_key=key_of(request, delivery.profile, delivery.rendering_sha256),
        )
        return await self._runtime.ledger.append(
            subjects.attempt(delivery.profile, delivery.request_id),
            event,
            msg_id=f"attempt:{delivery.profile}:{delivery.request_id}:{delivery.revision}:{number}",
            fence=(subjects.CONTROL, delivery.control_seq),
        )

    async def receipt(self, receipt: Receipt, expect_last: int) -> Written | None:
        """Write a receipt down, and do not give up before it is in.

        Appended by compare-and-set on its subject. When another worker wrote first, the one receipt of an attempt
        stands, unless ours says that it was delivered and that one did not know. When that one is on another attempt,
        ours is written so that it does not take back what stands (``receipts.beside``).

        Returns:
            What was written, or None when what stands makes ours superfluous.
        """
        while True:
            try:
                appended = await self._until_in(receipt, expect_last)
            except Conflict:
                appended = None
            if appended is not None and not appended.duplicate:
                crash_point("fanout.receipt.stored")
                return Written(appended.seq, receipt)
            standing = await self._standing(receipt)
            if receipt.attempt_seq == 0 or any(_says_enough(old, receipt) for _, old in standing):
                return None
            expect_last, last = standing[-1] if standing else (0, None)
            receipt = beside(receipt, last)

    async def _until_in(self, receipt: Receipt, expect_last: int) -> Appended:
        subject = subjects.receipt(receipt.profile, receipt.request_id)
        place = f"{receipt.profile}:{receipt.request_id}:{receipt.revision}:{receipt.attempt_seq}:{expect_last}"
        append = partial(
            self._runtime.ledger.append, subject, receipt, msg_id=f"receipt:{place}", expect_last=expect_last
        )
        return await self._until_done(append)

    async def _standing(self, receipt: Receipt) -> list[tuple[int, Receipt]]:
        subject = subjects.receipt(receipt.profile, receipt.request_id)
        entries = await self._until_done(partial(self._runtime.ledger.history, subject))
        return [(entry.seq, read(Receipt, entry)) for entry in entries]

    async def _until_done(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat without end: the append is idempotent, and an ack without its receipt would lose the outcome."""
        try:
            return await call()
        except Unreachable:
            pass
        return await AsyncRetrying(
            retry=retry_if_exception_type(Unreachable),
            wait=wait_random_exponential(multiplier=0.2, max=5.0),
            before_sleep=self._tell,
            reraise=True,
        )(call)

    def _tell(self, state: RetryCallState) -> None:
        self._runtime.log.warning("a receipt waits for the ledger", tries=state.attempt_number)


def _says_enough(old: Receipt, new: Receipt) -> bool:
    if old.attempt_seq != new.attempt_seq:
        return False
    return old.outcome is ReceiptOutcome.DELIVERED or new.outcome is not ReceiptOutcome.DELIVERED
