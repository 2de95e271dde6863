"""Follows the attempts that may still land, the website's mirror too, so that whoever counts them finds the same."""

from __future__ import annotations

from schemas.events.broadcasts import LatePost
from schemas.events.control import UnknownPost
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.subjects import place_of
from services.kernel.control.control_state import ControlState
from services.kernel.fold.applied import Applied
from services.kernel.fold.flight import Flight, answered_by_another
from services.kernel.fold.reading import parse
from services.kernel.fold.state import TargetState
from services.kernel.fold.taken_over import REMEMBERED, late_posts, still_unknown
from services.kernel.ledger.entry import Entry
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.service import Runtime


class Flights:
    """The attempts that may be under way, as one process sees them; kept up by each attempt and receipt."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: dict[int, Flight] = {}
        self._server_time = ServerTime(runtime.clock)
        for state in runtime.fold.requests.values():
            for profile in state.opened:
                self._note(profile, state.request_id, state.target(profile))
        runtime.projection.listen(self._on_folded, "attempt", "receipt")

    def before(self, seq: int) -> tuple[Flight, ...]:
        """Return the attempts before a sequence that may still land, or that another than their worker answered."""
        return tuple(flight for flight in self._all() if flight.seq < seq)

    def in_flight(self, control: ControlState) -> int:
        """Return how many posts may be under way; while the EOC is activating, how many of them that waits for."""
        now, lease = self._runtime.clock.monotonic(), self._runtime.lease_seconds
        flights = self.before(control.activating_seq) if control.activating_seq else self._all()
        return sum(flight.is_within(lease, now) for flight in flights)

    def unknown(self, control: ControlState) -> tuple[UnknownPost, ...]:
        """Return what an activation could not find out of, and nobody has since."""
        return still_unknown(self._runtime.fold.taken_over, control.unknown)

    def late_posts(self, control: ControlState) -> tuple[LatePost, ...]:
        """Return the posts that turned out to be public though taken back or unknown, as long as that is told."""
        fold, now = self._runtime.fold, self._server_time.least(self._runtime.projection.newest)
        return late_posts(fold.taken_over, control.unknown, fold.chain.replaced, now)

    def _all(self) -> tuple[Flight, ...]:
        return (*self._open.values(), *self._taken_over())

    def _taken_over(self) -> tuple[Flight, ...]:
        """Return what another answered within the hour before the newest entry: no machine's clock is asked."""
        known, newest = self._runtime.fold.taken_over, self._runtime.projection.newest
        return tuple(
            flight
            for flight in answered_by_another(known)
            if newest is None or newest.at - known[flight.seq].at < REMEMBERED
        )

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
