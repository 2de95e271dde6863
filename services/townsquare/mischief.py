"""Ways in which the townsquare can be told to misbehave, for drills and tests: tricks, used up call by call."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from schemas.events.base import Contract, Id

On = Literal["post", "media", "delete", "read"]


class Kind(StrEnum):
    """What happens to a call. ``after``: what was asked is done and kept, only the answer is spoilt."""

    SLOW = "slow"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    RATE_LIMIT = "rate_limit"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    PROCESSING = "processing"


class Trick(Contract):
    """One order: for ``account`` (absent: everybody), on calls of kind ``on``, for the next ``calls`` of them.

    ``seconds`` is how long ``slow`` waits before the call is carried out, or what ``rate_limit`` puts into
    Retry-After. ``processing`` answers a media upload with 202 and is ready after ``seconds``.
    """

    kind: Kind
    account: Id | None = None
    on: On = "post"
    calls: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    seconds: Annotated[int, Field(ge=0, le=600)] = 0


TRICK = web.RequestKey("trick", Trick)
"""Where the server leaves a call's trick for its handler."""


class Mischief:
    """The tricks that are still to be played, oldest first."""

    def __init__(self) -> None:
        self._left: list[tuple[Trick, int]] = []

    @property
    def left(self) -> tuple[Trick, ...]:
        """The tricks with the calls that each has left."""
        return tuple(trick.model_copy(update={"calls": calls}) for trick, calls in self._left)

    def add(self, trick: Trick) -> None:
        """Play a trick on the calls to come."""
        self._left.append((trick, trick.calls))

    def clear(self) -> None:
        """Behave again."""
        self._left.clear()

    def take(self, account: str | None, on: On) -> Trick | None:
        """Return the trick for this call, and count it."""
        for index, (trick, calls) in enumerate(self._left):
            if trick.on == on and trick.account in (None, account):
                if calls == 1:
                    del self._left[index]
                else:
                    self._left[index] = (trick, calls - 1)
                return trick
        return None
