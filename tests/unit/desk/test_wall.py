"""No account and no credential of one realm is in the other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.events.authority import Realm
from schemas.events.control import ProfileAdd, ProfileRemove
from services.desk.city.wall import refuse_live, refuse_shared, shared
from services.desk.views.state.health import Level, realms
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import BadInput
from services.provision import demo_plan, make_city
from services.registry.domain.sanction import check_apart
from services.registry.other_realm import OtherRealm
from tests.support.ledger_builder import START, LedgerBuilder, demo_city


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


def test_an_account_that_was_ordered_later_in_both_realms_is_found(city: City) -> None:
    """The manifests know nothing of it; the second copies do."""
    account = demo_plan().profiles[0].model_copy(update={"id": "fire-x", "platform": "x", "account": "MissionFire"})
    places: tuple[tuple[Realm, str], ...] = (("live", "MissionFire"), ("exercise", "missionfire"))
    for realm, name in places:
        refuse_shared(city)
        builder = LedgerBuilder(City(city.folder, city.settings, realm))
        builder.genesis()
        builder.order("mcpe", ProfileAdd(profile=account.model_copy(update={"account": name})))
        builder.write()
    with pytest.raises(BadInput) as caught:
        refuse_shared(city)
    assert (caught.value.code, "fire-x" in caught.value.message) == ("realms.account", True)
    assert realms(list(shared(city))).level is Level.FAIL
    with pytest.raises(BadInput):
        refuse_live(city, [account])
    builder.order("mcpe", ProfileRemove(profile="fire-x"))
    shutil.rmtree(builder.city.audit_folder)
    builder.write()
    refuse_shared(city)


def test_the_registry_refuses_an_account_of_the_other_realms_manifest(tmp_path: Path) -> None:
    plan = demo_plan()
    account = plan.profiles[0].model_copy(update={"id": "fire-x", "platform": "x", "account": "MissionFire"})
    made = make_city(tmp_path / "other", replace(plan, profiles=(*plan.profiles, account)), ManualClock(START))
    theirs = OtherRealm(City(made.folder, made.settings, "exercise")).profiles()
    assert "fire-x" in {one.id for one in theirs}
    with pytest.raises(BadInput) as caught:
        check_apart(account.model_copy(update={"id": "drill", "account": "missionFIRE"}), theirs, "exercise")
    assert (caught.value.code, "live realm" in caught.value.message) == ("realms.account", True)
    check_apart(account.model_copy(update={"account": "MissionFireDrill"}), theirs, "exercise")
    for one in plan.profiles:  # the website and the townsquare are each realm's own
        check_apart(one, theirs, "exercise")
    (made.manifest_path).unlink()
    assert OtherRealm(City(made.folder, made.settings, "exercise")).profiles() == ()


def test_the_registry_refuses_an_account_that_the_other_realm_ordered_later(city: City) -> None:
    """By the second copy of that realm's ledger, also what was let go again since; what is no entry is passed over."""
    account = demo_plan().profiles[0].model_copy(update={"id": "fire-x", "platform": "x", "account": "MissionFire"})
    other = OtherRealm(City(city.folder, city.settings, "exercise"))
    builder = LedgerBuilder(city)
    builder.genesis()
    builder.order("mcpe", ProfileAdd(profile=account))
    builder.write()
    with pytest.raises(BadInput) as caught:
        check_apart(account, other.profiles(), "exercise")
    assert (caught.value.code, "live realm" in caught.value.message) == ("realms.account", True)
    with city.record_path.open("ab") as record:
        record.write(b'{"entry":{"subject":"ledger.control"}}\nnothing with "subject":"ledger.control"\n')
    assert "fire-x" in {one.id for one in other.profiles()}
    builder.order("mcpe", ProfileRemove(profile="fire-x"))
    shutil.rmtree(city.audit_folder)
    builder.write()
    check_apart(account, other.profiles(), "exercise")
