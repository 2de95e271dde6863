"""What a restore decides: pure."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas import flow
from services.audit.proof import verify_record
from services.audit.proof.restore import PROVISION, puts, refuse_foreign_entry, refuse_unproven, runs, writer_of
from services.audit.record.alarms import Alarm, close_alarms, read_closed
from services.audit.record.folder import ALARMS
from services.audit.record.format import RecordEntry, differences, read_line, write_line
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from services.kernel.ledger.entry import LAST_HEADER, entry_time
from tests.support.ledger_builder import LedgerBuilder, story
from tests.unit.audit.conftest import moved

AT = datetime(2026, 1, 31, 14, 0, 0, 123456, tzinfo=UTC)


def line(seq: int, subject: str = "ledger.request.r1", message_id: str = "") -> RecordEntry:
    headers = {"Nats-Msg-Id": message_id or f"m{seq}", "Nats-Expected-Stream": "LEDGER"}
    return read_line(write_line(RecordEntry(seq, subject, AT, b"{}", headers))[0])


def test_a_restored_entry_is_the_same_as_its_copy() -> None:
    """Subject, bytes, headers and the first time come back, although the server stamps anew."""
    for copy, put in zip([line(1), line(2)], puts([line(1), line(2)]), strict=True):
        stamped = entry_time(AT + timedelta(days=3), put.seq, put.headers, put.seq)
        live = RecordEntry(put.seq, put.subject, stamped, put.data, put.headers)
        assert differences(copy, live) == ()
        assert write_line(live) == write_line(copy)
        refuse_foreign_entry(copy, live)


def test_a_message_id_that_stood_before_travels_beside() -> None:
    """The server would take the second entry for a repeat of the first, and drop it."""
    first, second = puts([line(1, message_id="same"), line(2, message_id="same")])
    assert first.headers["Nats-Msg-Id"] == "same"
    assert "Nats-Msg-Id" not in second.headers
    live = RecordEntry(2, second.subject, AT, second.data, second.headers)
    assert differences(line(2, message_id="same"), live) == ()


def test_a_copy_with_a_hole_is_not_restored() -> None:
    """A ledger with another sequence for an entry would be another story."""
    with pytest.raises(Unproven, match="no entry 2"):
        list(puts([line(1), line(3)]))


def test_each_entry_has_one_writer_and_only_neighbours_of_one_go_together() -> None:
    """Within a run the order is kept by one connection; between two, by waiting."""
    for row in flow.SERVICES:
        for subject in row.writes:
            if subject.startswith("ledger."):
                assert subject in {w for s in flow.SERVICES if s.name == writer_of(subject) for w in s.writes}
    subjects = ["ledger.control", "ledger.request.a", "ledger.approval.a.pio", "ledger.verdict.a", "ledger.verdict.b"]
    found = list(runs(puts(line(number, subject) for number, subject in enumerate(subjects, 1))))
    assert [[put.seq for put in run] for run in found] == [[1], [2, 3], [4, 5]]
    with pytest.raises(Unproven):
        writer_of("ledger.unheard-of")


def test_what_no_restore_put_there_is_refused() -> None:
    """An entry of the living ledger, another body, and none at all."""
    copy = line(2)
    pinned = {**copy.headers, LAST_HEADER: "1"}
    for live in (copy, None, replace(copy, headers=pinned, data=b"[]")):
        with pytest.raises(BadInput) as refused:
            refuse_foreign_entry(copy, live)
        assert refused.value.code == "ledger.not_empty"


def test_alarms_do_not_keep_from_restoring_and_other_violations_do(city: City, tmp_path: Path) -> None:
    """An alarm says what the ledger did; a record that does not verify is nothing to restore from."""
    shutil.copytree(city.folder, tmp_path / "city")
    builder = LedgerBuilder(moved(city, tmp_path / "city"))
    story(builder, sealed=False)
    builder.write()
    alarm = Alarm(at=AT, seq=3, code="ledger.missing", message="The ledger has no entry 3 any more.")
    (builder.city.audit_folder / ALARMS).write_bytes(alarm.to_bytes() + b"\n")
    report = verify_record(builder.city, builder.now)
    assert not report.ok
    refuse_unproven(builder.city, report)

    assert close_alarms(builder.city.audit_folder, "mcpe", "restored", AT) == 1
    closed = verify_record(builder.city, builder.now)
    assert closed.ok
    assert "Closed by mcpe: restored" in " ".join(one.message for one in closed.warnings)
    assert [one.alarm for one in read_closed(builder.city.audit_folder)] == [alarm]
    assert close_alarms(builder.city.audit_folder, "mcpe", "restored", AT) == 0

    path = builder.city.record_path
    path.write_bytes(path.read_bytes().replace(b"Road closed", b"Road opened", 1))
    with pytest.raises(Unproven):
        refuse_unproven(builder.city, verify_record(builder.city, builder.now))


def test_what_no_service_writes_any_more_is_put_back_by_the_provisioning_user(city: City) -> None:
    """A ledger that 0.2 began has deliveries; each of its entries has a writer, as in one of this version."""
    for old in (True, False):
        builder = story(LedgerBuilder(city, old=old))
        writers = {put.writer for put in puts(builder.entries)}
        assert writers - {PROVISION} == {"eoc_state", "intake", "gatekeeper", "fanout", "audit"}
        assert (PROVISION in writers) is old
