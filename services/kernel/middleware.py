"""The one middleware of all services: what happens around a handler.

From the ledger: beat ``in_progress`` while the handler works, ack when it is done (synchronously), repeat with a
growing delay when it raises, put what cannot be read into the dead letters. From the desk: answer with the
handler's reply, or with one clear error. The request's id is bound to each log line.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import nats.errors
import structlog
from fast_depends.exceptions import ValidationError as DependsValidationError
from fast_depends.pydantic import serializer
from faststream import BaseMiddleware
from faststream.message import StreamMessage
from nats.aio.msg import Msg
from pydantic import ValidationError

from schemas.canonical import StrictJsonError
from schemas.events.base import Contract
from schemas.events.desk import DeadLetter, ErrorBody, ErrorReply
from services.kernel.control import ControlFault
from services.kernel.errors import Exit, OneVoiceError, Unreachable

if TYPE_CHECKING:
    from services.kernel.service import Runtime

MAX_SUBMISSION = 256 * 1024
"""Bytes of a JSON message from the desk; pictures travel apart."""

MAX_LETTER = 1024 * 1024
"""Bytes of a message that its dead letter keeps; the whole stays in the ledger, at the letter's sequence."""

DOUBT_SECONDS = 5.0
"""How long a message waits at a time while the ledger is doubted."""

_ACK = "$JS.ACK."
_DESK = "desk."


class RetryLater(Exception):
    """A handler asks to be called again with the same message, after ``delay`` seconds."""

    def __init__(self, delay: float, reason: str = "") -> None:
        super().__init__(reason)
        self.delay = delay
        self.reason = reason


class UnreadableBody(StrictJsonError):
    """The body of the message itself is not strict JSON, as opposed to another one that a handler reads."""


