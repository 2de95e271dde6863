"""No account and no credential of one realm is in the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.desk.city.wall import refuse_shared, shared
from services.desk.views.health import Level, realms
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from tests.support.ledger_builder import demo_city


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
