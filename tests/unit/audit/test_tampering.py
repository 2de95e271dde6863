"""Invariant 10: any bit changed, any entry removed, doubled, moved or cut off is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events.audit import Checkpoint
from services.audit.proof import Report, verify_record
from services.audit.record.folder import CHECKPOINTS, LEDGER
from services.audit.record.format import RecordEntry, write_line
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven
from tests.support.ledger_builder import FIRE, LedgerBuilder, story
from tests.unit.audit.conftest import moved

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Sealed:
    """A record on disk as it was written, and a place to bend a copy of it."""

    city: City
    builder: LedgerBuilder
    ledger: bytes
    checkpoints: bytes

    def verify(self, ledger: bytes, checkpoints: bytes | None = None) -> Report:
        (self.city.audit_folder / LEDGER).write_bytes(ledger)
        (self.city.audit_folder / CHECKPOINTS).write_bytes(self.checkpoints if checkpoints is None else checkpoints)
        return verify_record(self.city, self.builder.now)

    @property
    def lines(self) -> list[bytes]:
        return self.ledger.splitlines(keepends=True)


@pytest.fixture(scope="module")
def sealed(city: City, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """A small record: manifest, a routine post, a seal."""
    builder = LedgerBuilder(city)
    shutil.rmtree(builder.city.audit_folder, ignore_errors=True)
    builder.genesis()
    request = builder.request(author="fire-publisher")
    builder.approve(request, "fire-publisher")
    builder.verdict(request)
    builder.post(request)
    builder.seal()
    folder = builder.write(every=3)
    ledger, checkpoints = (folder / LEDGER).read_bytes(), (folder / CHECKPOINTS).read_bytes()
    shutil.rmtree(folder)
    return Sealed(moved(city, tmp_path_factory.mktemp("bent")), builder, ledger, checkpoints)


def test_the_record_as_written_verifies(sealed: Sealed) -> None:
    """Without this the tests below would prove nothing."""
    report = sealed.verify(sealed.ledger)
    assert (report.violations, report.warnings, report.events) == ((), (), len(sealed.builder.entries))


@QUICK
@given(st.data())
def test_any_flipped_bit_of_the_entries_is_found(sealed: Sealed, data: st.DataObject) -> None:
    """Whatever bit it is: within a text, a hash, a line feed."""
    bent = bytearray(sealed.ledger)
    bent[data.draw(st.integers(0, len(bent) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not sealed.verify(bytes(bent)).ok


@QUICK
@given(st.data())
def test_any_flipped_bit_of_the_checkpoints_is_found(sealed: Sealed, data: st.DataObject) -> None:
    """Also the unused bits at the end of base64."""
    bent = bytearray(sealed.checkpoints)
    bent[data.draw(st.integers(0, len(bent) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not sealed.verify(sealed.ledger, bytes(bent)).ok


def test_every_removed_line_is_found(sealed: Sealed) -> None:
    """Each line alone; the gap is named by its sequence, the last one as cut off."""
    lines = sealed.lines
    for index in range(len(lines)):
        report = sealed.verify(b"".join(lines[:index] + lines[index + 1 :]))
        expected = "record.truncated" if index == len(lines) - 1 else "record.gap"
        assert (index + 1, expected) in {(one.seq, one.code) for one in report.violations}


def test_every_two_lines_that_changed_places_are_found(sealed: Sealed) -> None:
    """Neighbours or not."""
    lines = sealed.lines
    for first in range(len(lines)):
        for second in range(first + 1, len(lines)):
            bent = [*lines]
            bent[first], bent[second] = bent[second], bent[first]
            assert not sealed.verify(b"".join(bent)).ok


def test_every_doubled_line_is_found(sealed: Sealed) -> None:
    """Right behind itself, or at the end."""
    lines = sealed.lines
    for index, line in enumerate(lines):
        for bent in (lines[: index + 1] + lines[index:], [*lines, line]):
            codes = {one.code for one in sealed.verify(b"".join(bent)).violations}
            assert "record.order" in codes


@QUICK
@given(st.data())
def test_a_cut_tail_is_found(sealed: Sealed, data: st.DataObject) -> None:
    """At any byte: the checkpoints remember how far the record reached."""
    cut = data.draw(st.integers(0, len(sealed.ledger) - 1))
    assert "record.truncated" in {one.code for one in sealed.verify(sealed.ledger[:cut]).violations}


def test_a_line_with_its_hash_made_to_fit_is_found(sealed: Sealed) -> None:
    """Who rewrites an entry and its leaf hash still has the signed root against them."""
    victim = sealed.builder.entries[1]
    forged, _ = write_line(
        RecordEntry(victim.seq, victim.subject, victim.at, victim.data.replace(b"Wren", b"Oak "), victim.headers)
    )
    report = sealed.verify(b"".join([sealed.lines[0], forged, *sealed.lines[2:]]))
    assert "record.root" in {one.code for one in report.violations}


def test_entries_that_nobody_signed_are_not_believed(sealed: Sealed) -> None:
    """A well-formed line at the end, without a checkpoint over it."""
    last = sealed.builder.entries[-1]
    extra, _ = write_line(RecordEntry(last.seq + 1, last.subject, last.at, last.data, {}))
    assert "record.unsealed" in {one.code for one in sealed.verify(sealed.ledger + extra).violations}


def test_a_line_that_a_crash_cut_off_is_a_warning(sealed: Sealed) -> None:
    """It was never acknowledged; the service takes it away when it starts."""
    report = sealed.verify(sealed.ledger + b'{"entry":{"at"')
    assert (report.ok, [one.code for one in report.warnings]) == (True, ["record.torn"])


def test_without_checkpoints_nothing_is_believed(sealed: Sealed) -> None:
    """Fail closed: no signature, no proof."""
    assert "record.unsealed" in {one.code for one in sealed.verify(sealed.ledger, b"").violations}


def test_checkpoints_of_another_key_are_not_believed(sealed: Sealed, city: City) -> None:
    """Only the key that city.toml pins counts; the other realm's is another one."""
    other = City(city.folder, city.settings, "exercise")
    pinned = City(sealed.city.folder, city.settings, "live")
    pinned.settings = city.settings.model_copy(
        update={
            "authority": city.settings.authority.model_copy(
                update={
                    "live": city.settings.authority.live.model_copy(update={"audit_key": other.authority.audit_key})
                }
            )
        }
    )
    sealed.verify(sealed.ledger)
    codes = {one.code for one in verify_record(pinned, sealed.builder.now).violations}
    assert {"checkpoint.signature", "record.unsealed", "seal.signature"} <= codes


