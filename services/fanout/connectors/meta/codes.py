"""What the errors of Meta's content publishing mean (developers.facebook.com, "Error codes"). Pure."""

from __future__ import annotations

import re

from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.connectors.calls.outcomes import fields_of
from services.fanout.connectors.contract import Cause, Permanent, Retryable, Unknown
from services.fanout.connectors.meta.graph import Graph, error_code

_WAIT = {
    2207042: "the account's posts of the day are used up",
    2207027: "what was prepared is not ready yet",
    2207001: "the platform failed while it prepared the post",
    2207008: "the platform could not publish what was prepared, for now",
    2207020: "what was prepared is too old",
}
_RESTRICTED = {2207050: "the account is restricted", 2207051: "the account's posts are blocked"}
_NOT_FETCHED = {
    2207003: "the platform could not fetch the picture in time",
    2207052: "the platform could not fetch the picture from the city's website",
}

_INVALID = 100
_NO_POST = re.compile(r"reply_to|does not exist|not found|cannot be loaded", re.IGNORECASE)
"""What is said with 100 of the post that one answers; the same code stands for a text that is too long."""
_NOT_FOUND = 24
"""The requested resource does not exist."""
_MEDIA_NOT_FOUND = 4279009
_CANNOT_BE_LOADED = 33
"""Of 100: the object does not exist, or cannot be loaded."""


def subcode_of(outcome: Outcome) -> int | None:
    """Return Meta's error subcode; None where the answer has none."""
    body = fields_of(outcome)
    error = body.get("error")
    found = error.get("error_subcode") if isinstance(error, dict) else None
    return found if isinstance(found, int) else None


def is_lost(outcome: Outcome) -> bool:
    """Say whether Meta does not find a media: a container, or the post that one answers.

    Seen of containers that were ready a moment ago, and of posts that were made a moment ago.
    """
    body = fields_of(outcome)
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code == _NOT_FOUND or subcode_of(outcome) == _MEDIA_NOT_FOUND


def is_not_there(outcome: Outcome) -> bool:
    """Say whether Meta shows no such object to who asks for one."""
    return is_lost(outcome) or subcode_of(outcome) == _CANNOT_BE_LOADED


def answers_nothing(outcome: Outcome) -> bool:
    """Say whether Meta refuses to prepare a post as what it is to answer is not there, or not shown yet."""
    words = outcome.words if isinstance(outcome, Answer) else ""
    return is_not_there(outcome) or (error_code(outcome) == _INVALID and _NO_POST.search(words) is not None)


def meaning(graph: Graph, outcome: Outcome) -> Retryable | Permanent | Unknown:
    """Say what a call that did not succeed means: the subcode says most, the code the rest."""
    subcode = subcode_of(outcome)
    words = outcome.words if isinstance(outcome, Answer) else ""
    if subcode in _WAIT:
        return Retryable(f"{_WAIT[subcode]}: {words}")
    if subcode in _RESTRICTED:
        return Permanent(f"{_RESTRICTED[subcode]}: {words}")
    if subcode in _NOT_FETCHED:
        return Retryable(f"{_NOT_FETCHED[subcode]}: {words}", cause=Cause.OWN)
    return graph.meaning(outcome)
