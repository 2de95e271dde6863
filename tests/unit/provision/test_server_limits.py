"""What servers take is written into city.toml, and counts without a restart; the rest of the file stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.city_platforms import ServerLimits
from services.kernel.base.settings.settings_now import settings_now
from services.provision.city.server_limits import write_limits

KEY = '"UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"'
TOML = f"""
[city]   # ours
name = "Mission"
website = "https://mission.example"

[authority.live]
root_keys = [{KEY}]
threshold = 1
audit_key = {KEY}

[authority.exercise]
root_keys = [{KEY}]
threshold = 1
audit_key = {KEY}
"""
LESS = {"small": ServerLimits(characters=300, code_points=True), "odd": ServerLimits(characters=450)}


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A city that says nothing of servers."""
    path = tmp_path / "city.toml"
    path.write_text(TOML)
    path.chmod(0o640)
    return load_city(tmp_path)


def test_they_are_added_and_count_at_once(city: City) -> None:
    assert settings_now(city).mastodon.limits == {}
    write_limits(city, LESS)
    path = city.folder / "city.toml"
    assert path.read_text().startswith(TOML.rstrip())
    assert path.stat().st_mode & 0o777 == 0o640
    assert settings_now(city).mastodon.limits == LESS
    assert city.settings.mastodon.limits == {}


def test_a_file_that_cannot_be_read_any_more_leaves_what_was(city: City) -> None:
    (city.folder / "city.toml").write_text("[city")
    assert settings_now(city) is city.settings
    (city.folder / "city.toml").unlink()
    assert settings_now(city) is city.settings


@pytest.mark.parametrize("more", ["[mastodon]\nlimits = {}\n", '[mastodon.limits."odd"]\ncharacters = 400\n', "[city"])
def test_what_it_cannot_write_it_gives_to_a_person(city: City, more: str) -> None:
    """With the lines to write, and with the file as it was."""
    path = city.folder / "city.toml"
    path.write_text(TOML + more)
    there = load_city(city.folder) if more != "[city" else city
    with pytest.raises(BadInput) as caught:
        write_limits(there, LESS)
    assert caught.value.code == "limits.by_hand"
    assert '[mastodon.limits."odd"] characters = 450' in caught.value.hint
    assert path.read_text() == TOML + more
