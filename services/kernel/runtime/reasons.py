"""Why a message was not handled: whose fault it is, and how to say it in one sentence."""

from __future__ import annotations

import traceback

from fast_depends.exceptions import ValidationError as DependsValidationError
from fast_depends.pydantic import serializer
from pydantic import ValidationError

from schemas.canonical import StrictJsonError
from services.kernel.base import logs
from services.kernel.base.errors import OneVoiceError, describe

MAX_REASON = 500
"""Characters of a reason that a dead letter keeps."""


class RetryLater(Exception):
    """A handler asks to be called again with the same message, after ``delay`` seconds."""

    def __init__(self, delay: float, reason: str = "") -> None:
        super().__init__(reason)
        self.delay = delay
        self.reason = reason


class UnreadableBody(StrictJsonError):
    """The body of the message itself is not strict JSON, as opposed to another one that a handler reads."""


class NotAsTheSubjectSays(ValueError):
    """An entry that a handler reads by hand is not what its subject says; raised from what says why."""


def is_unreadable(error: Exception) -> bool:
    """True when the message itself is at fault: its body, or what a handler takes of it."""
    return isinstance(error, UnreadableBody) or wrong_argument(error)


def wrong_argument(error: Exception) -> bool:
    """True when a message does not fit the handler's arguments.

    Such an error comes out of FastDepends' serializer; a pydantic error about something else that the handler reads
    never passes through there, so it does not make the message unreadable.
    """
    if not isinstance(error, ValidationError | DependsValidationError):
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == serializer.__name__ for frame, _ in frames)


def plain(error: Exception) -> str:
    """Say in one sentence what is wrong with the input, and in which field."""
    cause = error.original_error if isinstance(error, DependsValidationError) else error
    return describe(cause, skip=1)


def why(error: Exception) -> str:
    """Return what a handler raised: its type and what it says; for an unreadable message what is wrong with it."""
    if is_unreadable(error) or isinstance(error, NotAsTheSubjectSays):
        return shown(plain(error))
    name = type(error).__name__
    if isinstance(error, OneVoiceError):
        return shown(f"{name} ({error.code}): {error.message}")
    said = describe(error)
    return shown(f"{name}: {said}" if said else name)


def shown(reason: str) -> str:
    """Return a reason as it may be kept: on one line, without secrets, not too long."""
    line = logs.without_secrets(" ".join(reason.split()))
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"
