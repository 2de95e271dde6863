"""A day of an activation in two browsers at once: what one officer signs, the other sees without a reload."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser

from tests.browser.conftest import BrowserCity, Cable, officer_phone


async def test_a_whole_activation_day(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    async with (
        officer_phone(browser, town, "pio") as pio,
        officer_phone(browser, town, "eoc-director") as director,
    ):
        await pio.enroll()
        await director.enroll()

        await director.go("/state")
        await director.press("Activate the EOC")
        await director.page.check("#level-2")
        await director.page.fill("#incident", "Fraser River flood")
        await director.page.check("#sure")
        await director.press("Activate the EOC")
        await director.at("/state?at=")
        await pio.sees("EOC ACTIVE, level 2: Fraser River flood")

        asked = ("request", "Hatzic: leave now. https://mission.example/flood", "--all-departments", "--as", "clerk")
        done = await asyncio.to_thread(town.shell, *asked, "--severity", "extreme", "--yes")
        assert done.status == 3, done
        await pio.sees("Hatzic: leave now.")
        await pio.page.get_by_role("link", name="Hatzic: leave now.").click()
        await pio.press("Approve")
        words = await pio.page.locator(".words").inner_text()
        await pio.press("Approve with your passkey")
        await pio.sees("Tick the box first.")
        await pio.page.check("#sure")
        await pio.press("Approve with your passkey")
        await pio.at("/messages/")
        assert await pio.page.locator(".words").inner_text() == words
        await pio.sees("Out on 26 of 26 profiles.", 40)

        await director.go("/state")
        await director.press("Stop all posts")
        await director.page.check("#sure")
        await director.press("Stop all posts")
        await pio.sees("HOLD is on")
        await director.press("Let posts go again")
        await director.page.check("#sure")
        await director.press("Let posts go again")
        await director.at("/state?at=")
        await pio.page.get_by_text("HOLD is on").wait_for(state="hidden", timeout=20_000)

        await pio.press("Recall it")
        await pio.at("/write/")
        await pio.press("Check it")
        await pio.at("/write/")
        await pio.sees("Takes back")
        await pio.page.check("#sure")
        await pio.press("Submit with your passkey")
        await pio.at("/messages/")
        await pio.press("Approve")
        await pio.page.check("#sure")
        if await pio.page.locator("#acknowledge").count():
            await pio.page.check("#acknowledge")
        await pio.press("Approve with your passkey")
        await pio.sees("Out on 26 of 26 profiles.", 40)

        await director.go("/state")
        await director.press("Stand the EOC down")
        await director.page.check("#sure")
        await director.press("Stand the EOC down")
        await director.at("/state?at=")
        await pio.sees("routine")


async def test_a_draft_survives_a_reload_and_shows_each_platforms_text(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    async with officer_phone(browser, town, "comms-officer") as writer:
        await writer.enroll()
        await writer.go("/write")
        await writer.press("Begin")
        await writer.at("/write/")
        await writer.page.fill("#text", "Boil water in zone 4. https://mission.example/water")
        await writer.page.check("#to-fire-townsquare")
        await writer.sees("Your draft was kept")
        await writer.page.locator("#preview").get_by_text("mastodon").first.wait_for()
        await writer.page.reload()
        assert await writer.page.input_value("#text") == "Boil water in zone 4. https://mission.example/water"
        assert await writer.page.is_checked("#to-fire-townsquare")
        await writer.page.fill("#at", "2h")
        await writer.page.fill("#next_update", "6h")
        await writer.page.get_by_text("The same in other languages").click()
        await writer.page.fill("#code-0", "fr")
        await writer.page.fill("#translation-0", "Faites bouillir l’eau dans la zone 4.")
        await writer.press("Check it")
        for text in ("Goes out at", "Promises the next update by", "French (fr)", "Faites bouillir l’eau"):
            await writer.sees(text)
        await writer.press("Change it")
        assert await writer.page.input_value("#translation-0") == "Faites bouillir l’eau dans la zone 4."
        await writer.page.fill("#expires", "soon")
        await writer.press("Check it")
        await writer.page.locator("#problem").wait_for()
        assert await writer.page.input_value("#text") == "Boil water in zone 4. https://mission.example/water"
        await writer.page.fill("#expires", "")
        await writer.press("Check it")
        await writer.page.check("#sure")
        await writer.press("Submit with your passkey")
        await writer.at("/messages/")
        await writer.sees("Promises the next update by")
        await writer.sees("Goes out at")
