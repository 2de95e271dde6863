"""The copy's files: durable, only growing, never repaired except for what was never acknowledged."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from schemas.events.audit import Checkpoint
from services.audit.copy_plan import SealRule, plan
from services.audit.record.alarm_log import AlarmLog
from services.audit.record.alarms import Alarm
from services.audit.record.checkpoints import checkpoint_hash
from services.audit.record.folder import CHECKPOINTS, LEDGER
from services.audit.record.format import LineError, RecordEntry, differences, read_line, write_line
from services.audit.record.merkle import leaf_hash
from services.audit.record.writer import Damaged, RecordWriter
from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City
from services.kernel.ledger.client import Entry
from tests.support.ledger_builder import START


def entry(seq: int, data: bytes = b'{"a":1}', **headers: str) -> Entry:
    return Entry(seq, "ledger.request.r2a", START, data, {"Nats-Msg-Id": f"m{seq}", **headers})


@pytest.fixture
def signer(city: City) -> Signer:
    return load_key(city.service_key_path("audit"))


def test_a_line_is_read_back_as_it_was_written() -> None:
    """Text, line separators of Unicode, and bytes that are no text."""
    for data in (b"{}", "Überflutung \u2028 \x00 🌊\n".encode(), b"\xff\xfe", b""):
        raw, leaf = write_line(entry(7, data))
        line = read_line(raw)
        assert raw.count(b"\n") == 1
        assert (line.seq, line.data, line.leaf, line.headers) == (7, data, leaf, {"Nats-Msg-Id": "m7"})
        assert differences(line, entry(7, data)) == ()


def test_only_headers_that_conditioned_the_append_are_kept() -> None:
    """The rest may differ by how a message was read."""
    pinned: dict[str, Any] = {"Nats-Expected-Last-Sequence": "0", "Nats-Expected-Last-Subject-Sequence": "4"}
    line = read_line(write_line(entry(1, traceparent="x", **pinned))[0])
    assert set(line.headers) == {"Nats-Msg-Id", "Nats-Expected-Last-Subject-Sequence"}


@pytest.mark.parametrize(
    "bent",
    [
        b"",
        b"\n",
        b'{"entry":{},"leaf":"00"}\n',
        b'{"entry":[],"leaf":"' + b"0" * 64 + b'"}\n',
        b"\xff" * 200 + b"\n",
    ],
)
def test_what_is_no_line_is_refused(bent: bytes) -> None:
    """With a LineError, never another exception."""
    with pytest.raises(LineError):
        read_line(bent)


def test_differences_are_named() -> None:
    """Subject, body, headers, time."""
    other = RecordEntry(1, "ledger.control", START.replace(hour=3), b"x", {})
    assert differences(other, entry(1)) == ("subject", "body", "headers", "time")


def test_the_record_goes_on_where_it_was(tmp_path: Path, signer: Signer) -> None:
    """Closed and opened again, the tree and the last entry are the same."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(1), entry(2)])
        record.seal(START)
        record.append([entry(3)])
        first = record.seal(START)
    with RecordWriter(tmp_path, "live", signer) as again:
        assert (again.size, again.last_seq, again.opening.unsealed) == (3, 3, 0)
        before, now = (Checkpoint.from_bytes(one.payload_bytes()) for one in (first, again.seal(START)))
        assert now == before.model_copy(update={"previous": checkpoint_hash(first)})
        assert [line.seq for line in again.since(1)] == [2, 3]
        assert {seq: line.data for seq, line in again.find({1, 3, 9}).items()} == {
            1: b'{"a":1}',
            3: b'{"a":1}',
        }


def test_old_entries_are_found_in_a_long_file(tmp_path: Path, signer: Signer) -> None:
    """Reading backwards across blocks, lines longer than a block among them."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(seq, b"x" * (300_000 if seq % 7 == 0 else 50)) for seq in range(1, 40)])
        assert sorted(record.find({1, 7, 20, 39})) == [1, 7, 20, 39]
        record.seal(START)


def test_entries_out_of_order_are_refused(tmp_path: Path, signer: Signer) -> None:
    """Nothing of such a batch is written."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(1)])
        with pytest.raises(ValueError, match="does not come after"):
            record.append([entry(2), entry(2)])
        assert (tmp_path / LEDGER).read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("name", [LEDGER, CHECKPOINTS])
