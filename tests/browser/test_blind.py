"""A network that goes away: the page says so in words, goes on by itself, and has lost and doubled nothing."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser, Page, Request

from schemas import subjects
from schemas.events.control import Hold
from services.kernel.authority.signing import load_key
from services.kernel.base.city import load_city
from services.kernel.control.control_state import ControlState
from tests.browser.conftest import BrowserCity, Cable, OfficerPhone, officer_phone
from tests.support.broker import connect
from tests.support.mission import Desk

COUNTS = """(() => {
  const real = window.fetch;
  window.opened = 0;
  window.fetch = (...asked) => { if (String(asked[0]).includes("/events")) window.opened += 1; return real(...asked); };
})()"""
"""Counts how often a page tried to hear the news."""

PLACES = "all => all.map(one => Number(one.dataset.seq))"
AWAY = 120
OFFICERS = ("pio", "mcpe", "eoc-director")
"""Entries of the ledger while a phone is away."""


async def not_asked() -> ControlState:
    """The release names its hold by itself."""
    raise AssertionError


async def hold_and_release(town: BrowserCity, times: int) -> None:
    """Stop and release all posts, as officers at a desk do, this often: one after the other, for each has a limit."""
    assert town.shell.folder is not None
    city = load_city(town.shell.folder, "live")
    for name in OFFICERS:
        client = await connect(town.broker, city.key_path(name), name)
        desk = Desk(city, name, client, load_key(city.key_path(name)), lambda: asyncio.sleep(0, 0), not_asked)
        for _ in range(times // 2 // len(OFFICERS)):
            held = (await desk.order(Hold(on=True)))["control_seq"]
            release = desk.signed_order(Hold(on=False, hold=held))
            said = await desk.ask(subjects.DESK_EOC_ORDER, release)
            assert said.get("changed"), said
        await client.close()


async def live_again(phone: OfficerPhone, seconds: float = 60) -> None:
    """Wait until the page is live and says so."""
    await phone.page.locator("#blind").wait_for(state="hidden", timeout=seconds * 1_000)
    await phone.sees("As of")


async def places(page: Page, count: int) -> list[int]:
    """Return where the stops and releases on a page stand in the ledger, once there are so many."""
    held = page.locator("#news li", has_text="(hold")
    for _ in range(100):
        if await held.count() >= count:
            break
        await asyncio.sleep(0.1)
    found: list[int] = await held.evaluate_all(PLACES)
    return found


async def test_five_minutes_offline_and_no_line_is_lost_or_doubled(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    async with officer_phone(browser, town, "pio") as pio:
        await pio.enroll()
        await pio.page.add_init_script(COUNTS)
        await pio.page.clock.install()
        await pio.go("/live")
        await pio.sees("As of")
        await pio.context.set_offline(True)
        await cable.cut()
        await pio.page.clock.run_for(5_000)
        assert not await pio.page.locator("#blind").is_visible(), "a lift is not worth a word"
        await hold_and_release(town, AWAY)
        await pio.page.clock.run_for(6_000)
        await pio.sees("NOT LIVE since")
        alarm = pio.page.locator("#blind")
        assert "Trying again" in await alarm.inner_text()
        assert await alarm.get_attribute("role") == "alert"
        assert await alarm.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(179, 20, 29)"
        before = await pio.page.evaluate("opened")
        for _ in range(100):  # in steps, for a try fails in its own time and not in the page's
            await pio.page.clock.run_for(3_000)
        assert await pio.page.evaluate("opened") - before >= 50, "it tries again without end"
        assert await alarm.is_visible()
        await cable.mend()
        await pio.context.set_offline(False)
        await live_again(pio)
        found = await places(pio.page, AWAY)
        assert len(found) == AWAY
        assert found == list(range(found[0], found[0] - AWAY, -1))
        every = await pio.page.eval_on_selector_all("#news li", PLACES)
        assert every == sorted(set(every), reverse=True)


async def test_a_page_that_comes_to_the_front_is_live_at_once(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    """Its clock stands still, as that of a page in the background may: only coming to the front can open it again."""
    async with officer_phone(browser, town, "mcpe") as mcpe:
        await mcpe.enroll()
        await mcpe.page.clock.install()
        await mcpe.go("/state")
        await mcpe.sees("As of")
        under_way: set[Request] = set()
        mcpe.page.on("request", lambda one: under_way.add(one))
        mcpe.page.on("requestfailed", lambda one: under_way.discard(one))
        mcpe.page.on("requestfinished", lambda one: under_way.discard(one))
        await mcpe.page.clock.set_system_time(await mcpe.page.evaluate("(Date.now() - 600000) / 1000"))
        await cable.cut()
        await mcpe.page.clock.run_for(15_000)
        await mcpe.sees("NOT LIVE since")  # also where the device's clock was set back just before
        await mcpe.page.clock.pause_at(await mcpe.page.evaluate("(Date.now() + 1000) / 1000"))
        for _ in range(200):
            if not under_way:
                break
            await asyncio.sleep(0.1)
        assert not under_way, "what was tried before is over: it would find the network again"
        await cable.mend()
        await asyncio.sleep(1)
        assert await mcpe.page.locator("#blind").is_visible()
        await mcpe.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await live_again(mcpe)
