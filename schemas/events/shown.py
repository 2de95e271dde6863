"""What people are shown of a request first, how the rest is counted, what posts wait for, and postures that were."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.events.base import Contract, Id, Utc
from schemas.events.control import Posture

DONE = frozenset({"delivered", "recalled"})
"""The outcomes of a profile that has what was asked for: the post, or the earlier one taken back."""

LOOK_FIRST = {"unconfirmed": 0, "failed": 1, "put_aside": 1, "withheld": 2, "posting": 3, "queued": 4}
"""In which order deliveries are shown: what needs a look first; outcomes that are not named come last."""


class DeliveryCounts(Contract):
    """How many deliveries a request has, the website's mirror aside, and on how many wanted profiles it is out."""

    every: int
    done: int


class PostWait(Contract):
    """Posts of one request that wait for the same without an attempt on record: for what, and until when.

    ``until`` is when it comes, where that is known, else when it is looked at again. ``count``: how many wait (none:
    one); ``profile`` is the first of them by name, and ``also`` are the next ones, as far as there is room.
    """

    request_id: Id
    profile: Id
    reason: str
    until: Utc
    also: tuple[Id, ...] | None = None
    count: Annotated[int, Field(ge=1)] | None = None

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that it names."""
        return (self.profile, *(self.also or ()))

    @property
    def posts(self) -> int:
        """How many posts wait, named or not."""
        return max(self.count or 1, len(self.profiles))


class PostureChange(Contract):
    """The posture from the control revision ``seq`` on; ``at`` is when the server stored it."""

    seq: int
    at: Utc
    posture: Posture
    level: int | None = None
    incident: str | None = None
    hold: bool
