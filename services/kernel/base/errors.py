"""Errors in families, by what the person or program that asked can do about them.

Each has a stable code (dotted, lowercase), a message that says what is wrong and where, a hint that says how to
fix it, and the exit status that the ``onevoice`` command ends with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from pydantic import ValidationError

from schemas.events.desk import ErrorBody, ErrorReply
from schemas.forms import SAID


class Exit(IntEnum):
    """The exit statuses of the command (README, section Exit statuses)."""

    DONE = 0
    BUG = 1
    USAGE = 2
    BLOCKED = 3
    REFUSED = 4
    PARTLY = 5
    UNREACHABLE = 6
    UNPROVEN = 7


class OneVoiceError(Exception):
    """Something that a person is told in one clear error; never a traceback."""

    exit_status = Exit.USAGE

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def reply(self) -> ErrorReply:
        """Return the error as a desk reply."""
        return ErrorReply(
            error=ErrorBody(code=self.code, message=self.message, hint=self.hint, exit_status=int(self.exit_status))
        )


class BadInput(OneVoiceError):
    """What was given is wrong; fix it and ask again. Nothing was done."""


class Refused(OneVoiceError):
    """The input is well formed, and the policy or the signatures say no. Nothing was done."""

    exit_status = Exit.REFUSED


class Unreachable(OneVoiceError):
    """The broker or a service did not answer; whether it was done may be unknown, and repeating is safe."""

    exit_status = Exit.UNREACHABLE


class Unproven(OneVoiceError):
    """The record does not verify."""

    exit_status = Exit.UNPROVEN


class Drift(OneVoiceError):
    """The broker's streams or consumers are not as schemas.streams says; the service refuses to run."""

    exit_status = Exit.USAGE


@dataclass(frozen=True)
class FieldFault:
    """What is wrong with one field of an input: ``field`` is dotted, and empty for the input as a whole."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


def first_fault(error: ValidationError, skip: int = 0) -> FieldFault:
    """Return what pydantic found first; ``skip`` leaves out the outer names of the field.

    The value is never in it: it may be long, or secret.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    form = SAID.get(str(first.get("ctx", {}).get("pattern")))
    plain = form or _PLAIN.get(first["type"]) or _SUBJECT.sub("it should", said)
    return FieldFault(".".join(str(part) for part in first["loc"][skip:] if not _is_a_types_name(part)), plain)


def _is_a_types_name(part: int | str) -> bool:
    """Say whether pydantic names one of several types here, as ``tuple[str, ...]``, and no field."""
    return isinstance(part, str) and _TYPES_NAME.search(part) is not None


_TYPES_NAME = re.compile(r"\[.*\]$|^(constrained|function|lax-or-strict|json-or-python)-")
_SUBJECT = re.compile(r"^(Input|String|Bytes|List|Tuple|Set|Dictionary|Value|Data) should")
_LIST, _OBJECT = "it should be a list", "it should be an object, with names and values"
_WHOLE, _YES_NO = "it should be a whole number", "it should be true or false"
_TIME = "it should be a time, such as 2026-01-31T18:00:00Z"
_PLAIN = {
    "extra_forbidden": "there is no such field; is its name right?",
    "missing": "it is missing",
    "string_pattern_mismatch": "it has not the form that is asked for",
    "string_type": "it should be a text",
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": "it should be a number",
    "float_parsing": "it should be a number",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "none_required": "it should be left out",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "dataclass_exact_type": _OBJECT,
}
"""In place of what pydantic says in the words of a programmer, by its type of error."""


def describe(error: Exception, skip: int = 0) -> str:
    """Say in one sentence what is wrong with an input: the first fault of a pydantic error, or what the error says."""
    return str(first_fault(error, skip)) if isinstance(error, ValidationError) else str(error)


def from_reply(body: ErrorBody) -> OneVoiceError:
    """Return the error that a desk reply carries, in its family and with its exit status.

    A status that no error may have (0, or one that is not known) becomes that of a bug.
    """
    families = {Exit.USAGE: BadInput, Exit.REFUSED: Refused, Exit.UNREACHABLE: Unreachable, Exit.UNPROVEN: Unproven}
    known = {int(status) for status in Exit} - {int(Exit.DONE)}
    status = Exit(body.exit_status) if body.exit_status in known else Exit.BUG
    error = families.get(status, OneVoiceError)(body.code, body.message, body.hint)
    error.exit_status = status
    return error
