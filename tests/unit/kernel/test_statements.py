"""The one check of what people sign: the same faults by the same names, whatever kind of statement it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.events.approvals import ApprovalStatement
from schemas.events.authority import Officer
from schemas.events.control import Hold, Order
from schemas.events.envelope import APPROVAL_TYPE, CLOCK_SKEW, ORDER_TYPE, RESOLUTION_TYPE, Envelope
from schemas.events.resolutions import ResolutionStatement
from services.kernel.authority.officer_keys import OfficerKeys
from services.kernel.authority.signing import Signer, new_seed, seal
from services.kernel.authority.statements import (
    Denied,
    Statement,
    StatementFault,
    check_signed,
    read_signed,
    signed_by,
    statement_on_record,
)
from services.kernel.base.errors import BadInput, OneVoiceError, Refused
from services.kernel.control.control_state import ControlState

NOW = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
PIO, STRANGER = Signer(new_seed()), Signer(new_seed())
CONTROL = ControlState(
    seq=4,
    realm="live",
    city="Mission",
    officers={"pio": Officer(id="pio", name="Daniel Okafor", public_key=PIO.public_key)},
)
COMMON = {"realm": "live", "officer": "pio", "issued_at": NOW, "expires_at": NOW + MINUTE, "nonce": "ab" * 16}
POST = {"request_id": "rabcdefghijkl", "revision": 1}
KINDS: dict[type[Statement], tuple[str, dict[str, Any]]] = {
    Order: (ORDER_TYPE, {"action": Hold(on=True)}),
    ApprovalStatement: (
        APPROVAL_TYPE,
        {
            **POST,
            "decision": "approve",
            "scope": "profiles",
            "targets": ("fire-town",),
            "renderings": {"website": "1" * 64},
            "digest": "2" * 64,
        },
    ),
    ResolutionStatement: (RESOLUTION_TYPE, {**POST, "profile": "fire-town", "receipt_seq": 9, "decision": "give_up"}),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def made(kind: type[Statement], key: Signer = PIO, **changes: Any) -> tuple[Envelope, Statement]:
    payload_type, own = KINDS[kind]
    statement = kind(**{**COMMON, **own, **changes})
    return key.sign(payload_type, statement), statement


def fault(envelope: Envelope, statement: Statement, control: ControlState = CONTROL, **more: Any) -> str:
    with pytest.raises(StatementFault) as caught:
        check_signed(envelope, statement, control, NOW, **{"lifetime": 5 * MINUTE, **more})
    assert caught.value.message
    assert caught.value.hint
    return caught.value.code


@each_kind
def test_what_is_right_passes(kind: type[Statement]) -> None:
    envelope, statement = made(kind)
    assert read_signed(envelope, kind) == statement
    check_signed(envelope, statement, CONTROL, NOW, lifetime=MINUTE, used={"cd" * 16})
    assert signed_by(OfficerKeys(PIO.public_key), envelope, kind) == statement


@each_kind
def test_each_fault_has_its_code(kind: type[Statement]) -> None:
    envelope, statement = made(kind)
    assert fault(envelope, statement, replace(CONTROL, officers={})) == "officer_unknown"
    assert fault(envelope, statement, replace(CONTROL, revoked={"pio": 3})) == "revoked"
    assert fault(*made(kind, STRANGER)) == "signature"
    assert fault(*made(kind, realm="exercise")) == "realm"
    assert fault(envelope, statement, used={statement.nonce: NOW}) == "replayed"
    assert fault(envelope, statement, denied=Denied("pio may not")) == "no_authority"


@each_kind
@pytest.mark.parametrize(
    ("issued", "expires", "code"),
    [
        (CLOCK_SKEW + SECOND, CLOCK_SKEW + MINUTE, "future"),
        (-MINUTE, timedelta(0), "expired"),
        (SECOND, SECOND, "times"),
        (timedelta(0), 5 * MINUTE + SECOND, "too_long"),
    ],
)
def test_its_time(kind: type[Statement], issued: timedelta, expires: timedelta, code: str) -> None:
    assert fault(*made(kind, issued_at=NOW + issued, expires_at=NOW + expires)) == code


@each_kind
def test_at_the_edges_of_its_time_it_passes(kind: type[Statement]) -> None:
    for issued, expires in ((CLOCK_SKEW, CLOCK_SKEW + 5 * MINUTE), (SECOND - 5 * MINUTE, SECOND)):
        envelope, statement = made(kind, issued_at=NOW + issued, expires_at=NOW + expires)
        check_signed(envelope, statement, CONTROL, NOW, lifetime=5 * MINUTE)


@each_kind
def test_the_first_fault_is_told(kind: type[Statement]) -> None:
    """Who signed comes before what it says: a stranger learns nothing of what else is wrong."""
    envelope, statement = made(kind, STRANGER, realm="exercise", expires_at=NOW - MINUTE)
    assert fault(envelope, statement, used={statement.nonce}, denied=Denied("no")) == "signature"


@each_kind
def test_the_same_statement_does_not_come_in_two_envelopes(kind: type[Statement]) -> None:
    envelope, statement = made(kind)
    double = seal(envelope.payload_type, statement, (PIO, STRANGER))
    twice = envelope.model_copy(update={"signatures": envelope.signatures * 2})
    for one in (double, twice):
        with pytest.raises(StatementFault, match="signs alone"):
            read_signed(one, kind)
    assert signed_by(OfficerKeys(PIO.public_key), double, kind) is None


@each_kind
def test_what_cannot_be_read_is_malformed(kind: type[Statement]) -> None:
    envelope, statement = made(kind)
    other = next(name for name, _ in KINDS.values() if name != envelope.payload_type)
    spaced = envelope.model_copy(update={"payload": "IA==" + envelope.payload})
    for bent in (
        envelope.model_copy(update={"payload_type": other}),
        spaced,
        PIO.sign(envelope.payload_type, Hold(on=True)),
    ):
        with pytest.raises(StatementFault) as caught:
            read_signed(bent, kind)
        assert caught.value.code == "malformed"
        assert signed_by(OfficerKeys(PIO.public_key), bent, kind) is None
    assert statement_on_record(made(kind, STRANGER)[0], kind) == statement


def test_what_the_sender_is_told() -> None:
    told: dict[str, type[OneVoiceError]] = {"malformed": BadInput, "times": BadInput, "expired": Refused}
    for code, family in told.items():
        error = StatementFault(code, "so it is").error("approval")
        assert (type(error), error.code) == (family, f"approval.{code}")
        assert error.hint
