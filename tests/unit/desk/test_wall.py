"""No account and no credential of one realm is in the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.desk.city.wall import refuse_live, refuse_shared, shared
from services.desk.views.health import Level, realms
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import BadInput
from services.provision import demo_plan, make_city
from tests.support.ledger_builder import START, demo_city


@pytest.fixture
def city(tmp_path: Path) -> City:
    return demo_city(tmp_path / "city")


def put(city: City, realm: str, name: str, token: str) -> None:
    folder = city.folder / "secrets" / realm
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(token)


def test_the_demonstration_has_a_wall(city: City) -> None:
    refuse_shared(city)
    assert realms(list(shared(city))).level is Level.OK


def test_the_same_token_in_both_realms_is_refused(city: City) -> None:
    """Also under another name, and with another end of line."""
    put(city, "live", "fire-mastodon.token", "secret-1")
    put(city, "exercise", "drill-mastodon.token", "secret-2")
    refuse_shared(city)
    put(city, "exercise", "parks-mastodon.token", "secret-1\n")
    with pytest.raises(BadInput) as caught:
        refuse_shared(city)
    assert caught.value.code == "realms.token"
    assert "secret-1" not in f"{caught.value.message} {caught.value.hint}"
    assert realms(list(shared(city))).level is Level.FAIL


def test_empty_files_are_no_credentials(city: City) -> None:
    for realm in ("live", "exercise"):
        put(city, realm, "fire-mastodon.token", "\n")
    refuse_shared(city)


def test_a_profile_of_the_exercise_is_no_live_account(tmp_path: Path) -> None:
    """Also one that was sanctioned after the exercise's manifest was signed; accounts of the townsquare may be."""
    plan = demo_plan()
    first = plan.profiles[0]
    account = first.model_copy(update={"id": "fire-x", "platform": "x", "account": "MissionFire"})
    city = make_city(tmp_path / "other", replace(plan, profiles=(*plan.profiles, account)), ManualClock(START))
    refuse_live(city, [account.model_copy(update={"account": "MissionFireDrill"}), *plan.profiles])
    with pytest.raises(BadInput) as caught:
        refuse_live(city, [account.model_copy(update={"id": "drill-x"})])
    assert caught.value.code == "realms.account"
    assert "drill-x" in caught.value.message
