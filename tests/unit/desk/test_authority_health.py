"""The doctor on the authority: warned 30, 7 and 1 days ahead, and of a threshold of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.events.authority import Grant, Officer, Role, Settings
from schemas.events.desk import AuthorityView, OfficerView
from services.desk.views.state.authority_health import lines
from services.desk.views.state.health import Level
from tests.support.authenticator import Authenticator
from tests.unit.gatekeeper.policy_city import signer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def view(**changes: Any) -> AuthorityView:
    fields: dict[str, Any] = {
        "version": 3,
        "expires_at": NOW + 90 * DAY,
        "root_keys": (signer("root one").public_key,),
        "root_threshold": 2,
        "threshold": 2,
        "settings": Settings(),
        "systems": (),
        "proposals": (),
    }
    return AuthorityView(**(fields | changes))


def officers(*names: str) -> tuple[OfficerView, ...]:
    grant = Grant(role=Role.PIO)
    return tuple(
        OfficerView(
            officer=Officer(id=name, name=name, public_key=signer(name).public_key), grants_now=(grant,), revoked=False
        )
        for name in names
    )


@pytest.mark.parametrize(
    ("left", "level", "said"),
    [
        (90 * DAY, Level.OK, "ends in 90 d"),
        (30 * DAY, Level.WARN, "within 30 days"),
        (6 * DAY, Level.WARN, "within 7 days"),
        (DAY / 2, Level.WARN, "within 1 days"),
        (timedelta(0), Level.FAIL, "EXPIRED"),
    ],
)
def test_the_end_of_the_authority_is_told_ahead(left: timedelta, level: Level, said: str) -> None:
    line = lines(view(expires_at=NOW + left), officers("a", "b", "c"), NOW)[0]
    assert (line.level, said in line.detail) == (level, True), line


def test_a_threshold_of_one_is_said_aloud() -> None:
    assert lines(view(threshold=1), officers("a", "b", "c"), NOW)[1].level is Level.WARN


def test_too_few_to_replace_a_lost_key_is_said() -> None:
    assert "cannot be replaced" in lines(view(), officers("a", "b"), NOW)[1].detail
    assert lines(view(), officers("a", "b", "c"), NOW)[1].level is Level.OK


@pytest.mark.parametrize(
    ("passkeys", "demanded", "level"),
    [
        (None, (), Level.WARN),
        ((Authenticator("phone").passkey,), (), Level.OK),
        ((Authenticator("phone").passkey,), (Role.PIO,), Level.WARN),
        ((Authenticator("phone").passkey,), (Role.CAO,), Level.OK),
        ((Authenticator("key", device_bound=True).passkey,), (Role.PIO,), Level.OK),
    ],
)
def test_who_holds_a_role_and_can_sign_nothing_is_named(passkeys: Any, demanded: Any, level: Level) -> None:
    dana = OfficerView(
        officer=Officer(id="dana", name="Dana", passkeys=passkeys), grants_now=(Grant(role=Role.PIO),), revoked=False
    )
    settings = Settings(device_bound_roles=demanded or None)
    line = lines(view(settings=settings), (*officers("a", "b"), dana), NOW)[3]
    assert (line.level, "dana" in line.detail) == (level, level is Level.WARN), line
    gone = dana.model_copy(update={"revoked": True})
    assert lines(view(settings=settings), (gone,), NOW)[3].level is Level.OK, "the revoked need no key"
