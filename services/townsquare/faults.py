"""Faults that the townsquare injects into its calls, for drills and tests; each is used up call by call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from schemas.events.base import Contract, Id

On = Literal["post", "media", "delete", "read"]


class FaultKind(StrEnum):
    """What happens to a call. ``after``: what was asked is done and stored, only the answer is damaged."""

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
    REFUSED = "refused"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    VANISH = "vanish"
    LAG = "lag"
    PROCESSING = "processing"
    UNFINISHED = "unfinished"
    SCOPE = "scope"
    MOVED = "moved"


class Fault(Contract):
    """One fault: for ``account`` (absent: everybody), on calls of kind ``on``, for the next ``calls`` of them.

    ``path``: only calls whose path begins so, for ``on`` "read" may be anybody's look at anything.
    ``skip`` calls pass unharmed first. ``seconds`` is, by kind: how long ``slow`` waits before the call is carried
    out; over how long ``drip`` spreads its answer; what ``rate_limit`` puts into Retry-After (absent: no such header);
    how long after it was answered a post ``vanish``es; how old a post must be before ``lag`` lists it; when the picture
    of ``processing`` is ready. ``status`` is the one that a page of HTML comes with. ``unfinished`` refuses a post for
    its pictures, ``scope`` a call for its token's scopes, ``moved`` sends it to another address.
    """

    kind: FaultKind
    account: Id | None = None
    on: On | Literal["any"] = "post"
    path: Annotated[str, Field(max_length=200)] = "/"
    skip: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    calls: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    seconds: Annotated[float, Field(ge=0, le=600)] | None = None
    status: Literal[200, 403, 502] = 200


FAULT = web.RequestKey("fault", Fault)
"""Where the server leaves a call's fault for its handler."""


@dataclass
class _Left:
    fault: Fault
    skip: int
    calls: int


class FaultQueue:
    """The faults that are still to be injected, oldest first. ``injected`` counts the calls that each kind has hit."""

    def __init__(self) -> None:
        self._left: list[_Left] = []
        self.injected: dict[FaultKind, int] = {}

    @property
    def left(self) -> tuple[Fault, ...]:
        """The faults with the calls that each has left."""
        return tuple(one.fault.model_copy(update={"skip": one.skip, "calls": one.calls}) for one in self._left)

    def add(self, fault: Fault) -> None:
        """Inject a fault into the calls to come."""
        self._left.append(_Left(fault, fault.skip, fault.calls))

    def clear(self) -> None:
        """Inject no more faults."""
        self._left.clear()

    def take(self, account: str | None, on: On, path: str) -> Fault | None:
        """Return the fault for this call, and count it."""
        for one in self._left:
            fault = one.fault
            if fault.on not in (on, "any") or fault.account not in (None, account) or not path.startswith(fault.path):
                continue
            if one.skip:
                one.skip -= 1
                continue
            one.calls -= 1
            if not one.calls:
                self._left.remove(one)
            self.injected[one.fault.kind] = self.injected.get(one.fault.kind, 0) + 1
            return one.fault
        return None
