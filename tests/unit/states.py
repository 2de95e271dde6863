"""Requests as a fold holds them, for the tests of what decides from them."""

from __future__ import annotations

from typing import Any

from schemas.events.deliveries import Attempt, Receipt
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from services.kernel.fold.state import RequestState, TargetState, wanted_by
from tests.unit.fanout.world import NOW, VERDICT_SEQ, attempt, request, verdict

REQUEST_SEQ = 30


def state(
    of: Request | None = None,
    said: Verdict | None = None,
    *,
    targets: dict[str, TargetState] | None = None,
    **changes: Any,
) -> RequestState:
    """A request that is cleared at VERDICT_SEQ, unless another verdict is said."""
    subject = of or request()
    stands = said or verdict(subject)
    values: dict[str, Any] = {
        "verdict": stands,
        "verdict_seq": VERDICT_SEQ,
        "verdict_last": VERDICT_SEQ,
        "wanted": wanted_by(stands) if stands.outcome == "cleared" else (),
        "fact_seq": REQUEST_SEQ,
        "targets": targets or {},
    }
    seq = changes.pop("seq", REQUEST_SEQ)
    made = RequestState(subject, seq, NOW, **(values | changes))
    made.want(made.wanted)
    for profile in made.targets:
        made.note(profile)
    return made


def undecided_state(of: Request | None = None, **changes: Any) -> RequestState:
    """A request that nobody decided yet."""
    nothing = {"verdict": None, "verdict_seq": 0, "verdict_last": 0, "wanted": ()}
    return state(of, **(nothing | changes))


def open_target(made: Attempt | None = None, seq: int = 50, folded_at: float = 0.0, **changes: Any) -> TargetState:
    """A profile with an attempt that nothing was said of yet."""
    tried = made or attempt()
    values: dict[str, Any] = {"answered": False, "number": tried.number, "effective": [seq]}
    return TargetState(tried, seq, NOW, folded_at, **(values | changes))


def ended_target(said: Receipt, seq: int = 51, **changes: Any) -> TargetState:
    """A profile whose newest receipt is this one; of an attempt, if it names one."""
    values: dict[str, Any] = {"receipt": said, "receipt_seq": seq, "receipt_last": seq, "receipts": [(seq, said)]}
    if said.attempt_seq:
        made = attempt(profile=said.profile)
        values |= {"attempt": made, "attempt_seq": said.attempt_seq, "attempt_at": NOW, "number": made.number}
        values |= {"effective": [said.attempt_seq]}
    return TargetState(**(values | changes))