class ServiceMiddleware(BaseMiddleware):
    """Wraps each handler of a service."""

    runtime: Runtime

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        """Tell the ledger's messages, the desk's requests and broadcasts apart."""
        raw = msg.raw_message
        first: Msg = raw[0] if isinstance(raw, list) else raw
        with structlog.contextvars.bound_contextvars(**_log_context(first)):
            if first.reply.startswith(_ACK):
                await self._from_ledger(call_next, msg, raw if isinstance(raw, list) else [raw])
                return None
            if first.reply or first.subject.startswith(_DESK):
                return await self._from_desk(call_next, msg)
            return await self._heard(call_next, msg)

    async def _from_ledger(
        self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any], raws: list[Msg]
    ) -> None:
        log = self.runtime.log
        if self.runtime.ledger.doubt is not None:  # said aloud by services.kernel.watch, once
            await _nak(raws, DOUBT_SECONDS)
            return
        try:
            async with _beating(raws, self.runtime.beat_seconds):
                await call_next(msg)
        except RetryLater as later:
            log.info("again later", seconds=round(later.delay, 2), reason=later.reason)
            await _nak(raws, later.delay)
        except Unreachable as error:
            log.warning("not done, again soon", code=error.code, error=error.message)
            await _nak(raws, _backoff(raws))
        except Exception as error:
            if isinstance(error, UnreadableBody) or _wrong_argument(error):
                await self._dead_letter(raws, error)
                return
            log.exception("the handler failed, again soon", subject=raws[0].subject)
            await _nak(raws, _backoff(raws))
        else:
            await _ack(raws, log)

    async def _dead_letter(self, raws: list[Msg], error: Exception) -> None:
        """Put what cannot be read aside for a person; it is acked once that is on disk."""
        runtime = self.runtime
        for raw in raws:
            seq = raw.metadata.sequence.stream
            runtime.log.error("unreadable, put aside", subject=raw.subject, seq=seq, error=_plain(error))
            letter = DeadLetter(
                at=runtime.clock.now(),
                service=runtime.row.name,
                subject=raw.subject,
                seq=seq,
                error=_plain(error),
                data_base64=base64.b64encode(raw.data[:MAX_LETTER]).decode("ascii"),
            )
            try:
                await runtime.put_aside(letter)
            except (nats.errors.Error, OSError) as lost:
                runtime.log.warning("not put aside, again soon", seq=seq, error=str(lost) or type(lost).__name__)
                await _nak([raw], _backoff([raw]))
            else:
                await _ack([raw], runtime.log)

    async def _from_desk(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> bytes:
        log = self.runtime.log
        try:
            reply: Contract = await call_next(msg)
        except OneVoiceError as error:
            log.info("refused", code=error.code, error=error.message)
            reply = error.reply()
        except ControlFault as fault:
            log.info("refused", code=fault.code, error=fault.message)
            reply = _error(fault.code, fault.message, Exit.REFUSED)
        except Exception as error:  # noqa: BLE001 - the sender gets an answer whatever happens
            reply = self._answer_to(error, msg.raw_message.subject)
        return reply.to_bytes()

    def _answer_to(self, error: Exception, subject: str) -> ErrorReply:
        log = self.runtime.log
        if _unreadable(error):
            log.info("unreadable input", error=_plain(error))
            code = "input.malformed" if isinstance(error, StrictJsonError) else "input.invalid"
            return _error(code, _plain(error), Exit.USAGE, "mend the message and send it again")
        log.error("the handler failed", subject=subject, exc_info=error)
        return _error("internal", "the service failed; nothing was promised", Exit.BUG, "look into the service's log")

    async def _heard(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> None:
        try:
            await call_next(msg)
        except Exception:
            self.runtime.log.exception("a broadcast was not understood", subject=msg.raw_message.subject)


@contextlib.asynccontextmanager
async def _beating(raws: list[Msg], every: float) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            for raw in raws:
                with contextlib.suppress(nats.errors.Error):  # the next beat, or a redelivery, makes up for it
                    await raw.in_progress()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


async def _ack(raws: list[Msg], log: Any) -> None:
    for raw in raws:
        try:
            await raw.ack_sync(timeout=5)
        except (TimeoutError, nats.errors.Error) as error:
            # The work is done and on record; a redelivery finds it so.
            log.warning("the ack was not confirmed", subject=raw.subject, error=str(error))


async def _nak(raws: list[Msg], delay: float) -> None:
    for raw in raws:
        with contextlib.suppress(nats.errors.Error):  # without it the message comes again after ack_wait
            await raw.nak(delay=delay)


def _backoff(raws: list[Msg]) -> float:
    delivered = raws[0].metadata.num_delivered or 1
    return float(min(30.0, 0.25 * 2 ** min(delivered, 8)))


def _log_context(raw: Msg) -> dict[str, str]:
    """Return what each log line of this message carries: the request's id, where the subject has it."""
    found = re.match(r"ledger\.(?:request|verdict|approval)\.([^.]+)|ledger\.[a-z]+\.[^.]+\.([^.]+)", raw.subject)
    if found:
        return {"request_id": found[1] or found[2]}
    if raw.subject.startswith(_DESK):
        return {"sender": raw.subject.rsplit(".", 1)[-1]}
    return {}


def _unreadable(error: Exception) -> bool:
    """True when what was sent is at fault, not the handler's own work."""
    return isinstance(error, StrictJsonError) or _wrong_argument(error)


def _wrong_argument(error: Exception) -> bool:
    """True when a message does not fit the handler's arguments.

    Such an error comes out of FastDepends' serializer; a pydantic error about something else that the handler reads
    never passes through there, so it does not make the message unreadable.
    """
    if not isinstance(error, ValidationError | DependsValidationError):
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == serializer.__name__ for frame, _ in frames)


def _plain(error: Exception) -> str:
    """Say in one sentence what is wrong with the input, and in which field."""
    cause = error.original_error if isinstance(error, DependsValidationError) else error
    if isinstance(cause, ValidationError):
        return describe(cause, skip=1)
    return str(cause)


def describe(error: ValidationError, skip: int = 0) -> str:
    """Return the first fault of a pydantic error as ``field: reason``; ``skip`` leaves out outer names."""
    first = error.errors()[0]
    location = ".".join(str(part) for part in first["loc"][skip:])
    return f"{location}: {first['msg']}" if location else first["msg"]


def _error(code: str, message: str, status: Exit, hint: str = "") -> ErrorReply:
    return ErrorReply(error=ErrorBody(code=code, message=message, hint=hint, exit_status=int(status)))
