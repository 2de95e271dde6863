"""Whoever is not signed in: they sign in however many others ask, each signature once and for what was asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from schemas import canonical
from schemas.events.desk import BoardQuery, BoardReply
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import BadInput
from services.web.desk import WebDesk
from services.web.pages.sign_in import begin, finish
from services.web.roster import Roster
from services.web.signing import KEPT_SECONDS
from services.web.wiring import application, build
from tests.support.authenticator import Authenticator
from tests.support.phone import fields_of, raw
from tests.unit.web.test_web_as_shown import form
from tests.unit.web.test_web_guards import officer
from tests.unit.web.test_web_shared import _CalmCity

AT = datetime(2026, 11, 26, 11, 14, 7, tzinfo=UTC)
MANY = 600


class _City(_CalmCity):
    """A city whose one officer has one passkey."""

    device: Authenticator

    async def board(self, query: BoardQuery) -> BoardReply:
        """Name the officer."""
        return BoardReply(officers=(officer(self.device),))


class Stranger:
    """A browser that is not signed in, with an officer's passkey."""

    def __init__(self, desk: WebDesk, device: Authenticator) -> None:
        self.app, self.device = application(desk), device

    async def asks(self, back: str = "/") -> dict[str, Any]:
        """Press the button; return what is to be signed."""
        return await self._sent(begin, "/sign-in", {"next": back})

    async def signs(self, said: dict[str, Any]) -> dict[str, Any]:
        """Touch the sensor, and send the signature."""
        return await self._sent(finish, said["then"], fields_of(self.device.answer(raw(said["get"]["challenge"]))))

    async def _sent(self, handler: Any, path: str, fields: dict[str, str]) -> dict[str, Any]:
        match = {"key": URL(path).path.rpartition("/")[2]}
        answer = await handler(make_mocked_request("POST", path, app=self.app, match_info=match, **form(fields)))
        assert isinstance(answer, web.Response)
        found: dict[str, Any] = canonical.loads((answer.text or "").encode())
        return found


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the pages."""
    return ManualClock(AT)


@pytest.fixture
def stranger(made_city: City, clock: ManualClock) -> Stranger:
    """The browser before the pages of a calm city."""
    desk = build(made_city, lambda: "nats://127.0.0.1:1")
    calm = _City(made_city, desk.hub)
    calm.device = Authenticator(name="phone", origin=desk.origin.text, rp_id=desk.origin.rp_id)
    return Stranger(replace(desk, connection=calm, roster=Roster(calm), clock=clock), calm.device)


async def test_nobody_pushes_out_what_another_one_is_about_to_sign(stranger: Stranger) -> None:
    first = await stranger.asks("/messages/r1?at=3")
    for _ in range(MANY):
        await stranger.asks()
    assert await stranger.signs(first) == {"to": "/messages/r1?at=3"}


async def test_a_signature_signs_in_once_and_in_time(stranger: Stranger, clock: ManualClock) -> None:
    said, other, late = await stranger.asks(), await stranger.asks(), await stranger.asks()
    assert await stranger.signs(said) == {"to": "/"}
    with pytest.raises(BadInput, match="too old"):
        await stranger.signs(said)
    assert await stranger.signs(other) == {"to": "/"}
    clock.time += timedelta(seconds=KEPT_SECONDS)
    with pytest.raises(BadInput, match="too old"):
        await stranger.signs(late)


@pytest.mark.parametrize(
    ("begins", "instead"), [("/sign-in/", "/sign-in/9"), (".", ".e30"), ("?", "x?"), ("?", "\u00e9?")]
)
async def test_a_ticket_that_was_not_given_is_none(stranger: Stranger, begins: str, instead: str) -> None:
    """A later end, another statement, another seal."""
    said = await stranger.asks()
    forged = said["then"].replace(begins, instead, 1)
    assert forged != said["then"]
    with pytest.raises(BadInput, match="too old"):
        await stranger.signs(said | {"then": forged})


async def test_who_has_signed_in_is_sent_nowhere_else(stranger: Stranger) -> None:
    said = await stranger.asks()
    assert await stranger.signs(said | {"then": said["then"].partition("?")[0] + "?next=//evil.example"}) == {"to": "/"}
