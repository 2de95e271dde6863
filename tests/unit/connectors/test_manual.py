"""Tasks for people, as a connector."""

from __future__ import annotations

import pytest

from services.fanout.connectors.contract import HandedOver, Permanent
from services.fanout.connectors.manual.connector import ManualConnector
from tests.integration.connectors.harnesses import a_profile, an_intent, store

PLACE = "https://alerts.example/console"
ALERTS = a_profile("city", "manual").model_copy(update={"account": PLACE})


async def test_a_message_is_handed_over_and_stays_so_whoever_asks() -> None:
    """Nothing is looked for: the reconcile after a crash says the same as the call would have."""
    connector, intent = ManualConnector(), an_intent(ALERTS)
    given = await connector.publish(intent, store)
    assert isinstance(given, HandedOver)
    assert given == await connector.reconcile(intent)
    assert PLACE in given.reason
    recall = an_intent(ALERTS, act="recall", about="rbbbbbbbbbbbb")
    assert "taken back" in getattr(await connector.publish(recall, store), "reason", "")


@pytest.mark.parametrize(("length", "kind"), [(5_000, HandedOver), (5_001, Permanent)])
async def test_the_limit_is_kept_to_the_last_character(length: int, kind: type) -> None:
    assert isinstance(await ManualConnector().publish(an_intent(ALERTS, "a" * length), store), kind)


@pytest.mark.parametrize(("account", "ok"), [(PLACE, True), ("the console", False), ("https://a@b.example/", False)])
async def test_a_place_is_an_address(account: str, ok: bool) -> None:
    assert (await ManualConnector().check(ALERTS.model_copy(update={"account": account}))).ok is ok
