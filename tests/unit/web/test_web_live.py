"""The live page: its lines and the place from which its browser goes on are of the same moment."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from aiohttp.test_utils import make_mocked_request

from schemas.events.control import Posture
from schemas.events.desk import EocView, OfficerView
from services.kernel.base.city import City
from services.web.connection import CityConnection
from services.web.desk import SESSION
from services.web.front import cookie_name
from services.web.hub import Hub
from services.web.news_stream import NewsStream
from services.web.pages.live import live_page, stream
from services.web.roster import Roster
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


class _Turning(Hub):
    """A hub that is heard, and is asked for that a few times at most."""

    turns = 0

    def alive(self) -> bool:
        """Count the stream's turns."""
        self.turns += 1
        assert self.turns < 10, "it turns in circles"
        return True


class _Waiting(NewsStream):
    """News for which is waited once: the pages end then."""

    waits = 0

    async def wait(self, seconds: float) -> None:
        """Count the waits."""
        self.waits += 1
        self._hub.close()


class _SignedIn(Roster):
    """The PIO has the passkey of its session."""

    async def officers(self) -> dict[str, OfficerView]:
        """Return the one officer."""
        officer = SimpleNamespace(passkeys=(SimpleNamespace(credential="credential"),))
        view: Any = SimpleNamespace(officer=officer, revoked=False)
        return {"pio": view}


async def test_a_stream_waits_when_the_ledger_was_rewound(made_city: City) -> None:
    """What browsers may hear is ahead of an empty hub until it is filled anew: a stream must not turn in circles."""
    desk = build(made_city, lambda: "nats://127.0.0.1:1")
    hub = _Turning(desk.clock)
    news = _Waiting(hub, desk.clock)
    desk = replace(desk, hub=hub, news=news, roster=_SignedIn(desk.connection))
    hub.add(request(1, "ra", "Water is off"))
    news.move()
    hub.forget()
    now = desk.clock.now()
    secret = desk.sessions.begin(WebSession("pio", "credential", "phone", now, now))
    cookie = {"Cookie": f"{cookie_name(desk)}={secret}"}
    asked = make_mocked_request("GET", "/events", cookie, app=application(desk))
    said = [piece async for piece in stream(asked, 0, lines=False)]
    assert news.waits == 1
    assert said[-1].startswith(b"event: beat")
