"""Follows the attempts that may still land: from the fold, and from the heartbeats of the workers."""

from __future__ import annotations

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.desk import ServiceHealth
from schemas.subjects import place_of
from services.eoc_state.domain.activation import Flight
from services.eoc_state.domain.wakefulness import Wakefulness
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.reading import parse
from services.kernel.fold.state import TargetState
from services.kernel.fold.taken_over import REMEMBERED
from services.kernel.ledger.client import Entry
from services.kernel.runtime.service import Runtime


class Flights:
    """The attempts that may be under way, as one instance of eoc_state sees them."""

    def __init__(self, runtime: Runtime) -> None:
        self.workers = Wakefulness()
        self._runtime = runtime
        self._open: dict[int, Flight] = {}
        for state in runtime.fold.requests.values():
            for profile, target in state.targets.items():
                if target.is_open:
                    self._note(profile, state.request_id, target)
        runtime.projection.listen(self._on_folded, "attempt", "receipt")

    async def on_health(self, event: ServiceHealth) -> None:
        """Take a worker's heartbeat in."""
        self.workers.on_heartbeat(event.instance, self._runtime.clock.monotonic())

    def before(self, seq: int) -> tuple[Flight, ...]:
        """Return the attempts before a sequence that may still land, or that another than their worker answered."""
        now = self._runtime.clock.now()
        taken_over = (
            Flight(at, one.profile, one.request_id, one.worker, one.folded_at, one.answered_by)
            for at, one in self._runtime.fold.taken_over.items()
            if one.answered_by != one.worker and now - one.at < REMEMBERED
        )
        return tuple(flight for flight in (*self._open.values(), *taken_over) if flight.seq < seq)

    @property
    def under_way(self) -> int:
        """The number of posts that may be under way at this moment."""
        now, lease = self._runtime.clock.monotonic(), self._runtime.lease_seconds
        return sum(now - flight.folded_at < lease for flight in self._open.values())

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if applied.void:
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
        self._open.pop(receipt.attempt_seq, None)
