"""What fan-out takes up that was taken out of its durables: what is to be done, and not what rests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.resolutions import Resolution
from services.fanout.overlooked_decisions import not_carried_out
from services.fanout.overlooked_verdicts import rests, unfinished
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.fold.state import TargetState
from tests.support.people import resolution_of
from tests.unit.fanout.world import NOW, STRANGER, receipt, request
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
    assert rests(target, NOW, 0.0) is resting


def fold_of(target: TargetState) -> LedgerFold:
    fold, of = LedgerFold(Authority("live", frozenset(), 1), EVERYTHING), state(request())
    of.targets["fire-social"] = target
    of.note("fire-social")
    fold.requests[of.request_id] = of
    return fold


@pytest.mark.parametrize(
    ("name", "counted"),
    [("nothing was done", True), ("a platform asked to wait", True), ("held back behind its verdict", False)],
)
def test_what_waits_for_a_platform_has_its_message_still(name: str, counted: bool) -> None:
    """So it counts beside what the durable holds: left out, as many stolen verdicts would not be missed."""
    fold = fold_of(RESTING[name][0])
    assert [one.request_id for one in unfinished(fold)] == (list(fold.requests) if counted else [])


UNCONFIRMED = 40
EARLIER = 20
"""Another receipt, that was unconfirmed before."""


@pytest.mark.parametrize(
    ("decided", "last", "waiting"),
    [
        ({}, 50, []),
        ({60: UNCONFIRMED}, 50, [60]),
        ({60: UNCONFIRMED}, 61, []),
        ({60: UNCONFIRMED, 70: EARLIER}, 50, [60]),
        ({45: EARLIER, 60: UNCONFIRMED, 70: UNCONFIRMED}, 50, [60, 70]),
    ],
)
def test_each_decision_on_what_is_unconfirmed_waits_until_a_receipt_follows(
    decided: dict[int, int], last: int, waiting: list[int]
) -> None:
    """Also where a thief has appended an old genuine one behind it."""
    target = ended_target(receipt(outcome=ReceiptOutcome.UNCONFIRMED, final=True))
    target.resolutions = [(seq, decision_on(answered)) for seq, answered in decided.items()]
    target.receipt_seq, target.receipt_last = UNCONFIRMED, last
    assert list(not_carried_out(fold_of(target))) == waiting


def decision_on(receipt_seq: int) -> Resolution:
    about = ("r1", "fire-social", receipt_seq)
    return resolution_of(about, "give_up", "pio", STRANGER, NOW)
