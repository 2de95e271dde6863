"""Why a message was not handled: whose fault it is, and how to say it in one sentence."""

from __future__ import annotations

from services.kernel.base import logs
from services.kernel.base.errors import BadInput, OneVoiceError, describe

MAX_REASON = 500
"""Characters of a reason that a dead letter keeps."""


class RetryLater(Exception):
    """A handler asks to be called again with the same message, after ``delay`` seconds."""

    def __init__(self, delay: float, reason: str = "") -> None:
        super().__init__(reason)
        self.delay = delay
        self.reason = reason


class Unreadable(BadInput):
    """The message itself is at fault: its body is not strict JSON, or not what its handler takes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, "correct the message and send it again")


def why(error: Exception) -> str:
    """Return what a handler raised: its type and what it says; for an unreadable message what is wrong with it."""
    if isinstance(error, Unreadable):
        return shown(error.message)
    name = type(error).__name__
    if isinstance(error, OneVoiceError):
        return shown(f"{name} ({error.code}): {error.message}")
    said = describe(error)
    return shown(f"{name}: {said}" if said else name)


def shown(reason: str) -> str:
    """Return a reason as it may be kept: on one line, without secrets, not too long."""
    line = logs.without_secrets(" ".join(reason.split()))
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"
