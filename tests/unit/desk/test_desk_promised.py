"""How promised updates are shown that did not come."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from schemas.events.notices import PromisedUpdate
from services.desk.views.message import promised
from services.desk.views.timetext import read_in

NOW = datetime(2026, 1, 31, 20, tzinfo=UTC)


def owed(name: str, by: datetime) -> PromisedUpdate:
    return PromisedUpdate(request_id=name, author="pio", text="Boil your water.\n" + "x" * 200, by=by)


def test_each_says_who_owes_what_by_when_and_what_to_type() -> None:
    read_in(None)
    out = io.StringIO()
    found = (owed("r1a", NOW - timedelta(minutes=12)), owed("r2b", NOW + timedelta(minutes=5)))
    promised.listed(Console(file=out, width=120), found, NOW)
    said = out.getvalue()
    assert "Promised updates that did not come yet, 2:" in said
    assert "r1a  pio  promised more by 19:48:00 UTC (12 min ago)" in said
    assert "r2b  pio  promised more by 20:05:00 UTC (in 5 min)" in said
    assert "onevoice update r1a TEXT" in said
    assert "onevoice all-clear r2b" in said
    assert "Boil your water." in said


def test_nothing_owed_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    promised.listed(Console(file=out), (), NOW)
    promised.named(())
    assert out.getvalue() == ""
    assert capsys.readouterr() == ("", "")


def test_programs_are_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    promised.named((owed("r1a", NOW),))
    assert "promised updates: r1a" in capsys.readouterr().err
