"""Decides when the EOC is active, and names the posts that stay unknown: the barrier of activation. Pure.

Each attempt older than the activation must have its receipt, or its lease must be over: after a lease no platform call
of it can still be under way. Leases are measured here, on one's own boot-time clock, from when one folded the attempt.
What nobody could account for is named: an attempt whose lease ended without a receipt, and one that another than its
worker answered while that one sent no heartbeat since (it may be stopped between its look and its call).
Source: docs/architecture.md, Activation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.events.control import EocActive, UnknownPost
from services.kernel.fold.flight import Flight


@dataclass(frozen=True)
class Barrier:
    """How far an activation is: ``waiting`` may still land, ``lapsed`` have no receipt, ``unknown`` are named."""

    waiting: tuple[Flight, ...]
    lapsed: int
    unknown: tuple[UnknownPost, ...]

    @property
    def passed(self) -> bool:
        """True when nothing older than the activation can land any more, but for what is named."""
        return not self.waiting


def eoc_active(found: Barrier, seen: Iterable[int], activating_seq: int, now: datetime) -> EocActive:
    """Return the event that completes an activation.

    Args:
        found: the barrier that is passed.
        seen: the sequences of all attempts that were waited for.
        activating_seq: where the activation is.
        now: the present, in UTC.
    """
    return EocActive(
        at=now,
        activating_seq=activating_seq,
        settled=len(set(seen) - {one.attempt_seq for one in found.unknown}),
        lapsed=found.lapsed,
        unknown=found.unknown or None,
    )


def barrier(flights: Iterable[Flight], awake_until: Mapping[str, float], now: float, lease: float) -> Barrier:
    """Return how far the barrier is.

    Args:
        flights: the attempts older than the activation that are open, or were answered by another than their worker.
        awake_until: until when each worker was awake, in boot-time seconds.
        now: the present, in boot-time seconds.
        lease: the length of a lease, in seconds.
    """
    waiting: list[Flight] = []
    lapsed: list[Flight] = []
    unknown: list[Flight] = []
    for flight in flights:
        over = not flight.is_within(lease, now)
        if flight.answered_by:
            # A worker that was awake after the lease has looked at the clock since: it sends nothing any more.
            if awake_until.get(flight.worker, 0.0) < flight.folded_at + lease:
                (unknown if over else waiting).append(flight)
        elif over:
            lapsed.append(flight)
        else:
            waiting.append(flight)
    named = tuple(flight.named for flight in sorted((*lapsed, *unknown), key=lambda flight: flight.seq))
    return Barrier(tuple(waiting), len(lapsed), named)
