"""Whose word on an outside post goes on record: each refusal has its code."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.outside import Acknowledgement
from services.fanout.domain.acknowledgement import check_acknowledgement, read_acknowledgement
from services.kernel.authority.signing import Signer
from services.kernel.base.errors import OneVoiceError
from services.kernel.control.control_state import ControlState
from tests.support.people import acknowledgement_of
from tests.unit.fanout import world
from tests.unit.fanout.world import NOW, SIGNERS, STRANGER

POST_SEQ = 60


def signed(by: str = "pio", *, key: Signer | None = None, wrapper: Any = None, **changes: Any) -> Acknowledgement:
    """An acknowledgement signed by the officer's key, as the desk sends it."""
    fields = {"reason": "The account's password was changed.", "nonce": "cd" * 16} | changes
    about = ("abcdefgh12345678", "fire-social", POST_SEQ)
    return acknowledgement_of(about, by, key or SIGNERS[by], NOW, wrapper, **fields)


def judge(one: Acknowledgement, *, at: int = POST_SEQ, sender: str = "", control: ControlState | None = None) -> None:
    statement = read_acknowledgement(one, sender or one.officer)
    check_acknowledgement(one, statement, at, control or world.control(), NOW)


@pytest.mark.parametrize("officer", ["cao", "mcpe", "pio", "director", "office"])
def test_the_office_and_the_approvers_may_acknowledge(officer: str) -> None:
    judge(signed(officer))


@pytest.mark.parametrize(
    ("one", "more", "code"),
    [
        (signed("clerk"), {}, "acknowledgement.no_authority"),
        (signed("clerk"), {"control": "nobody"}, "acknowledgement.no_authority"),
        (signed(), {"at": 0}, "outside.unknown"),
        (signed(), {"at": POST_SEQ + 1}, "acknowledgement.post"),
        (signed(), {"sender": "mcpe"}, "acknowledgement.sender"),
        (signed(wrapper={"officer": "mcpe"}), {"sender": "mcpe"}, "acknowledgement.sender"),
        (signed(wrapper={"profile": "water-social"}), {}, "acknowledgement.other"),
        (signed(key=STRANGER), {}, "acknowledgement.signature"),
        (signed(realm="exercise"), {}, "acknowledgement.realm"),
    ],
)
def test_each_refusal_has_its_code_and_says_what_to_do(one: Acknowledgement, more: dict[str, Any], code: str) -> None:
    if more.get("control") == "nobody":
        more = {"control": world.control(officers={"clerk": world.control().officers["clerk"]})}
    with pytest.raises(OneVoiceError) as caught:
        judge(one, **more)
    assert caught.value.code == code
    assert caught.value.hint


def test_what_cannot_be_read_is_refused() -> None:
    one = signed()
    with pytest.raises(OneVoiceError) as caught:
        judge(one.model_copy(update={"envelope": one.envelope.model_copy(update={"payload": "bm8="})}))
    assert caught.value.code.startswith("acknowledgement.")
