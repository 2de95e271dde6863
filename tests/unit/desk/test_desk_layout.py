"""Tables take the terminal's width, a dumb terminal gets no boxes, and the log of bugs is bounded."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.events.requests import PlatformContent, Rendering
from services.desk.views import failure
from services.desk.views.layout import table_width, width
from services.desk.views.message import request as show
from services.desk.views.output import PlainConsole, console, errors_console


@pytest.mark.parametrize(("columns", "wide"), [("0", 80), ("10", 30), ("29", 30), ("30", 30), ("132", 132)])
def test_a_terminal_that_says_nothing_or_next_to_nothing_of_its_width_can_be_read(
    monkeypatch: pytest.MonkeyPatch, columns: str, wide: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert (console().width, errors_console().width) == (wide, wide)


@pytest.mark.parametrize(("columns", "prose", "tables"), [(30, 30, 30), (80, 80, 80), (100, 80, 100), (200, 80, 120)])
def test_tables_use_the_terminal_and_prose_stays_readable(columns: int, prose: int, tables: int) -> None:
    terminal = PlainConsole(file=io.StringIO(), width=columns)
    assert (width(terminal), table_width(terminal)) == (prose, tables)


@pytest.mark.parametrize(("term", "boxed"), [("dumb", False), ("xterm-256color", True)])
def test_a_dumb_terminal_gets_no_boxes(term: str, boxed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    content = PlatformContent(platform="website", parts=("Boil water.",), created_at=datetime(2026, 1, 5, tzinfo=UTC))
    out = io.StringIO()
    console = PlainConsole(file=out, force_terminal=True, width=60, color_system=None)
    show.message(console, (Rendering.of(content),), ("city-website",), "profiles", ())
    said = out.getvalue()
    assert "Boil water." in said
    assert "website, 11 characters" in said
    assert ("─" in said) is boxed


def test_the_log_of_bugs_does_not_grow_without_end(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    log = tmp_path / "var" / failure.LOG_NAME
    log.write_text("x" * (failure.LOG_BYTES + 1))
    failure.bug(ValueError("new"), ["--city", str(tmp_path)])
    assert "ValueError: new" in log.read_text()
    assert log.stat().st_size < failure.LOG_BYTES
    assert log.with_name(f"{failure.LOG_NAME}.1").stat().st_size > failure.LOG_BYTES
    failure.bug(ValueError("next"), ["--city", str(tmp_path)])
    assert "ValueError: new" in log.read_text()
