"""What servers take is written into city.toml, and counts without a restart; the rest of the file stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.events.authority import Profile
from services.desk.commands.trust.profiles_limits import write
from services.fanout.connectors.contract import Health
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.city_platforms import ServerLimits
from services.kernel.base.settings.settings_now import seen_alone, settings_now
from services.provision.city.server_limits import write_limits
from tests.support.running import said_up

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
ODD = '[mastodon.limits."odd"]\ncharacters = 480\n'
PROFILE = {"department": "fire", "platform": "mastodon", "purpose": "p", "identification": "i", "disclosure": "d"}
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


@pytest.mark.parametrize("more", ["[mastodon]\nlimits = {}\n", "[city"])
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


def test_a_server_with_a_section_keeps_no_other_out(city: City) -> None:
    path = city.folder / "city.toml"
    path.write_text(TOML + ODD)
    assert write_limits(load_city(city.folder), LESS) == ("odd",)
    assert settings_now(city).mastodon.limits == LESS | {"odd": ServerLimits(characters=480)}
    before = path.read_text()
    assert write_limits(load_city(city.folder), LESS) == ("odd", "small")
    assert path.read_text() == before


def _said(city: City, takes: dict[str, ServerLimits | None]) -> None:
    profiles = [Profile.model_validate(PROFILE | {"id": name, "account": f"fire@{name}"}) for name in takes]
    write(city, profiles, {name: Health(True, "", takes=found) for name, found in takes.items()})


def test_who_asks_for_it_is_told_what_was_written_and_who_sees_it(
    city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match="no server was asked"):
        _said(city, {})
    (city.folder / "secrets").mkdir()
    _said(city, {"small": None})
    assert "Nothing to write" in capsys.readouterr().err
    path = city.folder / "city.toml"
    path.write_text(TOML + ODD)
    with pytest.raises(BadInput) as caught:
        _said(load_city(city.folder), dict(LESS))
    assert '[mastodon.limits."odd"] characters = 450' in caught.value.hint
    told = capsys.readouterr().err
    assert "the limits of small now" in told
    assert "once they are started again" in " ".join(told.split())
    with said_up(city):
        _said(load_city(city.folder), {"third": LESS["odd"]})
    assert "the next message is made for them" in " ".join(capsys.readouterr().err.split())


def test_a_file_that_was_mounted_by_itself_is_known(city: City) -> None:
    """/proc stands for it: a mount point is one whatever lies on it."""
    assert not seen_alone(city.folder / "city.toml")
    assert seen_alone(Path("/proc"))
