"""Whoever edits city.toml while the city runs is told what of it does not count yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.desk.city.checks import local, settings_since
from services.kernel.base.city import City, load_city
from services.kernel.base.run_file import take_city, write_run_file
from services.kernel.base.settings.read_at_start import read_at_start
from services.kernel.base.settings.settings_now import settings_now
from tests.support.ledger_builder import demo_city


def edited(city: City, more: str) -> City:
    path, table = city.folder / "city.toml", more.partition("\n")[0]
    text = path.read_text()
    path.write_text(text.replace(table, more) if table in text and table.startswith("[") else f"{text}\n{more}\n")
    return load_city(city.folder)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("[quota]\nsystem_open = 7", ["quota"]),
        ("[nats]\nstore_gb = 9", []),
        ("[webhook.endpoints]\nradio = 'https://radio.example/alerts'", []),
        ("# a comment", []),
    ],
)
def test_what_counts_with_the_next_start_is_named(tmp_path: Path, more: str, named: list[str]) -> None:
    """Before, a deputy who was written into [notify] was woken by nobody, and the doctor found all well."""
    city = demo_city(tmp_path / "city")
    lock = take_city(city)
    try:
        write_run_file(
            city, {"pid": 1, "nats_url": city.settings.nats.address, "settings": read_at_start(city.settings)}
        )
        assert settings_since(city) == []
        now = edited(city, more)
        said = [line.detail.split(" changed")[0] for line in settings_since(now)]
        assert said == named
        assert [line.check for line in local(now) if line.check == "city.toml"] == ["city.toml"] * len(named)
        assert settings_now(city) == now.settings, "and what is seen at once is seen"
    finally:
        lock.close()


def test_a_city_that_is_down_or_of_before_says_nothing(tmp_path: Path) -> None:
    city = demo_city(tmp_path / "city")
    now = edited(city, "[quota]\nsystem_open = 7")
    assert settings_since(now) == []
    lock = take_city(city)
    write_run_file(city, {"pid": 1})
    assert settings_since(now) == []
    lock.close()
