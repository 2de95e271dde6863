"""Puts attempts and receipts on record, each exactly once, whoever else writes at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from schemas import canonical, subjects
from schemas.events.deliveries import Attempt, Receipt
from schemas.events.requests import Request
from services.fanout.domain.receipts import counted, reconcile_with_latest, says_enough
from services.fanout.domain.step import Place
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import Unreachable
from services.kernel.fold.reading import note_written
from services.kernel.fold.state import TargetState
from services.kernel.ledger.client import Appended, Conflict
from services.kernel.runtime.service import Runtime

Answer = TypeVar("Answer")


def key_of(request: Request, profile: str, rendering_sha256: str) -> str:
    """Return the idempotency key of a revision on a profile: the content is in it, so other content is another key."""
    parts = (request.realm, request.request_id, str(request.revision), profile, rendering_sha256)
    return canonical.sha256("\n".join(parts).encode())


class Written(NamedTuple):
    """A receipt as it is in the ledger, and where."""

    seq: int
    receipt: Receipt


class Records:
    """Appends attempts and receipts of one instance."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def attempt_of(self, place: Place, platform: str, rendering_sha256: str, number: int) -> Attempt:
        """Return the intent to post, resting on the newest verdict."""
        request, verdict = place.state.request, place.state.verdict
        return Attempt(
            at=self._runtime.clock.now(),
            request_id=request.request_id,
            revision=request.revision,
            profile=place.profile,
            platform=platform,
            number=number,
            worker=self._runtime.instance,
            verdict_seq=place.verdict_seq,
            control_seq=verdict.control_seq if verdict is not None else 0,
            digest=request.digest,
            rendering_sha256=rendering_sha256,
            idempotency_key=key_of(request, place.profile, rendering_sha256),
            rule=2,
        )

    async def attempt(self, attempt: Attempt) -> Appended:
        """Write the intent to post down, fenced on the control revision of the verdict.

        Whether it counts is seen in the fold once that has reached it: the ledger's order decides between copies.

        Returns:
            Where it is; ``duplicate`` when another worker made the attempt of this number.

        Raises:
            Conflict: control has changed since the verdict.
            Unreachable: no ack; whether it is there is unknown, and nothing may be posted.
        """
        place = f"{attempt.profile}:{attempt.request_id}:{attempt.revision}:{attempt.number}"
        return await self._runtime.ledger.append(
            subjects.attempt(attempt.profile, attempt.request_id),
            attempt,
            msg_id=f"attempt:{place}",
            fence=(subjects.CONTROL, attempt.control_seq),
            look=False,
            written=note_written,
        )

    async def receipt(self, receipt: Receipt, expect_last: int) -> Written | None:
        """Write a receipt down, and do not give up before it is in.

        Appended by compare-and-set on its subject. When another worker wrote first, the one receipt of an attempt
        stands, unless ours says that it was delivered and that one did not know. When that one is on another attempt,
        ours is written so that it does not take back what is there.

        Returns:
            What was written, or None when what is there makes ours superfluous.
        """
        if receipt.worker != self._runtime.instance:
            receipt = receipt.model_copy(update={"worker": self._runtime.instance})
        while True:
            try:
                appended = await self._until_in(receipt, expect_last)
            except Conflict:
                appended = None
            if appended is not None and not appended.duplicate:
                crash_point("fanout.receipt.stored")
                await self._folded(appended.seq)
                return Written(appended.seq, receipt)
            expect_last, standing = await self._standing(receipt)
            if receipt.attempt_seq == 0 or any(says_enough(old, receipt) for old in standing):
                await self._folded(expect_last)
                return None
            receipt = reconcile_with_latest(receipt, standing[-1] if standing else None)

    async def _folded(self, seq: int) -> None:
        try:
            await self._runtime.projection.at_least(seq)
        except Unreachable:  # it is on record, and the fold gets there
            self._runtime.log.warning("the fold is behind", wanted=seq, at=self._runtime.projection.seq)

    async def _until_in(self, receipt: Receipt, expect_last: int) -> Appended:
        subject = subjects.receipt(receipt.profile, receipt.request_id)
        place = f"{receipt.profile}:{receipt.request_id}:{receipt.revision}:{receipt.attempt_seq}:{expect_last}"
        append = partial(
            self._runtime.ledger.append, subject, receipt, msg_id=f"receipt:{place}", expect_last=expect_last
        )
        return await self._until_done(append)

    async def _standing(self, receipt: Receipt) -> tuple[int, list[Receipt]]:
        """Return the last sequence on the subject by now, and the receipts there that count.

        Off the hot path, so from the leader; whoever has fan-out's key can write void ones.
        """
        runtime, subject = self._runtime, subjects.receipt(receipt.profile, receipt.request_id)
        entries = await self._until_done(partial(runtime.ledger.history, subject))
        last = entries[-1].seq if entries else 0
        await self._until_done(partial(runtime.projection.at_least, last))
        state = await self._until_done(partial(runtime.state_on, receipt.request_id, receipt.profile))
        target = state.target(receipt.profile) if state is not None else TargetState()
        return last, counted(entries, target)

    async def _until_done(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat without end: the append is idempotent, and an ack without its receipt would lose the outcome."""
        try:
            return await call()
        except Unreachable:
            pass
        return await AsyncRetrying(
            retry=retry_if_exception_type(Unreachable),
            wait=wait_random_exponential(multiplier=0.2, max=5.0),
            before_sleep=self._report,
            reraise=True,
        )(call)

    def _report(self, state: RetryCallState) -> None:
        self._runtime.log.warning("a receipt waits for the ledger", tries=state.attempt_number)
