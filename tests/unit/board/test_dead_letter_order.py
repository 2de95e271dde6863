"""Whose order about a dead letter is carried out: a login key alone drops nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.dead import DeadLetterCause, DeadLetterOrder, DeadLetterStatement, DeadLetterView
from services.board.domain.dead_letter_order import check_dead_letter_order
from services.kernel.authority.signing import Signer
from services.kernel.authority.statements import ORDER_LIFETIME, read_sent
from services.kernel.base.errors import OneVoiceError
from tests.support.people import dead_letter_order_of
from tests.unit.fanout import world
from tests.unit.fanout.world import NOW, SIGNERS, STRANGER

VIEW = DeadLetterView(
    letter=7,
    cause=DeadLetterCause.FAILED,
    service="fanout",
    subject="ledger.verdict.r1",
    seq=40,
    reason="a bug",
    tries=3,
    first_at=NOW,
    last_at=NOW,
)


def signed(by: str = "pio", *, key: Signer | None = None, **changes: Any) -> DeadLetterOrder:
    """An order signed by the officer's key, as the desk sends it."""
    return dead_letter_order_of(VIEW, "drop", by, key or SIGNERS[by], NOW, **({"reason": "a drill"} | changes))


def judge(one: DeadLetterOrder, sender: str = "pio") -> None:
    statement = read_sent("dead", one.officer, one.envelope, DeadLetterStatement, sender)
    check_dead_letter_order(one, statement, VIEW, world.control(), NOW)


def test_what_an_officer_signed_for_this_dead_letter_is_carried_out() -> None:
    judge(signed())


@pytest.mark.parametrize(
    ("one", "sender", "code"),
    [
        (signed(key=STRANGER), "pio", "dead.signature"),
        (signed("mcpe"), "pio", "dead.sender"),
        (signed().model_copy(update={"officer": "mcpe"}), "mcpe", "dead.sender"),
        (signed(realm="exercise"), "pio", "dead.realm"),
        (signed(expires_at=NOW), "pio", "dead.times"),
        (signed(issued_at=NOW - timedelta(hours=1), expires_at=NOW - timedelta(minutes=59)), "pio", "dead.expired"),
        (signed(expires_at=NOW + 2 * ORDER_LIFETIME), "pio", "dead.too_long"),
        (signed(subject="ledger.verdict.r2"), "pio", "dead.other"),
        (signed(seq=41), "pio", "dead.other"),
    ],
)
def test_each_refusal_has_its_code_and_says_what_to_do(one: DeadLetterOrder, sender: str, code: str) -> None:
    with pytest.raises(OneVoiceError) as caught:
        judge(one, sender)
    assert caught.value.code == code
    assert caught.value.hint


def test_what_was_signed_for_something_else_is_no_order() -> None:
    """Each kind of statement has its own type: an approval of the same officer drops nothing."""
    envelope = world.approval(world.request(), "pio").envelope
    with pytest.raises(OneVoiceError) as caught:
        judge(DeadLetterOrder(officer="pio", envelope=envelope))
    assert caught.value.code == "dead.malformed"
