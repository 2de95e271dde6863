"""A person or system whose key the broker has already is left out of the accounts, and nobody else is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.events.authority import Manifest, System
from services.desk.city.checks import broker_users
from services.kernel.authority.signing import Signer, load_key, new_seed
from services.kernel.base.city import City, load_city
from services.kernel.base.network.broker_users import users_at
from services.kernel.control.control_state import ControlState
from services.provision import read_manifest
from services.provision.accounts.accounts_file import keep_apart, write_accounts
from services.provision.accounts.apart import left_out_of
from tests.support.ledger_builder import demo_city

FRESH = Signer(new_seed()).public_key


@pytest.fixture
def live(tmp_path: Path) -> City:
    return demo_city(tmp_path / "city")


@pytest.fixture
def exercise(live: City) -> City:
    return load_city(live.folder, "exercise")


def having(city: City, *systems: tuple[str, str]) -> Manifest:
    """The manifest of a realm with systems of these names and keys."""
    made = tuple(System(id=name, name=name, public_key=key) for name, key in systems)
    return read_manifest(city).model_copy(update={"systems": made})


def write(city: City, *systems: tuple[str, str]) -> None:
    write_accounts(city, having(city, *systems), ControlState())


def names(city: City) -> list[str]:
    return [one.name for one in users_at(city.accounts_path)]


def keys(cities: Iterable[City]) -> list[str]:
    return [one.key for city in cities for one in users_at(city.accounts_path)]


def left_out(city: City) -> list[str]:
    return left_out_of(city.accounts_path.read_text())


def test_a_system_with_a_services_key_is_left_out_and_all_others_stay(live: City, exercise: City) -> None:
    """Its public half stands in each checkpoint: one order with it kept the broker from starting."""
    write(live)
    before = {*names(live)}
    audit = load_key(live.service_key_path("audit")).public_key
    write(live, ("hospital", audit), ("alerts", FRESH))
    assert {*names(live)} == before | {"alerts"}
    assert left_out(live) == ["hospital, who has the key of audit"]
    write(live, ("alerts", FRESH))
    assert left_out(live) == []


def test_a_name_of_onevoices_own_is_no_users(live: City) -> None:
    write(live, ("doctor", FRESH))
    assert names(live).count("doctor") == 1
    assert FRESH not in keys([live])
    assert left_out(live) == ["doctor, which is the name of a user of OneVoice itself"]


def test_the_doctor_says_what_helps_who_was_left_out(live: City) -> None:
    """A new key helps nobody whose name is taken, as of a system that was called web before the pages were."""
    write(live, ("web", FRESH), ("hospital", load_key(live.service_key_path("audit")).public_key))
    hints = {line.detail.split()[2].rstrip(","): line.hint for line in broker_users(live)}
    assert hints["web"] == "give another id: onevoice officers add, or systems add"
    assert "a new key" in hints["hospital"]


def test_a_key_in_both_realms_is_the_live_ones(live: City, exercise: City) -> None:
    """Whoever is first: nats-server takes a key once in all that it includes."""
    for first, second in ((live, exercise), (exercise, live)):
        write(live)
        write(exercise)
        write(first, ("alerts", FRESH))
        write(second, ("alerts", FRESH))
        assert len(keys([live, exercise])) == len({*keys([live, exercise])})
        assert "alerts" in names(live)
        assert left_out(live) == []
        assert left_out(exercise) == ["alerts, who has the key of alerts in the other realm"]


def test_a_service_of_the_exercise_is_taken_out_by_no_order_of_the_live_realm(live: City, exercise: City) -> None:
    before = names(exercise)
    write(live, ("alerts", load_key(exercise.service_key_path("audit")).public_key))
    assert names(exercise) == before
    assert left_out(live) == ["alerts, who has the key of audit in the other realm"]


def test_accounts_that_share_a_key_on_disk_are_parted_and_stay_whole(live: City, exercise: City) -> None:
    """As a version wrote them that did not look."""
    cao = load_key(live.key_path("cao")).public_key
    theirs = load_key(exercise.key_path("cao")).public_key
    before = exercise.accounts_path.read_text()
    exercise.accounts_path.write_text(before.replace(theirs, cao))
    assert keep_apart(live)
    assert not keep_apart(live)
    after = exercise.accounts_path.read_text()
    assert "cao" not in names(exercise)
    assert before.count("{") - after.count("{") == before.count("}") - after.count("}") == 4
    assert left_out(exercise) == ["cao, who has the key of cao in the other realm"]