def test_a_torn_last_line_is_cut(tmp_path: Path, signer: Signer, name: str) -> None:
    """At each length of the torn line; the rest stays byte for byte."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(1)])
        record.seal(START)
        whole = {file: (tmp_path / file).read_bytes() for file in (LEDGER, CHECKPOINTS)}
        record.append([entry(2)])
        record.seal(START)
    line = (tmp_path / name).read_bytes()[len(whole[name]) :]
    for length in range(1, len(line), 17):
        for file, raw in whole.items():
            (tmp_path / file).write_bytes(raw)
        (tmp_path / name).write_bytes(whole[name] + line[:length])
        with RecordWriter(tmp_path, "live", signer) as again:
            assert again.opening.cut_entries + again.opening.cut_checkpoints == length
        assert (tmp_path / name).read_bytes() == whole[name]


def test_any_other_damage_is_refused_and_left_alone(tmp_path: Path, signer: Signer) -> None:
    """Each byte of a small record, bent: the service does not open it, and does not touch it."""
    with RecordWriter(tmp_path, "live", signer) as record:
        for seq in (1, 2):
            record.append([entry(seq)])
            record.seal(START)
    path = tmp_path / LEDGER
    raw = path.read_bytes()
    for index in range(0, len(raw) - 1, 5):
        bent = bytearray(raw)
        bent[index] ^= 4
        path.write_bytes(bent)
        with pytest.raises(Damaged):
            RecordWriter(tmp_path, "live", signer)
        assert path.read_bytes() == bent


def test_what_no_checkpoint_covers_is_read_strictly(tmp_path: Path, signer: Signer) -> None:
    """A line in the middle of the unsigned end whose hash fits, in another form than entries are written in."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(1)])
        record.seal(START)
    raw = write_line(entry(2))[0].split(b',"leaf"')[0].removeprefix(b'{"entry":').replace(b'"seq":2,', b'"seq": 2,')
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(
            b'{"entry":' + raw + b',"leaf":"' + leaf_hash(raw).hex().encode() + b'"}\n' + write_line(entry(3))[0]
        )
    with pytest.raises(Damaged):
        RecordWriter(tmp_path, "live", signer)


def test_a_gap_that_the_ledger_had_is_no_damage(tmp_path: Path, signer: Signer) -> None:
    """Signed or not, at the opening: the proof names it."""
    for sealed in (True, False):
        folder = tmp_path / str(sealed)
        with RecordWriter(folder, "live", signer) as record:
            record.append([entry(1), entry(4)])
            if sealed:
                record.seal(START)
        with RecordWriter(folder, "live", signer) as again:
            assert (again.size, again.last_seq, again.last) == (2, 4, next(again.since(1)))


def test_a_shortened_record_and_a_foreign_checkpoint_are_refused(tmp_path: Path, signer: Signer, city: City) -> None:
    """Fewer entries than were sealed; a checkpoint by another key."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(1), entry(2)])
        record.seal(START)
    path = tmp_path / LEDGER
    raw = path.read_bytes()
    path.write_bytes(raw.splitlines(keepends=True)[0])
    with pytest.raises(Damaged) as cut:
        RecordWriter(tmp_path, "live", signer)
    assert cut.value.code == "record.truncated"
    path.write_bytes(raw)
    other = load_key(City(city.folder, city.settings, "exercise").service_key_path("audit"))
    with pytest.raises(Damaged) as foreign:
        RecordWriter(tmp_path, "live", other)
    assert foreign.value.code == "record.checkpoint"


def test_what_another_program_wrote_is_noticed(tmp_path: Path, signer: Signer) -> None:
    """The file grew under our feet: nothing more is appended."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(1)])
        with (tmp_path / LEDGER).open("ab") as file:
            file.write(b"gossip\n")
        with pytest.raises(Damaged) as noticed:
            record.append([entry(2)])
    assert noticed.value.code == "record.foreign_write"


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes a part and then no more: the part is taken back, and later it goes on."""
    with RecordWriter(tmp_path, "live", signer) as record:
        record.append([entry(1)])
        before = (tmp_path / LEDGER).read_bytes()
        real, calls = os.write, []

        def full(handle: int, raw: bytes) -> int:
            calls.append(handle)
            if len(calls) > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(handle, bytes(raw)[:20])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            record.append([entry(2)])
        monkeypatch.undo()
        assert (tmp_path / LEDGER).read_bytes() == before
        record.append([entry(2)])
        assert record.last_seq == 2


def test_a_batch_is_put_in_order() -> None:
    """Whatever the order, and however often an entry came."""
    found = plan(3, [entry(6), entry(2), entry(5), entry(6), entry(3)])
    assert [one.seq for one in found.new] == [5, 6]
    assert [one.seq for one in found.known] == [2, 3]


def test_when_a_seal_is_due() -> None:
    """After so many entries or seconds; never for nothing."""
    rule = SealRule(entries=10, seconds=60)
    assert [rule.due(*case) for case in ((0, 999.0), (1, 59.0), (1, 60.0), (9, 0.0), (10, 0.0))] == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_an_alarm_is_kept_once(tmp_path: Path) -> None:
    """Also over a restart; a changed file of alarms is damage."""
    alarm = Alarm(at=START, seq=3, code="ledger.lost", message="The ledger ends at 2.")
    log = AlarmLog(tmp_path)
    assert (log.add(alarm), log.add(alarm.model_copy(update={"at": START.replace(hour=20)}))) == (True, False)
    log.close()
    again = AlarmLog(tmp_path)
    assert (len(again), again.add(alarm)) == (1, False)
    again.close()
    (tmp_path / "alarms.jsonl").write_text("gossip\n")
    with pytest.raises(Damaged):
        AlarmLog(tmp_path)
