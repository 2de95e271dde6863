"""The live page: its lines and the place from which its browser goes on are of the same moment."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import make_mocked_request

from schemas.events.control import Posture
from schemas.events.desk import EocView
from services.kernel.base.city import City
from services.web.connection import CityConnection
from services.web.desk import SESSION
from services.web.hub import Hub
from services.web.pages import live
from services.web.pages.live import live_page
from services.web.sessions import WebSession
from services.web.wiring import application, build
from tests.unit.web.test_web_hub import receipt, request

AT = datetime(2026, 11, 26, 11, 14, 7, tzinfo=UTC)
CALM = {"realm": "live", "city": "Mission", "website": "https://mission.example", "posture": Posture.ROUTINE}


class _SlowCity(CityConnection):
    """A city in which a message goes out while it is asked what it is in."""

    def __init__(self, city: City, hub: Hub) -> None:
        super().__init__(city, lambda: "nats://127.0.0.1:1", hub)

    async def eoc(self, at_least: int | None = None) -> EocView:
        """Say that all is calm."""
        self.hub.add(receipt(2, "ra"))
        return EocView.model_validate(CALM | {"control_seq": 0, "hold": False, "in_flight": 0, "last_seq": 2})


async def test_what_comes_while_the_city_is_asked_is_on_the_page_or_comes_to_it(
    made_city: City,
) -> None:
    desk = build(made_city, lambda: "nats://127.0.0.1:1")
    desk = replace(desk, connection=_SlowCity(made_city, desk.hub))
    desk.hub.add(request(1, "ra", "Water is off"))
    asked = make_mocked_request("GET", "/live", app=application(desk))
    asked[SESSION] = WebSession("pio", "credential", "phone", AT, AT)
    text = (await live_page(asked)).text or ""
    shown = [int(seq) for seq in re.findall(r'<li data-seq="([0-9]+)"', text)]
    place = int((re.search(r'after=([0-9]+)&amp;lines"', text) or [""])[1])
    assert sorted([*shown, *(one.seq for one in desk.hub.after(place))]) == [1, 2], "nothing twice, nothing left out"


async def test_a_stream_waits_when_the_ledger_was_rewound(made_city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """What browsers may hear is ahead of an empty hub until it is filled anew: a stream must not turn in circles."""
    desk = build(made_city, lambda: "nats://127.0.0.1:1")
    desk.hub.add(request(1, "ra", "Water is off"))
    desk.news.move()
    desk.hub.forget()
    desk.hub.beat()
    waits = 0

    async def wait(_seconds: float) -> None:
        nonlocal waits
        waits += 1
        desk.hub.close()

    async def session(_request: object) -> WebSession:
        return WebSession("pio", "credential", "phone", AT, AT)

    turns = 0

    def alive() -> bool:
        nonlocal turns
        turns += 1
        assert turns < 10, "it turns in circles"
        return True

    monkeypatch.setattr(desk.news, "wait", wait)
    monkeypatch.setattr(desk.hub, "alive", alive)
    monkeypatch.setattr(live, "found_session", session)
    asked = make_mocked_request("GET", "/events", app=application(desk))
    said = [piece async for piece in live.stream(asked, 0, lines=False)]
    assert waits == 1
    assert said[-1].startswith(b"event: beat")
