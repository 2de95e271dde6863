"""What happens around the handler of a message that a durable hands out.

``in_progress`` is told while the handler works, so that nobody else gets the message. It is acked when the work is
done, comes again after a growing pause when the handler raises, and becomes a dead letter when it cannot be read or
has failed too often. The request's id is bound to each log line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import structlog

from schemas import subjects
from schemas.events.dead import DeadLetterCause
from schemas.events.working import Tries
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.client import Ledger
from services.kernel.runtime.messages.bus import Delivery, Handle, Routes
from services.kernel.runtime.messages.dead_letters import DeadLetterQueue
from services.kernel.runtime.messages.failure_counter import Exhausted, FailureCounter, is_shared
from services.kernel.runtime.messages.reasons import RetryLater, Unreadable, why
from services.kernel.runtime.messages.retry_budget import cause, count, exhausted, pause, reason

IN_PROGRESS_SECONDS = 3.0
"""How often the server is told that a message is worked on; well below any durable's ack wait."""

DOUBT_SECONDS = 5.0
"""How long a message waits at a time while the ledger has an integrity fault."""


class Consuming:
    """Surrounds the handlers of one service instance's durables."""

    def __init__(
        self,
        ledger: Ledger,
        routes: Routes,
        counter: FailureCounter,
        dead_letters: DeadLetterQueue,
        log: Any,
        in_progress_seconds: float = IN_PROGRESS_SECONDS,
    ) -> None:
        self._ledger, self._routes, self._counter = ledger, routes, counter
        self._dead_letters, self._log = dead_letters, log
        self._in_progress_seconds = in_progress_seconds

    async def handle(self, delivery: Delivery, handle: Handle) -> None:
        """Have a message handled, and settle it with the server; raises nothing."""
        with structlog.contextvars.bound_contextvars(**_log_context(delivery.entry.subject)):
            if self._ledger.fault is not None:  # the watch has said so in the log, once
                await delivery.nak(DOUBT_SECONDS)
            else:
                await self._handle(delivery, handle)

    async def _handle(self, delivery: Delivery, handle: Handle) -> None:
        counter, log = self._counter, self._log
        route = self._routes.get(delivery.durable)
        turn = route.turn if route is not None else nullcontext()
        try:
            async with self._in_progress(delivery), turn, counter.in_hand(delivery):
                await handle()
        except RetryLater as later:
            log.info("again later", seconds=round(later.delay, 2), reason=later.reason)
            await counter.waits(delivery)
            await delivery.nak(later.delay)
        except Unreachable as error:
            log.warning("not done, again soon", code=error.code, error=error.message)
            await counter.waits(delivery)
            await delivery.nak(pause(delivery.count))
        except Exhausted as found:
            await self._put_aside(delivery, cause(found.mark), reason(found.mark), found.mark)
        except Exception as error:  # noqa: BLE001 - counted and logged there; a dead letter once its budget is spent
            await self._failed(delivery, error)
        else:
            await counter.done(delivery)
            await self._ack(delivery)

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        """Put aside at once what cannot be read, and what has spent its budget; try the rest again soon."""
        if isinstance(error, Unreadable):
            await self._put_aside(delivery, DeadLetterCause.UNREADABLE, why(error), None)
            return
        mark = await self._counter.failed(delivery, why(error))
        said = {"subject": delivery.entry.subject, "tries": count(mark)}
        if exhausted(mark, self._counter.budget, shared=is_shared(error)):
            self._log.exception("the handler failed too often", **said)
            await self._put_aside(delivery, cause(mark), reason(mark), mark)
            return
        self._log.exception("the handler failed, again soon", **said)
        await delivery.nak(pause(count(mark)))

    async def _put_aside(self, delivery: Delivery, why_so: DeadLetterCause, said: str, mark: Tries | None) -> None:
        """Make a message a dead letter for a person; it is acked once that is on disk."""
        entry = delivery.entry
        self._log.error("put aside", cause=str(why_so), subject=entry.subject, seq=entry.seq, error=said)
        try:
            await self._dead_letters.put_aside(delivery, why_so, said, mark)
        except Unreachable as lost:
            self._log.warning("not put aside, again soon", seq=entry.seq, error=lost.message)
            await delivery.nak(pause(delivery.count))
        else:
            await self._counter.done(delivery)
            await self._ack(delivery)

    async def _ack(self, delivery: Delivery) -> None:
        if not await delivery.ack():
            # The work is done and on record; a redelivery finds it so.
            self._log.warning("the ack was not confirmed", subject=delivery.entry.subject)

    @contextlib.asynccontextmanager
    async def _in_progress(self, delivery: Delivery) -> AsyncIterator[None]:
        async def extend() -> None:
            while True:
                await asyncio.sleep(self._in_progress_seconds)
                await delivery.in_progress()

        task = asyncio.create_task(extend())
        try:
            yield
        finally:
            task.cancel()


def _log_context(subject: str) -> dict[str, str]:
    """Return what each log line about a ledger entry carries: the request's id, where its subject has it."""
    request_id = subjects.place_of(subject).request_id
    return {"request_id": request_id} if request_id else {}
