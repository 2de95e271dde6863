"""What the fold says of the city as numbers. Pure: state and times in, measures out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from schemas.events.control import Posture
from services.kernel.control.control_state import ControlState
from services.kernel.fold.flight import answered_by_another
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.request_phase import RequestPhase
from services.kernel.fold.state import RequestState
from services.kernel.measures.catalogue import Measure

WAITING = frozenset({RequestPhase.UNDECIDED, RequestPhase.BLOCKED, RequestPhase.TAKEN_BACK})
"""The phases in which a request waits for a verdict or for a person."""

DAY = 86_400.0


def of_control(control: ControlState, now: datetime) -> Iterator[Measure]:
    """Yield the posture, the stop button, and the days that are left of each officer's roles."""
    for posture in Posture:
        yield Measure("onevoice_posture", float(control.seq > 0 and control.posture is posture), {"posture": posture})
    yield Measure("onevoice_hold", float(bool(control.hold)))
    yield Measure("onevoice_control_revision", control.seq)
    if control.expires_at is not None:
        yield Measure("onevoice_authority_days_left", days_left(control.expires_at, now))
    for name in control.officers:
        ends = [grant.valid_until for grant in control.grants_of(name, now) if grant.valid_until is not None]
        if ends:
            yield Measure("onevoice_role_days_left", days_left(min(ends), now), {"officer": name})


def of_tokens(ends: Mapping[str, date], now: datetime) -> Iterator[Measure]:
    """Yield the days that are left of each token whose last day is known."""
    for profile, day in ends.items():
        yield Measure("onevoice_token_days_left", days_left(token_end(day), now), {"profile": profile})


def token_end(day: date) -> datetime:
    """Return the end of a token's last day; platforms count in UTC."""
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def days_left(end: datetime, now: datetime) -> float:
    """Return the days until then; negative after it."""
    return (end - now).total_seconds() / DAY


def of_requests(fold: LedgerFold, now: datetime, boot_now: float, lease: float) -> Iterator[Measure]:
    """Yield what is open, what waits and how long, and what is in flight or unknown.

    Args:
        fold: the ledger, folded.
        now: the time, to compare with what entries say.
        boot_now: seconds on the clock that ``folded_at`` was read from.
        lease: seconds that a platform call may last.
    """
    states = list(fold.requests.values())
    phases = Counter(state.phase for state in states)
    for phase in RequestPhase:
        yield Measure("onevoice_requests", phases[phase], {"phase": phase.value})
    waiting = [state.at for state in states if state.phase in WAITING]
    yield Measure("onevoice_oldest_waiting_seconds", _age(waiting, now))
    cleared = [state.verdict.at for state in states if state.phase is RequestPhase.CLEARED and state.verdict]
    yield Measure("onevoice_oldest_undelivered_seconds", _age(cleared, now))
    in_flight, unknown = _posts(states, boot_now, lease)
    in_flight += sum(flight.is_within(lease, boot_now) for flight in answered_by_another(fold.taken_over))
    yield Measure("onevoice_posts_in_flight", in_flight)
    yield Measure("onevoice_posts_unknown", unknown)


def _posts(states: list[RequestState], boot_now: float, lease: float) -> tuple[int, int]:
    in_flight = unknown = 0
    for state in states:
        unknown += len(state.unconfirmed)
        for profile in state.opened:
            within = boot_now - state.target(profile).folded_at < lease
            in_flight, unknown = in_flight + within, unknown + (not within)
    return in_flight, unknown


def _age(times: list[datetime], now: datetime) -> float:
    return max(0.0, (now - min(times)).total_seconds()) if times else 0.0
