"""What fan-out takes up that was taken out of its durables: what is to be done, and not what rests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from services.fanout.overlooked import rests
from services.fanout.overlooked_decisions import not_carried_out
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.fold.state import TargetState
from tests.unit.fanout.world import NOW, receipt, request
from tests.unit.states import ended_target, open_target, state

LATER = NOW + timedelta(minutes=2)
WITHHELD = ReceiptOutcome.WITHHELD


def held(**changes: Any) -> TargetState:
    return ended_target(receipt(outcome=WITHHELD, final=False, **changes))


RESTING: dict[str, tuple[TargetState, bool]] = {
    "nothing was done": (TargetState(), False),
    "held back behind its verdict": (held(attempt_seq=0), True),
    "a platform asked to wait": (held(attempt_seq=40, retry_at=LATER), True),
    "the wait is over": (held(attempt_seq=40, retry_at=NOW), False),
    "surely not posted": (held(attempt_seq=40), False),
    "to be posted again, by a person's word": (held(attempt_seq=40, resolution_seq=60), False),
    "under way": (open_target(), False),
}


@pytest.mark.parametrize("name", RESTING)
def test_what_rests(name: str) -> None:
    """What waits for its time and what only a verdict can change is left alone, and nothing else."""
    target, resting = RESTING[name]
    assert rests(target, NOW) is resting


def fold_of(target: TargetState) -> LedgerFold:
    fold, of = LedgerFold(Authority("live", frozenset(), 1), EVERYTHING), state(request())
    of.targets["fire-social"] = target
    of.note("fire-social")
    fold.requests[of.request_id] = of
    return fold


@pytest.mark.parametrize(
    ("decided", "last", "waiting"), [((), 50, []), ((60,), 50, [60]), ((60, 70), 50, [70]), ((60,), 61, [])]
)
def test_the_newest_decision_that_no_receipt_follows_waits(
    decided: tuple[int, ...], last: int, waiting: list[int]
) -> None:
    target = ended_target(receipt(outcome=ReceiptOutcome.UNCONFIRMED, final=True))
    anything: Any = None
    target.resolutions, target.receipt_last = [(seq, anything) for seq in decided], last
    assert list(not_carried_out(fold_of(target))) == waiting
