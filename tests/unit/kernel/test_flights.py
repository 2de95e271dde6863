"""What may still be under way: the website's pages too, and what another answered, from whenever on one looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import subjects
from schemas.events.control import EocActivate
from schemas.events.deliveries import ReceiptOutcome
from schemas.platforms import MIRROR
from services.kernel.base.clock import ManualClock
from services.kernel.control.control_state import ControlState
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.ledger.entry import Entry
from services.kernel.projection.listeners import Listener
from services.kernel.runtime.flights import Flights
from tests.unit.fanout.world import NOW, attempt, receipt, request
from tests.unit.projection.story import AUTHORITY, FIRE, PARKS, begun

LEASE = 15.0
KINDS = frozenset({"request", "attempt", "receipt"})


def folded(answered_by: str, *, later: timedelta = timedelta(0)) -> LedgerFold:
    """A ledger in which somebody answered the attempt of worker-1, and another one later on."""
    fold = LedgerFold(Authority("live", frozenset(), 1), KINDS)
    of = request(targets=("a-social", "b-social"))
    for seq, (place, worker, by) in enumerate((("a", "worker-1", answered_by), ("b", "worker-3", "worker-4"))):
        made = attempt(worker=worker, rule=None, profile=f"{place}-social")
        at, base = NOW + seq * later, 5 + seq * 2
        said = receipt(attempt_seq=base + 1, profile=made.profile, worker=by)
        if not seq:
            fold.apply(Entry(5, subjects.request(of.request_id), at, of.to_bytes(), {}), 100.0)
        fold.apply(Entry(base + 1, subjects.attempt(made.profile, of.request_id), at, made.to_bytes(), {}), 100.0)
        fold.apply(Entry(base + 2, subjects.receipt(made.profile, of.request_id), at, said.to_bytes(), {}), 101.0)
    return fold


class Watched:
    """A service that follows a ledger; ``newest`` is the entry that it has folded last."""

    def __init__(self, fold: LedgerFold, at: datetime = NOW) -> None:
        self.fold, self.lease_seconds, self.projection = fold, LEASE, self
        self.clock = ManualClock(at)
        self.newest: Entry | None = Entry(fold.seq, "ledger.seal", at, b"", {})
        self.heard: list[Listener] = []
        own: Any = self
        self.flights = Flights(own)

    def listen(self, listener: Listener, *kinds: str) -> None:
        """Tell it of what is folded from now on."""
        self.kinds = kinds
        self.heard.append(listener)

    def take_up(self, entry: Entry) -> None:
        """Fold an entry as a service does."""
        applied = self.fold.apply(entry, self.clock.monotonic())
        self.newest = entry
        for listener in self.heard if applied.kind in self.kinds else ():
            listener(entry, applied)


def test_what_another_answered_is_known_after_a_restart() -> None:
    """Whoever starts folds it: nobody else need remember."""
    (found, _) = Watched(folded("worker-2")).flights.before(100)
    assert (found.seq, found.worker, found.answered_by) == (6, "worker-1", "worker-2")


def test_what_its_own_worker_answered_is_over() -> None:
    assert [one.seq for one in Watched(folded("worker-1")).flights.before(100)] == [8]


def test_after_an_hour_a_worker_counts_as_dead() -> None:
    fold = folded("worker-2", later=timedelta(hours=1))
    assert [one.worker for one in Watched(fold).flights.before(100)] == ["worker-3"]


def test_an_hour_is_over_by_what_the_server_stamped_and_by_no_machines_clock() -> None:
    """Before, a clock that was 61 minutes ahead had ACTIVE told without naming who may still send."""
    fold = folded("worker-2")
    ahead = Watched(fold)
    ahead.clock.time += timedelta(minutes=61)
    assert len(ahead.flights.before(100)) == 2
    assert len(Watched(fold, NOW + timedelta(minutes=59)).flights.before(100)) == 2
    assert Watched(fold, NOW + timedelta(minutes=60)).flights.before(100) == ()


def test_pages_and_what_another_answered_are_in_flight_too() -> None:
    """From whenever it is seen: who begins at an entry counts what who was there from the beginning counts."""
    story = begun()
    story.request("r1", FIRE, PARKS)
    story.approve("r1")
    story.verdict("r1", mirror=True)
    post, page, other = story.attempt("r1", FIRE), story.attempt("r1", MIRROR), story.attempt("r1", PARKS)
    story.receipt(other, ReceiptOutcome.WITHHELD, "r1", PARKS, worker="worker-2")
    story.hold()
    activating = story.order("director", EocActivate(level=2, incident="flood"))
    story.receipt(post, worker="worker-1")
    story.receipt(page, profile=MIRROR, worker="worker-1")
    watched = Watched(LedgerFold(AUTHORITY, EVERYTHING))
    counts = {}
    for entry in story.entries:
        watched.take_up(entry)
        counts[entry.seq] = watched.flights.in_flight(watched.fold.control)
        assert Watched(watched.fold).flights.in_flight(watched.fold.control) == counts[entry.seq]
    assert [counts[seq] for seq in (post - 1, post, page, other, activating)] == [0, 1, 2, 3, 3]
    assert list(counts.values())[-2:] == [2, 1]
    watched.clock.time += timedelta(seconds=LEASE)
    assert watched.flights.in_flight(watched.fold.control) == 0


def test_while_activating_only_what_that_waits_for_is_in_flight() -> None:
    """What goes out behind it was decided under 2(iii): it is not told to the director as what the EOC waits for."""
    watched = Watched(folded("worker-1"))
    watched.clock.time = datetime.fromtimestamp(101.0, UTC)
    for before, count in ((0, 1), (8, 0), (9, 1)):
        assert watched.flights.in_flight(ControlState(activating_seq=before)) == count


def test_the_lapsed_stay_and_what_is_void_does_not_count() -> None:
    story = begun().cleared("r1")
    made = story.attempt()
    watched = Watched(LedgerFold(AUTHORITY, EVERYTHING))
    story.receipt(made, ReceiptOutcome.LAPSED)
    story.attempt()  # void: nobody has said how the first one ended
    for entry in story.entries:
        watched.take_up(entry)
    assert [one.seq for one in watched.flights.before(100)] == [made]
