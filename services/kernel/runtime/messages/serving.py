"""What happens around the handler of a desk request or a broadcast: one clear answer; what fails is logged."""

from __future__ import annotations

from typing import Any

import structlog

from schemas import streams
from schemas.events.base import Contract
from schemas.events.desk import ErrorBody, ErrorReply
from services.kernel.base.errors import Exit, OneVoiceError
from services.kernel.control.control_state import ControlFault
from services.kernel.runtime.messages.bus import Handle


class Serving:
    """Surrounds the handlers of the desk's requests."""

    def __init__(self, log: Any) -> None:
        self._log = log

    async def answer(self, sender: str, subject: str, handle: Handle) -> bytes:
        """Return the handler's reply, or one clear error, as bytes; raises nothing."""
        with structlog.contextvars.bound_contextvars(sender=sender):
            reply: Contract
            try:
                reply = await handle()
            except OneVoiceError as error:
                self._log.info("refused", code=error.code, error=error.message)
                reply = error.reply()
            except ControlFault as fault:
                self._log.info("refused", code=fault.code, error=fault.message)
                reply = _error(fault.code, fault.message, Exit.REFUSED)
            except Exception:  # noqa: BLE001 - the sender gets an answer whatever happens
                self._log.exception("the handler failed", subject=subject)
                message = "the service failed; nothing was promised"
                reply = _error("internal", message, Exit.BUG, "look into the service's log")
            return self._sendable(reply.to_bytes(), subject)

    def _sendable(self, raw: bytes, subject: str) -> bytes:
        """Return an answer, or in its place an error where the broker takes none so long: else it would be lost."""
        if len(raw) <= streams.MAX_PAYLOAD:
            return raw
        self._log.error("an answer is longer than the broker takes", subject=subject, bytes=len(raw))
        message = f"the answer has {len(raw)} bytes, and the broker takes {streams.MAX_PAYLOAD}"
        return _error(
            "answer.too_large", message, Exit.BUG, "ask for less of it; look into the service's log"
        ).to_bytes()


class Subscribing:
    """Surrounds the handlers of broadcasts."""

    def __init__(self, log: Any) -> None:
        self._log = log

    async def handle(self, subject: str, handle: Handle) -> None:
        """Have a broadcast handled; one that fails is logged, and not missed: broadcasts are hints."""
        try:
            await handle()
        except Exception:  # noqa: BLE001 - logged
            self._log.exception("a broadcast was not understood", subject=subject)


def _error(code: str, message: str, status: Exit, hint: str = "") -> ErrorReply:
    return ErrorReply(error=ErrorBody(code=code, message=message, hint=hint, exit_status=int(status)))
