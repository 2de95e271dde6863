"""Puts messages aside as dead letters, and takes them up again when an officer asks for it."""

from __future__ import annotations

import base64
from typing import Any

import structlog
from pydantic import ValidationError

from schemas import flow, streams, subjects
from schemas.canonical import StrictJsonError
from schemas.events.dead import Closing, DeadLetter, DeadLetterCause, Ending, SendAgain
from schemas.events.working import Tries
from services.kernel.base.clock import Clock
from services.kernel.base.errors import BadInput, Unreachable
from services.kernel.ledger.client import Conflict, Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.messages import retry_budget
from services.kernel.runtime.messages.bus import Delivery, Routes
from services.kernel.runtime.messages.reasons import RetryLater, Unreadable, shown, why

MAX_LETTER = 1024 * 1024
"""Bytes of a message that its dead letter keeps; the whole stays in the ledger, at the letter's sequence."""


class DeadLetterQueue:
    """The dead letters of one service instance."""

    def __init__(self, row: flow.Service, ledger: Ledger, clock: Clock, log: Any, routes: Routes) -> None:
        self._row, self._ledger, self._clock, self._log = row, ledger, clock, log
        self._routes = routes

    # --- putting aside ------------------------------------------------------------------------------------

    async def put_aside(
        self, delivery: Delivery, cause: DeadLetterCause, error: str, mark: Tries | None = None
    ) -> None:
        """Keep a message as a dead letter; returns when that is on disk.

        An order to send a letter again that fails itself becomes a new letter about the same entry.

        Raises:
            Unreachable: the letter may not be kept; the message must not be acknowledged.
        """
        about = delivery.entry
        order = self._order(delivery)
        if order is not None:
            entry = await self._ledger.get(order.seq)
            await self._failed_again(order, about.seq, entry, cause, error, mark)
            return
        now = self._clock.now()
        letter = DeadLetter(
            at=now,
            service=self._row.name,
            subject=about.subject,
            seq=about.seq,
            error=shown(error),
            data_base64=_encoded(about.data),
            durable=delivery.durable,
            cause=cause,
            tries=retry_budget.count(mark) if mark else 1,
            first_at=mark.first_at if mark else now,
            last_at=mark.last_at if mark else now,
        )
        await self._append(letter, f"{letter.durable}:{letter.seq}")

    def _order(self, delivery: Delivery) -> SendAgain | None:
        """Return the order that a message is, if it came that way and can be read."""
        if self._row.again is None or delivery.durable != self._row.again.durable:
            return None
        try:
            return SendAgain.from_bytes(delivery.entry.data)
        except (StrictJsonError, ValidationError):
            return None  # the board did not write that: it is kept as it is

    async def _append(self, letter: DeadLetter, name: str) -> int:
        kept = await self._ledger.keep(self._row.dead_letters, letter, msg_id=f"letter:{name}")
        return kept.seq

    # --- sending again ------------------------------------------------------------------------------------

    async def on_again(self, order: SendAgain, seq: int) -> None:
        """Give a letter's entry to its handler; close the letter, or write a new one that says why not.

        A crash in between repeats the whole: handlers know what they did already.

        Raises:
            RetryLater, Unreachable: it is not done yet; the order comes again.
        """
        entry = await self._ledger.get(order.seq)
        try:
            await self._handle(order, entry)
        except (RetryLater, Unreachable):
            raise
        except Exception as error:  # noqa: BLE001 - logged, and kept as a letter about the letter
            self._log.exception("a dead letter failed again", letter=order.letter, subject=order.subject)
            cause = DeadLetterCause.UNREADABLE if isinstance(error, Unreadable) else DeadLetterCause.FAILED
            await self._failed_again(order, seq, entry, cause, why(error), None)
            return
        self._log.info("handled again", letter=order.letter, subject=order.subject)
        await self._close(order, Ending.HANDLED, "its handler did its work")

    async def _handle(self, order: SendAgain, entry: Entry | None) -> None:
        """Let the entry go the way of any message of its durable: the same reader, turn and handler."""
        route = self._routes.get(order.durable)
        if entry is None or entry.subject != order.subject:
            raise BadInput("dead.no_entry", f"the ledger has no entry {order.seq} on {order.subject}")
        if route is None or route.consumer.stream != streams.LEDGER:
            raise BadInput(
                "dead.no_handler",
                f"no handler of {order.durable} runs here: onevoice provision, then restart {self._row.user}",
            )
        with structlog.contextvars.bound_contextvars(request_id=subjects.place_of(entry.subject).request_id):
            async with route.turn:
                await route.handle(entry)

    async def _failed_again(
        self,
        order: SendAgain,
        order_seq: int,
        entry: Entry | None,
        cause: DeadLetterCause,
        error: str,
        mark: Tries | None,
    ) -> None:
        now = self._clock.now()
        letter = DeadLetter(
            at=now,
            service=self._row.name,
            subject=order.subject,
            seq=order.seq,
            error=shown(error),
            data_base64=_encoded(entry.data if entry else b""),
            durable=order.durable,
            cause=cause,
            tries=retry_budget.count(mark) if mark else 1,
            first_at=order.at,
            last_at=now,
            again_of=order.letter,
        )
        number = await self._append(letter, f"{order.durable}:{order.seq}:{order_seq}")
        await self._close(order, Ending.FAILED_AGAIN, f"dead letter {number} says why")

    async def _close(self, order: SendAgain, ending: Ending, said: str) -> None:
        closing = Closing(at=self._clock.now(), letter=order.letter, ending=ending, officer=order.officer, said=said)
        try:
            await self._ledger.keep(subjects.dead_closed(order.letter), closing, expect_last=0)
        except Conflict:
            self._log.info("the dead letter was closed before", letter=order.letter)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw[:MAX_LETTER]).decode("ascii")
