"""A network that goes away: the page says so in words, goes on by itself, and has lost and doubled nothing."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser

from tests.browser.conftest import Cable, Town, officer_phone


async def test_offline_and_back_no_line_is_lost_or_doubled(town: Town, cable: Cable, browser: Browser) -> None:
    async with officer_phone(browser, town, "pio") as pio:
        await pio.enroll()
        await pio.go("/live")
        await pio.sees("As of")
        await cable.cut()
        began = asyncio.get_running_loop().time()
        for number in range(4):
            done = await asyncio.to_thread(town.shell, "hold", "on" if number % 2 == 0 else "off", "--as", "pio")
            assert done.status == 0, done
        await pio.sees("NOT LIVE since", 15)
        assert asyncio.get_running_loop().time() - began < 14
        assert await pio.page.locator("#blind").is_visible()
        assert "Trying again" in await pio.page.locator("#blind").inner_text()
        await cable.mend()
        await pio.page.locator("#blind").wait_for(state="hidden", timeout=15_000)
        await pio.sees("As of")
        held = pio.page.locator("#news li", has_text="(hold")
        for _ in range(50):
            if await held.count() >= 4:
                break
            await asyncio.sleep(0.1)
        assert await held.count() == 4
        places = await pio.page.eval_on_selector_all("#news li", "all => all.map(one => Number(one.dataset.seq))")
        assert places == sorted(set(places), reverse=True)


async def test_a_page_that_comes_to_the_front_is_live_at_once(town: Town, cable: Cable, browser: Browser) -> None:
    async with officer_phone(browser, town, "mcpe") as mcpe:
        await mcpe.enroll()
        await mcpe.go("/state")
        await cable.cut()
        await mcpe.sees("NOT LIVE since", 15)
        await cable.mend()
        await mcpe.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await mcpe.page.locator("#blind").wait_for(state="hidden", timeout=4_000)
