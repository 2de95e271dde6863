"""Keeps an eye on attempts that may still land: from the fold, and from the heartbeats of who posts."""

from __future__ import annotations

from dataclasses import replace

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.desk import ServiceHealth
from services.eoc_state.activation import Flight
from services.kernel.ledger import Entry
from services.kernel.projection.fold import Applied, parse, place_of
from services.kernel.projection.state import TargetState
from services.kernel.service import Runtime

REMEMBERED = 3_600.0
"""Seconds for which an attempt that another answered is remembered: a worker that is stopped for longer counts as
dead."""


class Flights:
    """The attempts that may be under way, as one instance of eoc_state sees them."""

    def __init__(self, runtime: Runtime) -> None:
        self.heard: dict[str, float] = {}
        self._runtime = runtime
        self._open: dict[int, Flight] = {}
        self._taken_over: dict[int, Flight] = {}
        for state in runtime.fold.requests.values():
            for profile, target in state.targets.items():
                if target.is_open:
                    self._note(profile, state.request_id, target)
        runtime.projection.listen(self._on_folded)

    async def on_health(self, event: ServiceHealth) -> None:
        """Remember when a worker was heard of; whoever answers in its place need not be afraid of it any more."""
        now = self._runtime.clock.monotonic()
        self.heard[event.instance] = now
        lease = self._runtime.lease_seconds
        for seq, flight in list(self._taken_over.items()):
            awake = self.heard.get(flight.worker, 0.0) >= flight.folded_at + lease
            if awake or now - flight.folded_at > REMEMBERED:
                del self._taken_over[seq]

    def before(self, seq: int) -> tuple[Flight, ...]:
        """Return those that stand before a sequence and may still land, or were answered by another."""
        found = (*self._open.values(), *self._taken_over.values())
        return tuple(flight for flight in found if flight.seq < seq)

    @property
    def under_way(self) -> int:
        """How many posts may be under way at this moment."""
        now, lease = self._runtime.clock.monotonic(), self._runtime.lease_seconds
        return sum(now - flight.folded_at < lease for flight in self._open.values())

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if applied.void or applied.kind not in ("attempt", "receipt"):
            return
        _, request_id, profile = place_of(entry.subject)
        if applied.kind == "attempt":
            state = self._runtime.fold.requests.get(request_id)
            if state is not None:
                self._note(profile, request_id, state.target(profile))
            return
        self._answered(entry)

    def _note(self, profile: str, request_id: str, target: TargetState) -> None:
        if target.attempt is not None:
            worker = target.attempt.worker
            self._open[target.attempt_seq] = Flight(target.attempt_seq, profile, request_id, worker, target.folded_at)

    def _answered(self, entry: Entry) -> None:
        receipt = parse(Receipt, entry.data)
        if receipt.outcome is ReceiptOutcome.LAPSED:
            return
        flight = self._open.pop(receipt.attempt_seq, None)
        if flight is not None and receipt.worker not in (None, flight.worker):
            self._taken_over[flight.seq] = replace(flight, answered_by=str(receipt.worker))
