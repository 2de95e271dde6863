"""Ways in which the townsquare can be told to misbehave, for drills and tests: tricks, used up call by call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from schemas.events.base import Contract, Id

On = Literal["post", "media", "delete", "read"]


class Kind(StrEnum):
    """What happens to a call. ``after``: what was asked is done and kept, only the answer is spoilt."""

    SLOW = "slow"
    NEVER_BEFORE = "never_before"
    NEVER_AFTER = "never_after"
    DRIP = "drip"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    HTML_BEFORE = "html_before"
    HTML_AFTER = "html_after"
    FLOOD_AFTER = "flood_after"
    RATE_LIMIT = "rate_limit"
    UNAUTHORIZED = "unauthorized"
    SUSPENDED = "suspended"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    VANISH = "vanish"
    LAG = "lag"
    PROCESSING = "processing"


class Trick(Contract):
    """One order: for ``account`` (absent: everybody), on calls of kind ``on``, for the next ``calls`` of them.

    ``skip`` calls pass unharmed first. ``seconds`` is, by kind: how long ``slow`` waits before the call is carried
    out; over how long ``drip`` spreads its answer; what ``rate_limit`` puts into Retry-After (absent: no such header);
    how long after it was answered a post ``vanish``es; how old a post must be before ``lag`` lists it; when the picture
    of ``processing`` is ready. ``status`` is the one that a page of HTML comes with.
    """

    kind: Kind
    account: Id | None = None
    on: On | Literal["any"] = "post"
    skip: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    calls: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    seconds: Annotated[float, Field(ge=0, le=600)] | None = None
    status: Literal[200, 502] = 200


TRICK = web.RequestKey("trick", Trick)
"""Where the server leaves a call's trick for its handler."""


@dataclass
class _Left:
    trick: Trick
    skip: int
    calls: int


class Mischief:
    """The tricks that are still to be played, oldest first. ``played`` counts the calls that each kind has hit."""

    def __init__(self) -> None:
        self._left: list[_Left] = []
        self.played: dict[Kind, int] = {}

    @property
    def left(self) -> tuple[Trick, ...]:
        """The tricks with the calls that each has left."""
        return tuple(one.trick.model_copy(update={"skip": one.skip, "calls": one.calls}) for one in self._left)

    def add(self, trick: Trick) -> None:
        """Play a trick on the calls to come."""
        self._left.append(_Left(trick, trick.skip, trick.calls))

    def clear(self) -> None:
        """Behave again."""
        self._left.clear()

    def take(self, account: str | None, on: On) -> Trick | None:
        """Return the trick for this call, and count it."""
        for one in self._left:
            if one.trick.on not in (on, "any") or one.trick.account not in (None, account):
                continue
            if one.skip:
                one.skip -= 1
                continue
            one.calls -= 1
            if not one.calls:
                self._left.remove(one)
            self.played[one.trick.kind] = self.played.get(one.trick.kind, 0) + 1
            return one.trick
        return None
