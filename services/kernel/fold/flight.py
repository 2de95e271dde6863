"""The attempts that may still land: what a barrier waits for, and what people see as in flight. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.events.control import UnknownPost
from services.kernel.fold.taken_over import TakenOver


@dataclass(frozen=True)
class Flight:
    """An attempt that may be under way: where it is, where it goes, who makes it.

    ``folded_at`` is when it was folded here, in boot-time seconds. ``answered_by`` is who wrote its receipt; the empty
    text: nobody yet.
    """

    seq: int
    profile: str
    request_id: str
    worker: str
    folded_at: float
    answered_by: str = ""

    @property
    def named(self) -> UnknownPost:
        """The attempt as it is named to people."""
        return UnknownPost(profile=self.profile, request_id=self.request_id, attempt_seq=self.seq)

    def is_within(self, lease: float, now: float) -> bool:
        """Return whether a platform call of it may be under way; ``now`` is in boot-time seconds, ``lease`` too."""
        return now - self.folded_at < lease


def answered_by_another(known: Mapping[int, TakenOver]) -> Iterator[Flight]:
    """Yield the attempts that another than their worker answered, of those that a fold remembers as taken over."""
    for seq, one in known.items():
        if one.answered_by != one.worker:
            yield Flight(seq, one.profile, one.request_id, one.worker, one.folded_at, one.answered_by)
