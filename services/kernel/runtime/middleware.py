"""The one middleware of all services: what happens around a handler.

From the ledger: beat ``in_progress`` while the handler works, ack when it is done (synchronously), repeat with a
growing delay when it raises, put what cannot be read or is in vain too often into the dead letters. From the desk:
answer with the handler's reply, or with one clear error. The request's id is bound to each log line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import nats.errors
import structlog
from faststream import BaseMiddleware
from faststream.message import StreamMessage
from nats.aio.msg import Msg

from schemas import subjects
from schemas.canonical import StrictJsonError
from schemas.events.base import Contract
from schemas.events.dead import Cause
from schemas.events.desk import ErrorBody, ErrorReply
from schemas.events.working import Tries
from services.kernel.base.errors import Exit, OneVoiceError, Unreachable
from services.kernel.control.control_state import ControlFault
from services.kernel.runtime.dead_letters import SentAgain
from services.kernel.runtime.failure_counter import Hopeless, is_shared
from services.kernel.runtime.reasons import (
    RetryLater,
    UnreadableBody,
    is_unreadable,
    plain,
    why,
    wrong_argument,
)
from services.kernel.runtime.retry_budget import cause, count, hopeless, pause, reason

if TYPE_CHECKING:
    from services.kernel.runtime.service import Runtime

MAX_SUBMISSION = 256 * 1024
"""Bytes of a JSON message from the desk; pictures travel apart."""

__all__ = ["RetryLater", "ServiceMiddleware", "UnreadableBody"]

DOUBT_SECONDS = 5.0
"""How long a message waits at a time while the ledger is doubted."""

_ACK = "$JS.ACK."
_DESK = "desk."


class ServiceMiddleware(BaseMiddleware):
    """Wraps each handler of a service."""

    runtime: Runtime

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        """Tell the ledger's messages, letters sent again, the desk's requests and broadcasts apart."""
        first: Msg = msg.raw_message
        with structlog.contextvars.bound_contextvars(**_log_context(first)):
            if first.reply.startswith(_ACK):
                await self._from_ledger(call_next, msg, first)
                return None
            if isinstance(first, SentAgain):
                async with self.runtime.one_at_a_time(first):
                    return await call_next(msg)
            if first.reply or first.subject.startswith(_DESK):
                return await self._from_desk(call_next, msg)
            return await self._heard(call_next, msg)

    async def _from_ledger(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any], raw: Msg) -> None:
        runtime, tries = self.runtime, self.runtime.tries
        if runtime.ledger.doubt is not None:  # said aloud by services.kernel.runtime.watch, once
            await _nak(raw, DOUBT_SECONDS)
            return
        try:
            async with _beating(raw, runtime.beat_seconds), runtime.one_at_a_time(raw), tries.in_hand(raw):
                await call_next(msg)
        except RetryLater as later:
            runtime.log.info("again later", seconds=round(later.delay, 2), reason=later.reason)
            await tries.waits(raw)
            await _nak(raw, later.delay)
        except Unreachable as error:
            runtime.log.warning("not done, again soon", code=error.code, error=error.message)
            await tries.waits(raw)
            await _nak(raw, pause(raw.metadata.num_delivered or 1))
        except Hopeless as found:
            await self._put_aside(raw, cause(found.mark), reason(found.mark), found.mark)
        except Exception as error:  # noqa: BLE001 - counted and logged there; put aside when it is in vain for long
            await self._failed(raw, error)
        else:
            tries.done(raw)
            await _ack(raw, runtime.log)

    async def _failed(self, raw: Msg, error: Exception) -> None:
        """Put aside what cannot be read at once, what raises again and again after a while; else try again soon."""
        runtime = self.runtime
        if is_unreadable(error):
            await self._put_aside(raw, Cause.UNREADABLE, why(error), None)
            return
        mark = await runtime.tries.failed(raw, why(error))
        if hopeless(mark, runtime.tries.patience, shared=is_shared(error)):
            runtime.log.exception("the handler failed, again in vain", subject=raw.subject, tries=count(mark))
            await self._put_aside(raw, cause(mark), reason(mark), mark)
            return
        runtime.log.exception("the handler failed, again soon", subject=raw.subject, tries=count(mark))
        await _nak(raw, pause(count(mark)))

    async def _put_aside(self, raw: Msg, why_so: Cause, said: str, mark: Tries | None) -> None:
        """Put a message aside for a person; it is acked once that is on disk."""
        runtime, seq = self.runtime, raw.metadata.sequence.stream
        runtime.log.error("put aside", cause=str(why_so), subject=raw.subject, seq=seq, error=said)
        try:
            await runtime.letters.put_aside(raw, why_so, said, mark)
        except Unreachable as lost:
            runtime.log.warning("not put aside, again soon", seq=seq, error=lost.message)
            await _nak(raw, pause(raw.metadata.num_delivered or 1))
        else:
            runtime.tries.done(raw)
            await _ack(raw, runtime.log)

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
        if isinstance(error, StrictJsonError) or wrong_argument(error):  # what was sent is at fault
            log.info("unreadable input", error=plain(error))
            code = "input.malformed" if isinstance(error, StrictJsonError) else "input.invalid"
            return _error(code, plain(error), Exit.USAGE, "mend the message and send it again")
        log.error("the handler failed", subject=subject, exc_info=error)
        return _error("internal", "the service failed; nothing was promised", Exit.BUG, "look into the service's log")

    async def _heard(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> None:
        try:
            await call_next(msg)
        except Exception:
            self.runtime.log.exception("a broadcast was not understood", subject=msg.raw_message.subject)


@contextlib.asynccontextmanager
async def _beating(raw: Msg, every: float) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            with contextlib.suppress(nats.errors.Error):  # the next beat, or a redelivery, makes up for it
                await raw.in_progress()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


async def _ack(raw: Msg, log: Any) -> None:
    try:
        await raw.ack_sync(timeout=5)
    except (TimeoutError, nats.errors.Error) as error:
        # The work is done and on record; a redelivery finds it so.
        log.warning("the ack was not confirmed", subject=raw.subject, error=str(error))


async def _nak(raw: Msg, delay: float) -> None:
    with contextlib.suppress(nats.errors.Error):  # without it the message comes again after ack_wait
        await raw.nak(delay=delay)


def _log_context(raw: Msg) -> dict[str, str]:
    """Return what each log line of this message carries: the request's id, where the subject has it."""
    if request_id := subjects.place_of(raw.subject).request_id:
        return {"request_id": request_id}
    if raw.subject.startswith(_DESK):
        return {"sender": subjects.sender_of(raw.subject)}
    return {}


def _error(code: str, message: str, status: Exit, hint: str = "") -> ErrorReply:
    return ErrorReply(error=ErrorBody(code=code, message=message, hint=hint, exit_status=int(status)))
