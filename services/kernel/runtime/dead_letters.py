"""Puts messages aside as dead letters, and takes them up again when an officer asks for it."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

from faststream.nats.subscriber.usecases import LogicSubscriber
from nats.aio.msg import Msg
from pydantic import ValidationError

from schemas import streams, subjects
from schemas.canonical import StrictJsonError
from schemas.events.dead import Cause, Closing, DeadLetter, Ending, SendAgain
from schemas.events.working import Tries
from services.kernel.base.errors import BadInput, Unreachable
from services.kernel.ledger.client import Conflict, Entry
from services.kernel.runtime import retry_budget as poison
from services.kernel.runtime.reasons import NotAsTheSubjectSays, RetryLater, is_unreadable, shown, why

if TYPE_CHECKING:
    from services.kernel.runtime.service import Runtime

MAX_LETTER = 1024 * 1024
"""Bytes of a message that its dead letter keeps; the whole stays in the ledger, at the letter's sequence."""


class SentAgain(Msg):
    """An entry of the ledger on its way through its handler once more; nobody waits for its ack."""


class Letters:
    """The dead letters of one service instance."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._routes: dict[str, LogicSubscriber[Any]] = {}

    def route(self, durable: str, subscriber: LogicSubscriber[Any]) -> None:
        """Remember who handles a durable's messages."""
        self._routes[durable] = subscriber

    # --- putting aside ------------------------------------------------------------------------------------

    async def put_aside(self, raw: Msg, cause: Cause, error: str, mark: Tries | None = None) -> None:
        """Keep a message as a letter; returns when that is on disk.

        An order to send a letter again that fails itself becomes a new letter about the same entry.

        Raises:
            Unreachable: the letter may not be kept; the message must not be acknowledged.
        """
        order = self._order(raw)
        if order is not None:
            entry = await self._runtime.ledger.get(order.seq)
            await self._again_in_vain(order, raw.metadata.sequence.stream, entry, cause, error, mark)
            return
        now = self._runtime.clock.now()
        letter = DeadLetter(
            at=now,
            service=self._runtime.row.name,
            subject=raw.subject,
            seq=raw.metadata.sequence.stream,
            error=shown(error),
            data_base64=_encoded(raw.data),
            durable=raw.metadata.consumer,
            cause=cause,
            tries=poison.count(mark) if mark else 1,
            first_at=mark.first_at if mark else now,
            last_at=mark.last_at if mark else now,
        )
        await self._keep(letter, f"{letter.durable}:{letter.seq}")

    def _order(self, raw: Msg) -> SendAgain | None:
        """Return the order that a message is, if it came that way and can be read."""
        again = self._runtime.row.again
        if again is None or raw.metadata.consumer != again.durable:
            return None
        try:
            return SendAgain.from_bytes(raw.data)
        except (StrictJsonError, ValidationError):
            return None  # the board did not write that: it is kept as it is

    async def _keep(self, letter: DeadLetter, name: str) -> int:
        kept = await self._runtime.ledger.keep(self._runtime.row.dead_letters, letter, msg_id=f"letter:{name}")
        return kept.seq

    # --- sending again ------------------------------------------------------------------------------------

    async def on_again(self, order: SendAgain, seq: int) -> None:
        """Give a letter's entry to its handler; close the letter, or write a new one that says why not.

        A crash in between repeats the whole: handlers know what they did already.

        Raises:
            RetryLater, Unreachable: it is not done yet; the order comes again.
        """
        runtime = self._runtime
        entry = await runtime.ledger.get(order.seq)
        try:
            said = await self._handle(order, entry)
        except (RetryLater, Unreachable):
            raise
        except Exception as error:
            runtime.log.exception("sent again in vain", letter=order.letter, subject=order.subject)
            cause = Cause.UNREADABLE if _unreadable(error) else Cause.FAILED
            await self._again_in_vain(order, seq, entry, cause, why(error), None)
            return
        runtime.log.info("handled again", letter=order.letter, subject=order.subject, said=said)
        await self._close(order, Ending.HANDLED, said)

    async def _handle(self, order: SendAgain, entry: Entry | None) -> str:
        route = self._routes.get(order.durable)
        if entry is None or entry.subject != order.subject:
            raise BadInput("dead.no_entry", f"the ledger has no entry {order.seq} on {order.subject}")
        if route is None:
            raise BadInput(
                "dead.no_handler",
                f"no handler of {order.durable} runs here: onevoice provision, then restart {self._runtime.row.user}",
            )
        return await self._dispatch(route, order.durable, entry)

    async def _dispatch(self, route: LogicSubscriber[Any], durable: str, entry: Entry) -> str:
        """Let the entry go the way of any message of its durable: the same decoder, checks and handler."""
        consumed = Msg.Metadata(
            sequence=Msg.Metadata.SequencePair(consumer=0, stream=entry.seq),
            num_pending=0,
            num_delivered=1,
            timestamp=entry.at,
            stream=streams.LEDGER,
            consumer=durable,
        )
        message = SentAgain(
            self._runtime.ledger.client,
            subject=entry.subject,
            data=entry.data,
            headers=dict(entry.headers) or None,
            _metadata=consumed,
        )
        await route.process_message(message)
        return "its handler did its work"

    async def _again_in_vain(
        self, order: SendAgain, order_seq: int, entry: Entry | None, cause: Cause, error: str, mark: Tries | None
    ) -> None:
        now: datetime = self._runtime.clock.now()
        letter = DeadLetter(
            at=now,
            service=self._runtime.row.name,
            subject=order.subject,
            seq=order.seq,
            error=shown(error),
            data_base64=_encoded(entry.data if entry else b""),
            durable=order.durable,
            cause=cause,
            tries=poison.count(mark) if mark else 1,
            first_at=order.at,
            last_at=now,
            again_of=order.letter,
        )
        number = await self._keep(letter, f"{order.durable}:{order.seq}:{order_seq}")
        await self._close(order, Ending.FAILED_AGAIN, f"letter {number} says why")

    async def _close(self, order: SendAgain, ending: Ending, said: str) -> None:
        closing = Closing(
            at=self._runtime.clock.now(), letter=order.letter, ending=ending, officer=order.officer, said=said
        )
        try:
            await self._runtime.ledger.keep(subjects.dead_closed(order.letter), closing, expect_last=0)
        except Conflict:
            self._runtime.log.info("the letter was closed before", letter=order.letter)


def _unreadable(error: Exception) -> bool:
    """True when the entry itself is at fault; what is put in line again is read by hand, not by FastStream."""
    return is_unreadable(error) or isinstance(error, NotAsTheSubjectSays)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw[:MAX_LETTER]).decode("ascii")