def test_record_and_checkpoints_cut_together_need_a_checkpoint_kept_elsewhere(sealed: Sealed) -> None:
    """What the record cannot show by itself, a printed checkpoint shows."""
    lines, signed = sealed.lines, sealed.checkpoints.splitlines(keepends=True)
    assert sealed.verify(b"".join(lines[:3]), signed[0]).ok
    full = sealed.verify(sealed.ledger)
    kept = Checkpoint(realm="live", size=len(lines), last_seq=full.last_seq, root=full.root, at=sealed.builder.now)
    assert verify_record(sealed.city, sealed.builder.now, known=(kept,)).ok
    sealed.verify(b"".join(lines[:3]), signed[0])
    cut = verify_record(sealed.city, sealed.builder.now, known=(kept,))
    assert [one.code for one in cut.violations] == ["record.truncated"]
    bent = kept.model_copy(update={"size": 3, "last_seq": 3})
    other = verify_record(sealed.city, sealed.builder.now, known=(bent,))
    assert [one.code for one in other.violations] == ["record.root"]


def test_no_record_is_no_proof(city: City, tmp_path: Path) -> None:
    """An empty folder does not verify."""
    with pytest.raises(Unproven) as refused:
        verify_record(moved(city, tmp_path), story(LedgerBuilder(city)).now)
    assert refused.value.code == "record.missing"


def test_a_seal_that_does_not_fit_the_tree_is_found(
    builder: LedgerBuilder, verify: Callable[[LedgerBuilder], Report]
) -> None:
    """A seal vouches for the tree at its size; one signed over another story is named by its sequence."""
    builder.request(targets=(FIRE,))
    seq = builder.seal(root="0" * 64)
    found = verify(builder).violations
    assert [(one.seq, one.code) for one in found] == [(seq, "record.root")]
