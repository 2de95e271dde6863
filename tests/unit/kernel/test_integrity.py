"""The checks that find a ledger which lost or changed entries, the high-water mark, and the first time of an entry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.events.audit import LedgerIntegrity
from services.kernel.ledger.entry import AT_HEADER, LAST_HEADER, Entry, entry_time
from services.kernel.ledger.integrity.checks import (
    IntegrityFault,
    Shape,
    check_ack,
    check_count,
    check_remembered,
    check_report,
)
from services.kernel.ledger.integrity.high_water import HighWaterMark, mark_of, read_mark

AT = datetime(2026, 1, 31, 14, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shape", "well"),
    [
        (Shape(0, 0, 0), True),
        (Shape(1, 302, 302), True),
        (Shape(1, 302, 137), False),  # a truncated block after a clean stop
        (Shape(0, 302, 0), False),  # the only block deleted after a clean stop
        (Shape(303, 303, 1), False),
        (Shape(1, 2002, 1591, 411), False),
    ],
)
def test_the_streams_own_count_shows_what_the_server_knows_that_it_lost(shape: Shape, well: bool) -> None:
    assert (check_count(shape) is None) is well


def test_an_ack_stands_above_all_that_was_seen() -> None:
    """At a sequence that stood already, the server has handed a lost entry's place out again."""
    assert check_ack(51, 50) is None
    for seq in (50, 3):
        fault = check_ack(seq, 50)
        assert fault is not None
        assert (fault.code, "has seen 50 before" in fault.message) == ("ledger.rewound", True)


def test_a_remembered_entry_stands_as_it_did_or_is_named() -> None:
    """Missing and changed are told apart: a person looks for different things."""
    assert check_remembered("it has seen entry 7", same=True, missing=False) is None
    said = [check_remembered("it has seen entry 7", same=False, missing=missing) for missing in (True, False)]
    assert [fault.message if fault else "" for fault in said] == [
        "it has seen entry 7, and the ledger has no such entry any more",
        "it has seen entry 7, and the ledger has another entry there now",
    ]


def test_only_a_contradicted_ledger_is_a_fault() -> None:
    """While the first comparison runs nothing speaks against the ledger."""
    sound = LedgerIntegrity(at=AT, standing="sound")
    assert check_report(sound) is None
    assert check_report(sound.model_copy(update={"standing": "comparing"})) is None
    fault = check_report(sound.model_copy(update={"standing": "contradicted", "first_seq": 7, "message": "Lost."}))
    assert fault is not None
    assert int(fault.exit_status) == 7


def test_a_high_water_mark_remembers_the_end_of_the_ledger(tmp_path: Path) -> None:
    """The same bytes at its sequence, or a fault; a file that cannot be read is a fault, too."""
    path = tmp_path / "seen.json"
    assert read_mark(path) is None
    entry = Entry(9, "ledger.control", AT, b"x", {})
    mark = mark_of(entry, "contradicted")
    mark.write(path)
    assert read_mark(path) == mark
    assert mark.check(entry, path) is None
    for found in (None, Entry(9, "ledger.control", AT, b"y", {})):
        fault = mark.check(found, path)
        assert fault is not None
        assert (fault.code, str(path) in fault.hint) == ("ledger.rewound", True)
    path.write_text("{")
    with pytest.raises(IntegrityFault):
        read_mark(path)


def test_the_mark_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Byte for byte as 0.3 wrote it."""
    path = tmp_path / "seen.json"
    path.write_bytes(b'{"seq": 9, "sha256": "ab", "doubt": "lost"}')
    mark = read_mark(path)
    assert mark == HighWaterMark(9, "ab", "lost")
    assert mark.to_bytes() == path.read_bytes()


def test_the_first_time_counts_only_on_what_a_restore_has_pinned_and_never_makes_newer() -> None:
    """A header alone, a wrong pin, a time to come or none at all: the server's own time stands."""
    early, pin = AT - timedelta(hours=1), {LAST_HEADER: "6"}
    assert entry_time(AT, 7, {AT_HEADER: early.isoformat(), **pin}, 7) == early
    assert entry_time(AT, 7, {AT_HEADER: early.isoformat(), **pin}, 6) == AT, "it is behind what was put back"
    for headers in (
        {AT_HEADER: early.isoformat()},
        {AT_HEADER: early.isoformat(), LAST_HEADER: "5"},
        {AT_HEADER: (AT + timedelta(hours=1)).isoformat(), **pin},
        {AT_HEADER: "yesterday", **pin},
        {AT_HEADER: "2026-01-31T13:00:00", **pin},
        {AT_HEADER: "0001-01-01T00:00:00+14:00", **pin},
        {AT_HEADER: "9999-12-31T23:59:59-14:00", **pin},
    ):
        assert entry_time(AT, 7, headers, 7) == AT
