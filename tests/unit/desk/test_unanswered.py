"""What the desk keeps of a submission without an answer, and what it says to type then."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.desk.message.unanswered import Unanswered, how_to_repeat
from services.kernel.base.city import City
from services.provision import demo_plan, make_city

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_city(tmp_path / "city", demo_plan())


def test_an_id_that_is_kept_is_used_again(city: City) -> None:
    unanswered = Unanswered(city, "pio", NOW)
    unanswered.keep("words", "e1")
    assert "same command again" in how_to_repeat(unanswered.find("words"), None, "e1")
    assert [one.name for one in (city.var / "desk").iterdir()] == ["live-pio.json"]
    assert (city.var / "desk" / "live-pio.json").stat().st_mode & 0o077 == 0


def test_an_id_that_the_disk_did_not_take_has_to_be_typed(city: City) -> None:
    """The same command again would be another request, and with an approval of its own be posted twice."""
    city.var.mkdir(exist_ok=True)
    (city.var / "desk").write_text("in the way")
    unanswered = Unanswered(city, "pio", NOW)
    with pytest.raises(OSError, match=r"exists|directory"):
        unanswered.keep("words", "e1")
    assert "--id e1" in how_to_repeat(unanswered.find("words"), None, "e1")
    assert "same command again" in how_to_repeat(unanswered.find("words"), "e1", "e1")
