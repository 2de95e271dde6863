"""The table of a fault run, as `make faults WRITE=` puts it into docs/reliability.md."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.__main__ import write
from tests.faults.rows import HEAD, Row, table
from tests.unit.test_docs import ROOT

PAGE = ROOT / "docs" / "reliability.md"
MARKED = re.compile(r"<!-- faults -->\n(.*?)<!-- /faults -->", re.DOTALL)
ROWS = [
    Row("kill -9", 3, recovered=2.34),
    Row("a disk that is full in mid-batch", 1, acked=500, stored=500, remark="2 batches"),
]


def test_no_line_is_padded_to_the_length_of_the_longest() -> None:
    assert table(ROWS).splitlines() == [
        f"| {' | '.join(HEAD)} |",
        "|---|---|---|---|---|---|---|---|---|",
        "| kill -9 | 3 | 0 | 0 | 0 | 0 | 0 | 2.3 s | |",
        "| a disk that is full in mid-batch | 1 | 500 | 500 | 0 | 0 | 0 | | 2 batches |",
    ]


def test_the_page_has_its_table_as_a_run_would_write_it() -> None:
    (marked,) = MARKED.findall(PAGE.read_text(encoding="utf-8"))
    shown = [line for line in marked.splitlines() if line.startswith("|")]
    assert shown[:2] == table([]).splitlines()
    assert len(shown) > 50
    assert [line for line in shown[2:] if re.search(r"  |--", line) or line.count(" | ") + line.count("| |") < 8] == []


def test_a_run_changes_nothing_but_the_table(tmp_path: Path) -> None:
    before, copy = PAGE.read_text(encoding="utf-8"), tmp_path / "page.md"
    copy.write_text(before, encoding="utf-8")
    write(copy, table(ROWS))
    after = copy.read_text(encoding="utf-8")
    assert MARKED.findall(after) == [f"\n{table(ROWS)}\n\n"]
    assert MARKED.split(after)[::2] == MARKED.split(before)[::2]
