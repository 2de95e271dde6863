"""What is signed is what the page showed: what changed since is shown first."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from schemas import canonical
from schemas.events.control import Posture
from schemas.events.desk import BoardQuery, BoardReply, EocView, RequestView
from schemas.events.requests import Request, digest_of
from schemas.events.verdicts import Outcome
from services.kernel.base.city import City
from services.kernel.base.errors import OneVoiceError
from services.web.desk import SESSION, WebDesk
from services.web.hub import Hub
from services.web.pages.decisions import reject, reject_page, resolve, resolve_page, return_page, send_back
from services.web.pages.orders import order, order_page
from services.web.sessions import WebSession
from services.web.wiring import application, build
from tests.unit.desk.test_authority_health import view as authority
from tests.unit.desk.views import ID, delivery, renderings, view
from tests.unit.web.test_web_hub import event
from tests.unit.web.test_web_shared import Handler, _CalmCity, session

FIRE = "fire-townsquare"


class ChangingCity(_CalmCity):
    """A city with one message, which others change."""

    def __init__(self, city: City, hub: Hub) -> None:
        super().__init__(city, hub)
        self.receipt_seq = 100
        self.revision = 1
        self.state: dict[str, Any] = {}
        self.outcome = Outcome.CLEARED
        self.changes: dict[str, Any] = {}
        self.previous: Request | None = None

    async def request(self, request_id: str, at_least: int | None = None, most: int | None = None) -> RequestView:
        """Return the message as it is by now."""
        doubtful = delivery(FIRE, "unconfirmed", True).model_copy(update={"receipt_seq": self.receipt_seq})
        text = f"Version {self.revision}"
        digest = digest_of(ID, self.revision, renderings(text))
        changed = {"text": text, "revision": self.revision, "renderings": renderings(text), "digest": digest}
        found = view(self.outcome, doubtful)
        changed |= self.changes
        return found.model_copy(update={"request": found.request.model_copy(update=changed), "previous": self.previous})

    async def eoc(self, at_least: int | None = None) -> EocView:
        """Say what the city is in by now."""
        return (await super().eoc()).model_copy(update=self.state)

    async def board(self, query: BoardQuery) -> BoardReply:
        """Name the settings too; nothing was said of the message."""
        if query.query == "history":
            return BoardReply(requests=(await self.request(ID),), changes=())
        return BoardReply(authority=authority()) if query.query == "authority" else await super().board(query)


def form(fields: dict[str, str]) -> dict[str, Any]:
    """Return what makes a request one that sends a form."""
    loop = asyncio.get_running_loop()
    body = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    body.feed_data(urlencode(fields).encode())
    body.feed_eof()
    return {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "payload": body}


class Browser:
    """An officer's browser: opens a page, and sends its form as it stands there."""

    def __init__(self, desk: WebDesk, who: WebSession, **match: str) -> None:
        self.app, self.who, self.match = application(desk), who, match

    async def opened(self, handler: Handler) -> dict[str, str]:
        """Open a page; return the hidden fields of its form."""
        page = await handler(self._asked("GET"))
        assert isinstance(page, web.Response)
        return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text or ""))

    async def sent(self, handler: Handler, fields: dict[str, str]) -> str:
        """Send a form; return the code of what was refused, or nothing where a signature is asked for."""
        try:
            answer = await handler(self._asked("POST", **form(fields)))
        except OneVoiceError as error:
            return error.code
        assert isinstance(answer, web.Response)
        assert "get" in canonical.loads((answer.text or "").encode())
        return ""

    def _asked(self, method: str, **more: Any) -> web.Request:
        request = make_mocked_request(method, "/", app=self.app, match_info=self.match, **more)
        request[SESSION] = self.who
        return request


@pytest.fixture
def city(made_city: City) -> ChangingCity:
    """The city as it answers."""
    return ChangingCity(made_city, build(made_city, lambda: "nats://127.0.0.1:1").hub)


@pytest.fixture
def desk(made_city: City, city: ChangingCity) -> WebDesk:
    """The pages of a city that changes."""
    found = build(made_city, lambda: "nats://127.0.0.1:1")
    found.hub.add(event(1))
    found.hub.beat()
    return replace(found, connection=city)


async def test_who_saw_an_older_receipt_decides_nothing(desk: WebDesk, city: ChangingCity) -> None:
    """Two look at a post; one has it posted again, and it is unconfirmed again: the other did not look at that one."""
    browser = Browser(desk, session("pio"), id=ID, profile=FIRE)
    shown = await browser.opened(resolve_page)
    city.receipt_seq = 200
    again = {"decision": "post_again"}
    assert await browser.sent(resolve, shown | again) == "resolution.receipt"
    assert await browser.sent(resolve, again) == "resolution.receipt", "a form that does not say what it is about"
    assert await browser.sent(resolve, await browser.opened(resolve_page) | again) == ""


@pytest.mark.parametrize(("page", "handler"), [(reject_page, reject), (return_page, send_back)])
async def test_who_saw_an_older_version_says_no_to_none(
    desk: WebDesk, city: ChangingCity, page: Handler, handler: Handler
) -> None:
    """Its author puts the message right while an officer writes why it is rejected: that would be final."""
    browser = Browser(desk, session("pio"), id=ID)
    reason = {"reason": "The street is another one."}
    shown = await browser.opened(page)
    city.revision = 2
    assert await browser.sent(handler, shown | reason) == "request.changed"
    assert await browser.sent(handler, reason) == "request.changed"
    assert await browser.sent(handler, await browser.opened(page) | reason) == ""


EOC = {"posture": Posture.EOC_ACTIVE, "level": 2, "incident": "Flood"}
CRISIS = {"posture": Posture.CRISIS, "incident": "Flood"}


@pytest.mark.parametrize(
    ("deed", "state", "seq"),
    [
        ("release", {"hold": True}, "hold_seq"),
        ("stand-down", EOC, "began_seq"),
        ("change", EOC, "began_seq"),
        ("end", CRISIS, "began_seq"),
    ],
)
async def test_an_order_ends_what_its_page_showed(
    desk: WebDesk, city: ChangingCity, deed: str, state: dict[str, Any], seq: str
) -> None:
    """Somebody else ended it, and began another one: of that the officer knows nothing."""
    browser = Browser(desk, session("pio"), deed=deed)
    fields = {"sure": "yes", "level": "2", "incident": "Flood"}
    city.state = state | {seq: 40}
    shown = await browser.opened(order_page)
    assert await browser.sent(order, shown | fields) == ""
    city.state = state | {seq: 52}
    assert await browser.sent(order, shown | fields) == "order.past"
    assert await browser.sent(order, fields) == "order.past"
    assert await browser.sent(order, await browser.opened(order_page) | fields) == ""


async def test_the_stop_button_works_whatever_happened_since_its_page(desk: WebDesk, city: ChangingCity) -> None:
    browser = Browser(desk, session("pio"), deed="hold")
    shown = await browser.opened(order_page)
    city.state = EOC | {"began_seq": 52}
    assert await browser.sent(order, shown | {"sure": "yes"}) == ""
