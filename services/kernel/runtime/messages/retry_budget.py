"""When a message that fails again and again becomes a dead letter. Pure: marks and times in, an answer out.

Waiting never counts: a handler that asks to be called later, or finds the ledger unreachable, has done its part. What
counts is a handler that raises something else, and a beginning without an end, which only a dead process leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.events.dead import DeadLetterCause
from schemas.events.working import Tries

LONGEST_PAUSE = 30.0
KILLED = "its process ended while it was handled"


@dataclass(frozen=True)
class RetryBudget:
    """How long a message is tried: both bounds must be passed; ``seconds`` from the first failed try to the last.

    ``shared_seconds`` holds where the trouble is not the message's own (a full disk, a broken record of control), which
    would otherwise sweep everything aside. After ``alone`` deaths a message begins when no other such one does, so
    that the next death, if it comes soon, has one culprit.
    """

    tries: int = 8
    seconds: float = 30.0
    shared_seconds: float = 3_600.0
    alone: int = 2


def begun(before: Tries | None, now: datetime) -> Tries:
    """Count a beginning as if its process were to die; taken back when the handler ends."""
    mark = before or Tries(first_at=now, last_at=now)
    return mark.model_copy(update={"deaths": mark.deaths + 1, "last_at": now})


def failed(before: Tries | None, now: datetime, reason: str) -> Tries:
    """Count a handler that raised."""
    mark = before or Tries(first_at=now, last_at=now)
    return mark.model_copy(update={"failures": mark.failures + 1, "last_at": now, "reason": reason})


def count(mark: Tries) -> int:
    """Return how often it failed, deaths of the process included."""
    return mark.failures + mark.deaths


def exhausted(mark: Tries | None, budget: RetryBudget, *, shared: bool = False) -> bool:
    """True when a message has spent its budget, and is to be put aside."""
    if mark is None or count(mark) < budget.tries:
        return False
    bound = budget.shared_seconds if shared else budget.seconds
    return (mark.last_at - mark.first_at).total_seconds() >= bound


def needs_to_be_alone(mark: Tries | None, budget: RetryBudget) -> bool:
    """True when the message has more than once been in hand as its process died."""
    return mark is not None and mark.deaths >= budget.alone


def cause(mark: Tries) -> DeadLetterCause:
    """Return what mostly went wrong."""
    return DeadLetterCause.KILLED if mark.deaths > mark.failures else DeadLetterCause.FAILED


def reason(mark: Tries) -> str:
    """Say it in one sentence."""
    said = [mark.reason] if mark.reason else []
    if mark.deaths:
        said.append(f"{KILLED}, {mark.deaths} time{'s' if mark.deaths > 1 else ''}")
    return "; ".join(said)


def pause(tries: int) -> float:
    """Return the seconds before the next try after ``tries`` failed ones."""
    return float(min(LONGEST_PAUSE, 0.25 * 2 ** min(max(tries, 1), 8)))
