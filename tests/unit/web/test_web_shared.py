"""A page that is made once for many: the same for all but its holes, never older than it may be for who opens it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from schemas.events.authority import Grant, Officer, Role
from schemas.events.control import Posture
from schemas.events.desk import BoardQuery, BoardReply, EocView, OfficerView
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import Refused, Unreachable
from services.web.connection import CityConnection
from services.web.desk import SESSION, WebDesk
from services.web.front import one_for_all, signed_in
from services.web.hub import Hub
from services.web.pages.city import state
from services.web.pages.messages import holding
from services.web.roster import Roster
from services.web.sessions import WebSession
from services.web.sharing.shared import KEPT_SECONDS, SLOW_SECONDS, Holes, SharedPage, SharedPages
from services.web.wiring import application, build
from tests.unit.web.test_web_hub import event, made

AT = datetime(2026, 11, 26, 11, 14, 7, tzinfo=UTC)
EARLY = float("-inf")


def session(officer: str = "pio", language: str = "en") -> WebSession:
    """Somebody who is signed in."""
    return WebSession(officer, "credential", "phone", AT, AT, language=language)


class Made:
    """Makes pages, and counts them; ``may`` holds it up."""

    def __init__(self) -> None:
        self.count, self.may = 0, asyncio.Event()
        self.may.set()
        self.fails = False

    async def __call__(self) -> SharedPage:
        self.count += 1
        number = self.count
        await self.may.wait()
        if self.fails:
            raise Unreachable("service.unreachable", "the board does not run", "")
        return SharedPage(f"page {number}", Holes())


async def begun(make: Made, count: int) -> None:
    """Wait until so many makings have begun."""
    for _ in range(100):
        if make.count >= count:
            break
        await asyncio.sleep(0)
    assert make.count == count


def alive() -> Hub:
    """A hub that hears the city."""
    hub = made(event(1))
    hub.beat()
    return hub


def test_a_shared_page_says_to_each_when_their_own_session_ends() -> None:
    holes = Holes()
    page = SharedPage(f"<b>{holes.officer}</b> until {holes.ends}", holes)
    later = replace(session("mcpe"), used=AT + timedelta(minutes=5))
    said = [page.filled(one).text for one in (session(), later)]
    first, last = session().ends_at_clock(), later.ends_at_clock()
    assert ("44:07" in first, "49:07" in last) == (True, True)
    assert said == [f"<b>pio</b> until {first}", f"<b>mcpe</b> until {last}"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


async def test_a_hundred_who_open_a_page_at_once_have_it_made_once(clock: ManualClock) -> None:
    pages, make = SharedPages(alive(), clock), Made()
    make.may.clear()
    opening = [asyncio.create_task(pages.opened("a", make, EARLY)) for _ in range(100)]
    await asyncio.sleep(0)
    make.may.set()
    assert len(set(map(id, await asyncio.gather(*opening)))) == 1
    assert make.count == 1
    await pages.opened("b", make, EARLY)
    assert make.count == 2, "another page is another page"


async def test_a_page_is_good_for_a_moment_and_for_nobody_who_has_acted_since_it_was_begun(clock: ManualClock) -> None:
    pages, make = SharedPages(alive(), clock), Made()
    first = await pages.opened("a", make, EARLY)
    clock.time += timedelta(seconds=KEPT_SECONDS)
    assert await pages.opened("a", make, EARLY) is first
    acted = clock.monotonic()
    second = await pages.opened("a", make, acted)
    assert second is not first, "what an officer has just done is on the page"
    assert await pages.opened("a", make, EARLY) is second
    clock.time += timedelta(seconds=KEPT_SECONDS + 0.01)
    assert await pages.opened("a", make, EARLY) is not second


async def test_a_change_of_control_has_a_page_made_anew_and_so_has_a_silent_city(clock: ManualClock) -> None:
    hub, make = alive(), Made()
    pages = SharedPages(hub, clock)
    first = await pages.opened("a", make, EARLY)
    hub.add(event(2, "ledger.receipt.p.ra"))
    assert await pages.opened("a", make, EARLY) is first, "its browser hears of it"
    hub.add(event(3))
    second = await pages.opened("a", make, EARLY)
    assert second is not first
    hub._beat_at = float("-inf")
    assert await pages.opened("a", make, EARLY) is not second


async def test_nobody_waits_for_long_behind_one_making_and_a_failure_is_not_kept(clock: ManualClock) -> None:
    pages, make = SharedPages(alive(), clock), Made()
    make.may.clear()
    stuck = asyncio.create_task(pages.opened("a", make, EARLY))
    await begun(make, 1)
    clock.time += timedelta(seconds=SLOW_SECONDS + 0.01)
    other = asyncio.create_task(pages.opened("a", make, EARLY))
    await begun(make, 2)
    make.fails = True
    make.may.set()
    assert [type(one) for one in await asyncio.gather(stuck, other, return_exceptions=True)] == [Unreachable] * 2
    make.fails = False
    assert (await pages.opened("a", make, EARLY)).filled(session()).text == "page 3"


async def test_who_hears_news_gets_a_page_that_was_begun_after_and_others_may_have_it(clock: ManualClock) -> None:
    pages, make = SharedPages(alive(), clock), Made()
    first = await pages.opened("a", make, EARLY)
    renewed = await pages.renewed("a", make)
    assert renewed is not first
    assert await pages.opened("a", make, EARLY) is renewed


# --- whole pages ----------------------------------------------------------------------------------------------------

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _CalmCity(CityConnection):
    """A city that answers at once what it is in, and who its officers are."""

    def __init__(self, city: City, hub: Hub) -> None:
        super().__init__(city, lambda: "nats://127.0.0.1:1", hub)

    async def eoc(self, at_least: int | None = None) -> EocView:
        """Say that all is calm."""
        calm: dict[str, Any] = {"realm": "live", "city": "Mission", "website": "https://mission.example"}
        calm |= {"posture": Posture.ROUTINE, "control_seq": 1, "hold": False, "in_flight": 0, "last_seq": 1}
        return EocView.model_validate(calm)

    async def board(self, query: BoardQuery) -> BoardReply:
        """Name the officers."""
        assert query.query == "officers"
        return BoardReply(officers=(officer("pio", Role.PIO), officer("cao", Role.CAO), officer("clerk")))


@pytest.fixture
def desk(made_city: City) -> WebDesk:
    """The pages of a calm city; what is shared is kept as long as a test takes."""
    found = build(made_city, lambda: "nats://127.0.0.1:1")
    found.hub.add(event(1))
    found.hub.beat()
    calm = _CalmCity(made_city, found.hub)
    return replace(found, connection=calm, roster=Roster(calm), shared=SharedPages(found.hub, ManualClock(AT)))


def officer(name: str, *roles: Role) -> OfficerView:
    """An officer with roles that count."""
    grants = tuple(Grant(role=role) for role in roles)
    return OfficerView(officer=Officer(id=name, name=name, grants=grants), grants_now=grants, revoked=False)


async def shown(desk: WebDesk, path: str, handler: Handler, who: WebSession) -> web.Response:
    """Open a page as somebody."""
    request = make_mocked_request("GET", path, app=application(desk))
    request[SESSION] = who
    found = await one_for_all(request, handler)
    assert isinstance(found, web.Response)
    return found


def counted(handler: Handler) -> tuple[Handler, list[str]]:
    """Return a handler that notes for whom it made a page."""
    made_for: list[str] = []

    async def noting(request: web.Request) -> web.StreamResponse:
        made_for.append(request[SESSION].officer)
        return await handler(request)

    return noting, made_for


async def test_each_gets_their_own_name_token_and_nonce_in_the_one_page(desk: WebDesk) -> None:
    handler, made_for = counted(holding)
    one, other = session("pio"), session("mcpe")
    first = await shown(desk, "/holding", handler, one)
    second = await shown(desk, "/holding", handler, other)
    assert made_for == ["pio"]
    for page, who, not_this in ((first, one, other), (second, other, one)):
        assert f">{who.officer}</a>" in (page.text or "")
        assert f">{not_this.officer}</a>" not in (page.text or "")
        assert not_this.csrf not in (page.text or "")
    nonces = [set(re.findall(r'nonce="([^"]+)"', page.text or "")) for page in (first, second)]
    assert [len(one) for one in nonces] == [1, 1]
    assert nonces[0] != nonces[1]
    for page, (nonce,) in zip((first, second), nonces, strict=True):
        assert f"'nonce-{nonce}'" in page.headers["Content-Security-Policy"]


async def test_two_officers_with_different_rights_never_share_what_hangs_on_them(desk: WebDesk) -> None:
    handler, made_for = counted(state)
    texts = {name: (await shown(desk, "/state", handler, session(name))).text or "" for name in ("pio", "cao", "clerk")}
    assert made_for == ["pio", "cao", "clerk"]
    assert "/state/activate" not in texts["clerk"]
    assert "/state/activate" in texts["cao"]


async def test_a_page_is_shared_in_one_language(desk: WebDesk) -> None:
    handler, made_for = counted(holding)
    texts = [
        (await shown(desk, "/holding", handler, session(language=language))).text or ""
        for language in ("en", "fr", "en")
    ]
    assert len(made_for) == 2
    assert ['lang="fr"' in text for text in texts] == [False, True, False]


async def test_whose_passkey_counts_no_more_gets_no_page_that_is_kept(desk: WebDesk) -> None:
    kept = session("pio")
    assert (await shown(desk, "/holding", holding, kept)).status == 200
    secret = desk.sessions.begin(replace(session("pio"), began=desk.clock.now(), used=desk.clock.now()))
    cookie = {"Cookie": f"onevoice={secret}"}
    for headers in (cookie, cookie | {"HX-Request": "true"}):
        asked = make_mocked_request("GET", "/holding", headers=headers, app=application(desk))
        with pytest.raises((web.HTTPSeeOther, Refused)):
            await signed_in(asked, lambda one: one_for_all(one, holding))
