"""Which links open a consultation copy: one that its officer's passkey signed, who may, until it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import canonical
from schemas.events.authority import Grant, Officer, Role
from schemas.events.desk import OfficerView
from schemas.events.envelope import ORDER_TYPE
from services.kernel.base.errors import BadInput
from services.web.consultations import ConsultationRegister
from services.web.domain.consulting import CONSULTATION_TYPE, Consultation, copy_of
from tests.support.authenticator import Authenticator

AT = datetime(2026, 11, 26, 11, 14, 7, tzinfo=UTC)
SECRET = "s" * 43
DEVICE = Authenticator()


def statement(**changes: Any) -> Consultation:
    """What an officer signs for a copy of four hours."""
    fields = {
        "realm": "live",
        "officer": "pio",
        "request_id": "ra",
        "digest": "0" * 64,
        "token_sha256": canonical.sha256(SECRET.encode()),
        "issued_at": AT,
        "expires_at": AT + timedelta(hours=4),
        "nonce": "0" * 32,
    }
    return Consultation(**(fields | changes))


def officers(role: Role = Role.PIO, revoked: bool = False) -> dict[str, OfficerView]:
    """One officer with one passkey."""
    grants = (Grant(role=role),)
    person = Officer(id="pio", name="Daniel Okafor", grants=grants, passkeys=(DEVICE.passkey,))
    return {"pio": OfficerView(officer=person, grants_now=grants, revoked=revoked)}


def test_a_link_opens_its_copy_until_it_ends(tmp_path: Path) -> None:
    register = ConsultationRegister(tmp_path / "web" / "consultations.jsonl")
    assert register.known() == {}
    register.made(DEVICE.sign(CONSULTATION_TYPE, statement()), "pio", AT)
    known = ConsultationRegister(tmp_path / "web" / "consultations.jsonl").known()
    late = AT + timedelta(hours=4)
    assert copy_of(SECRET, known, "live", officers(), late - timedelta(seconds=1)).statement == statement()
    for secret, realm, people, now in (
        ("t" * 43, "live", officers(), AT),
        (SECRET, "exercise", officers(), AT),
        (SECRET, "live", officers(revoked=True), AT),
        (SECRET, "live", officers(Role.EMPLOYEE), AT),
        (SECRET, "live", {}, AT),
        (SECRET, "live", officers(), late),
    ):
        with pytest.raises(BadInput) as found:
            copy_of(secret, known, realm, people, now)  # type: ignore[arg-type]
        assert found.value.code == "consult.over"
    register.ended(statement().token_sha256, "cao", AT)
    register.ended(statement().token_sha256, "mcpe", AT)
    with pytest.raises(BadInput, match="opens nothing"):
        copy_of(SECRET, register.known(), "live", officers(), AT)
    assert register.of("ra")[0].ended == ("cao", AT)


@pytest.mark.parametrize(
    "envelope",
    [
        DEVICE.sign(ORDER_TYPE, statement()),
        DEVICE.sign(CONSULTATION_TYPE, statement(), flags=1),
        Authenticator("stranger").sign(CONSULTATION_TYPE, statement()),
        DEVICE.sign(CONSULTATION_TYPE, statement(expires_at=AT + timedelta(days=30))),
    ],
)
def test_a_line_that_somebody_wrote_into_the_register_opens_nothing(tmp_path: Path, envelope: Any) -> None:
    register = ConsultationRegister(tmp_path / "consultations.jsonl")
    register.made(envelope, "pio", AT)
    with pytest.raises(BadInput, match="opens nothing"):
        copy_of(SECRET, register.known(), "live", officers(), AT)


def test_a_register_that_cannot_be_read_or_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "consultations.jsonl"
    path.write_text("{}\n")
    with pytest.raises(BadInput) as found:
        ConsultationRegister(path).known()
    assert found.value.code == "consult.register"
    path.unlink()
    path.mkdir()
    with pytest.raises(BadInput) as found:
        ConsultationRegister(path).ended("0" * 64, "pio", AT)
    assert found.value.code == "consult.disk"
