"""What each connector must declare before it can be constructed, in line with how outcomes are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.events.authority import Profile
from schemas.platforms import LIMITS
from services.fanout.connectors.contract import (
    Absent,
    Connector,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    WhenUnknown,
)
from services.fanout.connectors.registry import connectors
from services.fanout.delivery.places import declared_leads
from services.kernel.base.city import City
from services.kernel.base.settings.city_file import CityFile

KEY = "U" + "A" * 55


class Undeclared(Connector):
    """Everything but a declaration."""

    platform = "undeclared"

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        return Permanent("no")

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        return Absent()

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        return Health(True, "")

    async def close(self) -> None:
        return None


class Declared(Undeclared):
    declaration = Declaration(WhenUnknown.PERSON, Correction.NEW_POST)


def a_city(folder: Path) -> City:
    keys = {"root_keys": [KEY], "threshold": 1, "audit_key": KEY}
    city = {"name": "City of Mission", "website": "https://mission.example"}
    return City(folder, CityFile.model_validate({"city": city, "authority": {"live": keys, "exercise": keys}}))


def test_a_connector_without_its_declaration_cannot_be_constructed() -> None:
    with pytest.raises(TypeError, match="declaration"):
        Undeclared()  # type: ignore[abstract]
    assert Declared().declaration.when_unknown is WhenUnknown.PERSON


def test_a_correction_by_what_is_not_declared_is_refused() -> None:
    with pytest.raises(ValueError, match=Correction.REPLY):
        Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True)
    Declaration(WhenUnknown.LOOK, Correction.REPLY, reply=True)


def test_only_a_connector_that_declares_it_shows_the_leads_post(tmp_path: Path) -> None:
    tools = connectors(a_city(tmp_path), "https://mission.example")
    assert declared_leads({"x": "city-x", "mastodon": "city-mastodon", "other": "city-other"}, tools) == {"x": "city-x"}


def test_every_platform_is_declared_and_limited(tmp_path: Path) -> None:
    tools = connectors(a_city(tmp_path), "https://mission.example")
    assert set(tools) == set(LIMITS)
    for name, connector in tools.items():
        assert connector.platform == name
