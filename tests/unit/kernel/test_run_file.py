"""Whether ``onevoice up`` runs for a city: one answer for all who ask."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from services.kernel.base.city import City
from services.kernel.base.run_file import running_city, write_run_file
from tests.support.ledger_builder import demo_city


@pytest.fixture
def city(tmp_path: Path) -> City:
    return demo_city(tmp_path / "city")


def test_a_living_process_is_running(city: City) -> None:
    assert running_city(city) is None
    write_run_file(city, {"pid": os.getpid(), "nats_url": "nats://127.0.0.1:1"})
    assert running_city(city) == {"pid": os.getpid(), "nats_url": "nats://127.0.0.1:1"}


def test_a_process_of_another_user_is_running(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Process 1 is somebody else's for most users: then the system answers "not permitted"; the answer is the same."""

    def not_permitted(_pid: int, _signal: int) -> None:
        raise PermissionError

    if os.getuid() == 0:
        monkeypatch.setattr(os, "kill", not_permitted)
    write_run_file(city, {"pid": 1})
    assert running_city(city) == {"pid": 1}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"pid": "x"}', '{"pid": 0}', '{"pid": -1}', '{"pid": 4194305}', f'{{"pid": {2**80}}}'],
)
def test_nothing_runs_where_the_file_makes_no_sense_or_its_process_is_gone(city: City, text: str) -> None:
    city.run_path.parent.mkdir(parents=True)
    city.run_path.write_text(text)
    assert running_city(city) is None


def test_a_file_that_cannot_be_read_says_nothing(city: City) -> None:
    """The desk's own reader died of this one (UnboundLocalError)."""
    city.run_path.mkdir(parents=True)
    assert running_city(city) is None


def test_readers_see_a_whole_file(city: City) -> None:
    said: dict[str, Any] = {"pid": os.getpid(), "realm": "live"}
    write_run_file(city, said)
    assert json.loads(city.run_path.read_text()) == said
    assert [path.name for path in city.run_path.parent.iterdir()] == ["up.json"]
