"""Whether ``onevoice up`` runs for a city: one answer for all who ask."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import ExclusiveLock
from services.kernel.base.run_file import running_city, take_city, write_run_file
from tests.support.ledger_builder import demo_city
from tests.support.running import said_up


@pytest.fixture
def city(tmp_path: Path) -> City:
    return demo_city(tmp_path / "city")


def test_a_city_is_running_while_its_process_lives(city: City) -> None:
    assert running_city(city) is None
    with said_up(city, nats_url="nats://127.0.0.1:1"):
        assert running_city(city) == {"pid": os.getpid(), "nats_url": "nats://127.0.0.1:1"}
    assert running_city(city) is None


@pytest.mark.parametrize("pid", [os.getpid(), 1], ids=["one's own", "another user's"])
def test_a_process_with_the_number_of_a_dead_city_is_no_city(city: City, pid: int) -> None:
    """After a power cut the number is somebody else's; in a container it is always the same: it never came up again."""
    write_run_file(city, {"pid": pid, "nats_url": "nats://127.0.0.1:1"})
    assert running_city(city) is None
    with contextlib.closing(take_city(city)):
        assert running_city(city) == {}, "what the dead one said of itself counts no more"


def test_there_is_one_at_a_time(city: City) -> None:
    with said_up(city, nats_url="nats://127.0.0.1:1"), pytest.raises(BadInput) as caught:
        take_city(city)
    assert caught.value.code == "city.running"
    assert f"process {os.getpid()}, nats://127.0.0.1:1" in caught.value.message
    with contextlib.closing(take_city(city)), pytest.raises(BadInput) as caught:
        take_city(city)
    assert "is being started" in caught.value.message


def test_an_exercise_beside_the_units_says_nothing_of_the_live_city(city: City) -> None:
    """`up --realm exercise` starts no broker there; the doctor has to ask the units, and their pages."""
    url = "tls://broker.city.example:4222"
    nats = city.settings.nats.model_copy(update={"embedded": False, "url": url})
    live = City(city.folder, city.settings.model_copy(update={"nats": nats}))
    exercise = City(city.folder, live.settings, "exercise")
    with said_up(exercise, nats_url=url, realms=["exercise"]):
        assert running_city(live) is None
        assert running_city(exercise) is not None
        with pytest.raises(BadInput, match="is up already"):
            take_city(live)
    with said_up(live, nats_url=url, realms=["live", "exercise"]):
        assert running_city(live) is not None
    with said_up(live, nats_url="nats://127.0.0.1:1", realms=["exercise"]):
        assert running_city(live) is not None, "its broker is everybody's, until it is down"


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
    with contextlib.closing(ExclusiveLock(city.run_lock_path)) as lock:
        assert lock.take()
        assert running_city(city) == {}


def test_readers_see_a_whole_file(city: City) -> None:
    said: dict[str, Any] = {"pid": os.getpid(), "realm": "live"}
    write_run_file(city, said)
    assert json.loads(city.run_path.read_text()) == said
    assert [path.name for path in city.run_path.parent.iterdir()] == ["up.json"]
