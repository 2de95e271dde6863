"""The barrier of activation, pure: when may the director be told that the EOC is active?

When each attempt older than the activation has its receipt, or its lease is over: after a lease no platform call
of it can still be under way (design: Activation).
"""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.flight import Flight


@dataclass(frozen=True)
class Barrier:
    """How far an activation is: ``waiting`` in flight now, ``settled`` and ``lapsed`` since it began."""

    waiting: tuple[Flight, ...]
    settled: int
    lapsed: int

    @property
    def passed(self) -> bool:
        """True when nothing older than the activation can land any more."""
        return not self.waiting


def advance(first_seen: dict[int, Flight], now_in_flight: tuple[Flight, ...], lapsed_seqs: frozenset[int]) -> Barrier:
    """Return how far the barrier is.

    Args:
        first_seen: all attempts that were in flight when or since the barrier was first looked at, by sequence.
        now_in_flight: those that are now.
        lapsed_seqs: of the others, those that got no receipt before their lease was over.
    """
    gone = set(first_seen) - {flight.seq for flight in now_in_flight}
    lapsed = gone & lapsed_seqs
    return Barrier(waiting=now_in_flight, settled=len(gone) - len(lapsed), lapsed=len(lapsed))
