"""What a check of a profile says beside what is wrong: what was said, what is left, who renews the credential."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.events.broadcasts import ProfileBudget
from schemas.events.desk import ServiceHealth
from services.desk.city.profile_check import budgets_by_profile, examine
from services.fanout.connectors.contract import Health
from services.fanout.connectors.credentials.tokens import expiry_path, renewal_path
from tests.integration.connectors.harnesses import a_city, a_profile


def beat(*budgets: ProfileBudget) -> ServiceHealth:
    now = datetime.now(UTC)
    return ServiceHealth(service="fanout", instance="a", at=now, control_seq=1, version="1", budgets=budgets or None)


@pytest.mark.parametrize(
    ("platform", "kept", "renews", "says"),
    [
        ("threads", "THA1", "", "renews itself before"),
        ("linkedin", "AQX1", "", "a person connects it again before"),
        ("linkedin", "AQX1", "id:secret:refresh", "renews itself before"),
        ("threads", "env:FIRE_THREADS", "", "is renewed where it is kept (env:)"),
    ],
)
def test_it_says_when_a_credential_ends_and_who_renews_it(
    tmp_path: Path, platform: str, kept: str, renews: str, says: str
) -> None:
    city, profile = a_city(tmp_path), a_profile("fire", platform)
    path = city.token_path(profile.id)
    path.parent.mkdir(parents=True)
    for place, text in ((path, kept), (renewal_path(path), renews)):
        if text:
            place.touch(mode=0o600)
            place.write_text(text)
    assert examine(city, profile).remarks == ()
    expiry_path(path).write_text((datetime.now(UTC) + timedelta(days=20, hours=1)).isoformat())
    [remark] = examine(city, profile).remarks
    assert remark.startswith("its credential ends in 20 days")
    assert says in remark


def test_an_account_that_is_none_is_named(tmp_path: Path) -> None:
    """Nothing can be posted there, whatever else is right: an older city may have one."""
    profile = a_profile("fire", "facebook").model_copy(update={"account": "mission.fire"})
    found = examine(a_city(tmp_path), profile)
    assert (found.ok, found.problems) == (
        False,
        ("mission.fire is no account on facebook: there it is the number of a Page",),
    )


def test_what_the_platform_said_is_a_remark_or_a_problem(tmp_path: Path) -> None:
    city, profile = a_city(tmp_path), a_profile("fire", "x")
    good = examine(
        city, profile, Health(True, "@fire can be posted to"), ProfileBudget(profile="fire-x", quota_percent=7)
    )
    assert (good.ok, good.remarks) == (True, ("@fire can be posted to", "7 % of the platform's quota is left"))
    bad = examine(
        city, profile, Health(False, "the keys open @water"), ProfileBudget(profile="fire-x", credit_cents=305)
    )
    assert (bad.ok, bad.problems) == (False, ("the keys open @water",))
    assert bad.remarks == ("3.05 USD of the month's credit are left",)


def test_of_several_copies_the_least_counts() -> None:
    found = budgets_by_profile(
        [
            beat(ProfileBudget(profile="fire-x", quota_percent=80, credit_cents=100)),
            beat(),
            beat(ProfileBudget(profile="fire-x", quota_percent=30), ProfileBudget(profile="water-x", credit_cents=5)),
        ]
    )
    assert found == {
        "fire-x": ProfileBudget(profile="fire-x", quota_percent=30, credit_cents=100),
        "water-x": ProfileBudget(profile="water-x", credit_cents=5),
    }
