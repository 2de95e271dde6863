"""An entry that should not be there is accepted by an officer's signature, by nothing else, and hides nothing."""

from __future__ import annotations

import pytest

from schemas import canonical
from schemas.events.verdicts import Outcome
from services.audit.proof import verify_record
from services.audit.proof.quarantine import examine, quarantine
from services.audit.proof.restore import refuse_unproven
from services.audit.proof.verify import keys_of
from services.audit.record.folder import ALARMS
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Refused, Unproven
from tests.support.ledger_builder import LedgerBuilder, stranger
from tests.unit.audit.judging import Verify

REASON = "the gatekeeper's key was stolen, and is replaced"


@pytest.fixture
def forged(builder: LedgerBuilder, verify: Verify) -> int:
    """A record with a refusal that the policy would not give; its place."""
    request = builder.request()
    builder.approve(request, "mcpe")
    seq = builder.verdict(request, Outcome.REFUSED)
    assert [one.code for one in verify(builder).violations] == ["verdict.policy"]
    return seq


def sign(builder: LedgerBuilder, seq: int, officer: str = "mcpe") -> None:
    examined = examine(builder.city, keys_of(builder.city), seq)
    quarantine(builder.city, examined, builder.signer(officer), officer, REASON, builder.now)


def test_it_verifies_as_a_warning_and_may_be_restored(builder: LedgerBuilder, forged: int) -> None:
    city = builder.city
    with pytest.raises(Unproven):
        refuse_unproven(city, verify_record(city, builder.now))
    sign(builder, forged)
    report = verify_record(city, builder.now)
    (told,) = [one for one in report.warnings if one.seq == forged]
    assert (report.violations, told.code) == ((), "verdict.policy")
    assert f"Quarantined by mcpe: {REASON}." in told.message
    refuse_unproven(city, report)


def test_only_an_approver_or_the_office_may(builder: LedgerBuilder, forged: int) -> None:
    with pytest.raises(Refused, match="no role"):
        sign(builder, forged, "clerk")


@pytest.mark.parametrize("seq", [2, 99])
def test_what_is_sound_or_not_there_is_not_quarantined(builder: LedgerBuilder, forged: int, seq: int) -> None:
    assert forged
    with pytest.raises(BadInput):
        examine(builder.city, keys_of(builder.city), seq)


def test_another_key_or_another_entry_accepts_nothing(builder: LedgerBuilder, forged: int) -> None:
    city: City = builder.city
    examined = examine(city, keys_of(city), forged)
    quarantine(city, examined, stranger(), "mcpe", REASON, builder.now)
    codes = {one.code for one in verify_record(city, builder.now).violations}
    assert codes == {"quarantine.invalid", "verdict.policy"}


def test_a_quarantine_that_was_changed_is_found(builder: LedgerBuilder, forged: int) -> None:
    """It is in the chain of alarms, which checkpoints sign, and its own signature covers entry and reason."""
    sign(builder, forged)
    path = builder.city.audit_folder / ALARMS
    line = canonical.loads(path.read_bytes().strip())
    line["seq"] = forged - 1
    path.write_bytes(canonical.dumps(line) + b"\n")
    codes = {one.code for one in verify_record(builder.city, builder.now).violations}
    assert {"quarantine.invalid", "verdict.policy"} <= codes


def test_damage_to_the_record_is_never_accepted(builder: LedgerBuilder, forged: int) -> None:
    """A byte that was changed on disk is no entry that somebody could sign for."""
    sign(builder, forged)
    path = builder.city.audit_folder / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b"refused", b"cleared", 1))
    assert not verify_record(builder.city, builder.now).ok
