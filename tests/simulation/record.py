"""What a ledger says at the end of a run: each entry with what it changed, and the fold that forgets nothing.

It is read when no bug is planted any more, so that what counts is judged by the rule itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas import subjects
from schemas.events.control import Posture
from schemas.events.deliveries import Attempt, Receipt
from schemas.events.verdicts import Outcome, Verdict
from schemas.subjects import place_of
from services.kernel.base.city import City
from services.kernel.control.control_state import ControlState
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import EVERYTHING, Applied, LedgerFold
from services.kernel.fold.state import RequestState, TargetState
from services.kernel.ledger.client import Entry


class WholeFold(LedgerFold):
    """The fold of the services, without eviction: what is over stays, and nothing has to be reopened."""

    def _forget(self, request_id: str) -> None:
        pass


Place = tuple[str, str]
"""A profile and a request."""


@dataclass(frozen=True)
class Attempted:
    """An attempt on record; ``void`` says why it does not count."""

    seq: int
    at: float
    event: Attempt
    void: str

    @property
    def place(self) -> Place:
        """Where it goes."""
        return self.event.profile, self.event.request_id


@dataclass
class Record:
    """A whole ledger. Times are virtual seconds."""

    entries: list[Entry]
    fold: LedgerFold
    time_of: Callable[[Entry], float]
    applied: dict[int, Applied] = field(default_factory=dict)
    controls: list[tuple[int, float, ControlState]] = field(default_factory=list)
    attempts: list[Attempted] = field(default_factory=list)
    receipts: dict[Place, list[tuple[int, Receipt]]] = field(default_factory=dict)
    verdicts: dict[str, list[tuple[int, float, Verdict]]] = field(default_factory=dict)

    @classmethod
    def of(cls, city: City, entries: list[Entry], time_of: Callable[[Entry], float]) -> Record:
        """Read a ledger."""
        record = cls(entries, WholeFold(authority_of(city), EVERYTHING), time_of)
        for entry in entries:
            applied = record.fold.apply(entry, time_of(entry))
            record.applied[entry.seq] = applied
            record._note(entry, applied, time_of(entry))
        return record

    def _note(self, entry: Entry, applied: Applied, at: float) -> None:
        kind, request_id, profile = place_of(entry.subject)
        if kind == "control":
            self.controls.append((entry.seq, at, self.fold.control))
        elif kind == "attempt":
            self.attempts.append(Attempted(entry.seq, at, Attempt.from_bytes(entry.data), applied.void))
        elif kind == "receipt" and not applied.void:
            said = Receipt.from_bytes(entry.data)
            self.receipts.setdefault((profile, request_id), []).append((entry.seq, said))
        elif kind == "verdict" and not applied.void:
            self.verdicts.setdefault(request_id, []).append((entry.seq, at, Verdict.from_bytes(entry.data)))

    def control_at(self, when: float) -> ControlState:
        """Return the state of control at a virtual time."""
        place = bisect_right([at for _, at, _ in self.controls], when)
        return self.controls[place - 1][2] if place else ControlState()

    def active_times(self) -> list[tuple[float, float, ControlState]]:
        """Return from when to when the EOC was active, and the state that says so."""
        found: list[tuple[float, float, ControlState]] = []
        since: tuple[float, ControlState] | None = None
        for _, at, state in self.controls:
            active = state.posture is Posture.EOC_ACTIVE
            if active and since is None:
                since = (at, state)
            elif not active and since is not None:
                found.append((since[0], at, since[1]))
                since = None
        return [*found, (since[0], float("inf"), since[1])] if since else found

    def effective(self, place: Place) -> list[Attempted]:
        """Return the attempts on a place that count."""
        return [one for one in self.attempts if one.place == place and not one.void]


class Follower:
    """Follows a ledger while it grows: what is owed at this moment, as the services see it."""

    def __init__(self, city: City) -> None:
        self.fold = WholeFold(authority_of(city), EVERYTHING)

    def on_entry(self, entry: Entry) -> None:
        """Fold the next entry."""
        self.fold.apply(entry, 0.0)

    def owed(self) -> list[str]:
        """Return the subjects of attempts that count and that no receipt answers, and an activation without its end."""
        found = [
            subjects.attempt(profile, request_id)
            for request_id, state in self.fold.requests.items()
            for profile, target in state.targets.items()
            if target.is_open
        ]
        activating = self.fold.control.posture is Posture.EOC_ACTIVATING
        return [*found, "an activation"] if activating else found


def held_by_blocked(fold: LedgerFold, state: RequestState, profile: str) -> bool:
    """True when a delivery waits for an earlier message there that needs an officer's approval first."""
    if not fold.chain.out_of_order(state.request, profile, fold.requests):
        return False
    before = (fold.requests.get(name) for name in fold.chain.before(state.request_id))
    verdicts = (one.verdict for one in before if one is not None and not one.target(profile).is_final)
    return any(verdict is not None and verdict.outcome is Outcome.BLOCKED for verdict in verdicts)


def tells_of_beginning(remote_id: str, target: TargetState) -> bool:
    """True when the record says of the beginning of a thread that it stands: in its end, or before it has one."""
    said = [one.remote_id for _, one in target.receipts]
    return bool(remote_id) and remote_id in (said[-1:] if target.is_final else said)
