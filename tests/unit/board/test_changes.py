"""What a list of messages is told of the past."""

from __future__ import annotations

from pathlib import Path

from services.board.changes import as_event, of_message
from services.kernel.ledger.client import Entry
from tests.support.ledger_builder import LedgerBuilder, demo_city, story


def test_a_list_of_messages_gets_requests_whole_and_what_became_of_them(tmp_path: Path) -> None:
    kinds = set()
    for line in story(LedgerBuilder(demo_city(tmp_path / "city"))).entries:
        entry = Entry(line.seq, line.subject, line.at, line.data, line.headers)
        kind, found, whole = line.subject.split(".")[1], of_message(entry), as_event(entry)
        kinds.add(kind)
        if kind == "request":
            assert found == whole
        elif kind in ("verdict", "receipt"):
            assert found is not None
            assert (found.seq, found.subject, found.at) == (whole.seq, whole.subject, whole.at)
            assert found.body == {"outcome": whole.body["outcome"]}
        else:
            assert found is None
    assert {"request", "verdict", "receipt", "attempt", "control"} <= kinds
