"""What a person's desk learns of the city from the invitation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.desk.keys.invitation import Invitation, enroll, enroll_with, invitation_of, read_invitation
from services.kernel.base.city import load_city
from services.kernel.base.errors import BadInput
from services.provision import REALMS
from tests.support.ledger_builder import demo_city

PLACE = ("timezone", "language", "region")


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Any]:
    """The invitation to a city in Ireland, as the file says it."""
    city = demo_city(tmp_path / "city")
    toml = city.folder / "city.toml"
    lines = [line for line in toml.read_text().splitlines() if not line.startswith(PLACE)]
    there = '[city]\ntimezone = "Europe/Dublin"\nlanguage = "ga-IE"\nregion = "IE"'
    toml.write_text("\n".join(lines).replace("[city]", there))
    said: dict[str, Any] = json.loads(invitation_of(load_city(city.folder), None).model_dump_json())
    return said


def read(folder: Path, said: dict[str, Any]) -> Invitation:
    (folder / "invitation").write_text(json.dumps(said))
    return read_invitation(folder / "invitation")


def older(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in PLACE}


def test_a_desk_has_the_citys_time_zone_language_and_region(tmp_path: Path, written: dict[str, Any]) -> None:
    """Else --expires 18:00 is refused there, and times are shown in UTC."""
    enroll(read(tmp_path, written), tmp_path / "desk", "dana", "live", None, system=True)
    made = load_city(tmp_path / "desk").settings.city
    assert (made.timezone, made.language, made.region) == ("Europe/Dublin", "ga-IE", "IE")


def test_an_invitation_of_an_older_version_is_read(tmp_path: Path, written: dict[str, Any]) -> None:
    enroll(read(tmp_path, older(written)), tmp_path / "desk", "dana", "live", None, system=True)
    made = load_city(tmp_path / "desk").settings.city
    assert (made.timezone, made.language, made.region) == (None, "en-CA", "CA")


def test_a_desk_of_an_older_invitation_takes_the_new_one_for_the_same_city(
    tmp_path: Path, written: dict[str, Any]
) -> None:
    """It comes with the keys for the exercise; another time zone than the invitation's is not replaced."""
    enroll(read(tmp_path, older(written)), tmp_path / "desk", "dana", "live", None, system=True)
    enroll(read(tmp_path, written), tmp_path / "desk", "dana", "exercise", None, system=True)
    assert load_city(tmp_path / "desk").settings.city.timezone == "Europe/Dublin"
    other = read(tmp_path, written | {"timezone": "America/Vancouver"})
    with pytest.raises(BadInput) as caught:
        enroll(other, tmp_path / "desk", "kim", "live", None, system=True)
    assert caught.value.code == "enroll.other_city"


@pytest.mark.parametrize("wrong", [{"timezone": "Pacific"}, {"region": "UK"}, {"language": "Gaelic"}])
def test_a_place_that_is_none_is_refused_before_a_key_is_made(
    tmp_path: Path, written: dict[str, Any], wrong: dict[str, str]
) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, written | wrong)
    assert caught.value.code == "invite.unreadable"
    assert next(iter(wrong.values())) in caught.value.message


def key_files(desk: Path) -> list[str]:
    return sorted(str(path.relative_to(desk)) for path in desk.rglob("*.nk"))


def test_who_holds_a_root_key_has_a_desk_with_it_and_no_other(tmp_path: Path, written: dict[str, Any]) -> None:
    """They were told to take it away from the city's machine, and there was no way to a desk with it."""
    said, desk = read(tmp_path, written), tmp_path / "desk"
    for realm in REALMS:
        city = load_city(tmp_path / "city", realm)
        made = enroll_with(said, desk, "cao", realm, city.key_path("cao"))
        assert (made.public_key in city.authority.root_keys, made.login_key) == (True, None)
        assert load_city(desk, realm).key_path("cao").read_bytes().strip() == city.key_path("cao").read_bytes().strip()
    assert key_files(desk) == ["keys/cao.nk", "keys/exercise/cao.nk"]
    enroll_with(said, desk, "cao", "live", desk / "keys" / "cao.nk")  # it lay there already


def test_a_key_that_is_no_root_key_of_the_realm_is_refused(tmp_path: Path, written: dict[str, Any]) -> None:
    city = load_city(tmp_path / "city")
    for file, realm in ((city.key_path("cao"), "exercise"), (city.key_path("pio"), "live")):
        with pytest.raises(BadInput) as caught:
            enroll_with(read(tmp_path, written), tmp_path / "desk", "cao", realm, file)  # type: ignore[arg-type]
        assert caught.value.code == "enroll.key"
    assert not (tmp_path / "desk").exists()


def test_another_key_of_theirs_that_is_there_is_not_replaced(tmp_path: Path, written: dict[str, Any]) -> None:
    """The desk would log in with the one that the broker does not know."""
    said, desk = read(tmp_path, written), tmp_path / "desk"
    enroll(said, desk, "cao", "live", "four words are enough", system=False)
    root = load_city(tmp_path / "city").key_path("cao")
    before = (desk / "keys" / "cao.nk").read_bytes()
    with pytest.raises(BadInput, match=r"cao\.nk is there already"):
        enroll_with(said, desk, "cao", "live", root)
    assert (desk / "keys" / "cao.nk").read_bytes() == before
    (desk / "keys" / "cao.nk").rename(tmp_path / "old.nk")
    with pytest.raises(BadInput, match=r"cao\.login\.nk is there already"):
        enroll_with(said, desk, "cao", "live", root)
    assert not (desk / "keys" / "cao.nk").exists()


@pytest.mark.parametrize(("said", "read_as"), [("en_CA", "en-CA"), (None, None)])
def test_an_older_invitations_language_is_brought_into_form(
    tmp_path: Path, written: dict[str, Any], said: str | None, read_as: str | None
) -> None:
    assert read(tmp_path, written | {"language": said}).language == read_as
