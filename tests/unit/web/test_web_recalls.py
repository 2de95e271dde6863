"""What the pages say of a recall that no service could finish."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from schemas.events.desk import BoardQuery, BoardReply, RequestView
from schemas.events.requests import PlatformContent, Rendering
from schemas.events.verdicts import Outcome
from services.kernel.base.city import City
from services.web.desk import SESSION
from services.web.pages.decisions import resolve_page
from services.web.pages.messages import message
from services.web.wiring import application, build
from tests.unit.desk.views import ID, NOW, delivery, request, view
from tests.unit.web.test_web_hub import event
from tests.unit.web.test_web_shared import Handler, _CalmCity, session

FIRE = "fire-townsquare"


class _Recalled(_CalmCity):
    """A city with a recall that is unconfirmed on one profile."""

    async def request(self, request_id: str, at_least: int | None = None, most: int | None = None) -> RequestView:
        assert request_id in (ID, "r1")
        content = PlatformContent(platform="mastodon", parts=("It is over.",), created_at=NOW, act="recall", about="r1")
        recall = request().model_copy(update={"replaces": "r1", "renderings": (Rendering.of(content),)})
        doubtful = delivery(FIRE, "unconfirmed", True).model_copy(update={"receipt_seq": 44})
        return view(Outcome.CLEARED, doubtful).model_copy(update={"request": recall})

    async def board(self, query: BoardQuery) -> BoardReply:
        """Nothing more was said of it."""
        return (
            await super().board(query)
            if query.query == "officers"
            else BoardReply(requests=(await self.request(ID),), changes=())
        )


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (message, f"What it takes back may still be on {FIRE}. Look at that profile, and delete by hand what is left."),
        (resolve_page, "Nothing is left there of what it takes back. Have the recall made once more."),
    ],
)
async def test_an_officer_reads_what_to_delete(made_city: City, handler: Handler, said: str) -> None:
    """Not that it may be out: nothing of it was to be posted."""
    desk = build(made_city, lambda: "nats://127.0.0.1:1")
    desk.hub.add(event(1))
    desk.hub.beat()
    desk = replace(desk, connection=_Recalled(made_city, desk.hub))
    asked = make_mocked_request("GET", "/", app=application(desk), match_info={"id": ID, "profile": FIRE})
    asked[SESSION] = session("pio")
    page = await handler(asked)
    assert isinstance(page, web.Response)
    assert said in (page.text or "")
