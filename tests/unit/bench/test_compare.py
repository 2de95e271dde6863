"""``bench/compare.py`` names the rows that became worse, and only those."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import merged
from bench.compare import main, worse_rows
from bench.rows import few_words, missing, percentile, row_of, table


def result(
    ratio: float | None, *, better: str = "lower", key: str = "gate.rate", groups: tuple[str, ...] = ("gate",)
) -> Any:
    row = {"key": key, "what": "decide", "better": better, "ratio": ratio, "note": "" if ratio else "it did not start"}
    return {"groups": list(groups), "rows": [row]}


@pytest.mark.parametrize(
    ("better", "old", "new", "worse"),
    [
        ("lower", 2.0, 2.2, False),
        ("lower", 2.0, 2.3, True),
        ("lower", 2.0, 1.0, False),
        ("higher", 0.4, 0.36, False),
        ("higher", 0.4, 0.34, True),
        ("higher", 0.4, 0.9, False),
    ],
)
def test_a_ratio_is_worse_from_fifteen_percent_on(better: str, old: float, new: float, worse: bool) -> None:
    assert bool(worse_rows(result(old, better=better), result(new, better=better))) is worse


def test_what_was_measured_and_is_not_any_more_is_worse_and_says_why() -> None:
    (said,) = worse_rows(result(2.0), result(None))
    assert "it did not start" in said
    assert worse_rows(result(2.0), {"groups": ["gate"], "rows": []})


def test_what_was_never_measured_cannot_become_worse() -> None:
    assert worse_rows(result(None), result(9.0)) == []


def test_groups_that_were_not_played_are_left_out() -> None:
    assert worse_rows(result(2.0), {"groups": ["idle"], "rows": []}) == []


def test_the_command_fails_and_names_the_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(result(1.0)))
    new.write_text(json.dumps(result(1.2)))
    assert main([str(old), str(new)]) == 1
    assert "gate.rate" in capsys.readouterr().out
    assert main([str(old), str(old)]) == 0
    assert main([str(old), str(tmp_path / "none.json")]) == 2


def test_a_row_is_the_median_of_its_pairs_ratios() -> None:
    row = row_of("fanout.26", "fan-out to 26", "a loop", [(2.0, 1.0), (9.0, 3.0), (1.0, 1.0)])
    assert (row.ours, row.theirs, row.ratio) == (2.0, 1.0, 2.0)
    assert percentile([1, 2, 3, 4], 0.5) == 3


def test_the_table_says_why_a_row_is_missing() -> None:
    assert "no such server" in table([missing("a.b", "this", "that", OSError("no such\n server"))])


def test_an_error_of_the_broker_is_told_in_its_own_words() -> None:
    said = "BadRequestError: code=400 err_code=10026 description='maximum consumers limit reached'"
    assert few_words(f"the broker did not make it: {said}") == "maximum consumers limit reached (err_code 10026)"


def test_groups_that_were_played_anew_replace_the_old_ones() -> None:
    old = {"groups": ["fanout", "gate"], "seconds": 9, "rows": [{"key": "fanout.26"}, {"key": "gate.failed"}]}
    new = {"groups": ["gate"], "seconds": 1, "rows": [{"key": "gate.closed"}]}
    both = merged(old, new)
    assert [row["key"] for row in both["rows"]] == ["fanout.26", "gate.closed"]
    assert both["groups"] == ["fanout", "gate"]


def test_a_longer_ledger_than_was_measured_anew_stays_with_the_day_of_its_run() -> None:
    names = ("growth.10000.memory", "growth.1000000.memory", "idle.demo.memory")
    old: Any = {
        "groups": ["growth", "idle"],
        "seconds": 9,
        "runs": {"growth": {"at": "2026-11-26T09:00:00+00:00"}},
        "rows": [{"key": name, "note": ""} for name in names],
    }
    new: Any = {"groups": ["growth"], "seconds": 1, "rows": [{"key": "growth.10000.memory", "note": ""}]}
    rows = [(row["key"], row["note"]) for row in merged(old, new)["rows"]]
    assert rows == [(names[0], ""), (names[1], "of 2026-11-26"), (names[2], "")]
    older = merged(merged(old, new), {**new, "runs": {"growth": {"at": "2026-12-01T09:00:00+00:00"}}})
    assert [row["note"] for row in older["rows"]] == ["", "of 2026-11-26", ""], "the day stays its own"
