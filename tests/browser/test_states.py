"""Every state of a screen: with errors, with the menu open, held, out, and blind."""

from __future__ import annotations

import asyncio

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.browser.conftest import BrowserCity, Cable, OfficerPhone, officer_phone
from tests.browser.test_screens import filled


async def _violations(phone: OfficerPhone, state: str) -> list[str]:
    found = await Axe().run(phone.page)
    return [f"{state}: {one['id']} {one['nodes'][0]['html'][:120]}" for one in found.response["violations"]]


async def test_every_state_of_a_screen_is_for_everybody(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    """With errors, with the menu open, held, out, and blind; and what went wrong is told to who does not see it."""
    wrong: list[str] = []
    async with officer_phone(browser, town, "mcpe") as phone:
        await phone.enroll()
        await phone.page.clock.install()
        names = await filled(phone)
        await phone.go(names["draft"])
        await phone.page.fill("#expires", "soon")
        await phone.press("Check it")
        await phone.page.locator("#problem [role=alert]").wait_for()
        wrong += await _violations(phone, "a draft with an error")
        await phone.go(f"/messages/{names['id']}/approve")
        await phone.press("Approve with your passkey")
        await phone.sees("Tick the box first.")
        assert await phone.page.evaluate("document.activeElement.getAttribute('role')") == "alert"
        wrong += await _violations(phone, "an approval that was not ticked")
        await phone.page.get_by_text("More", exact=True).click()
        wrong += await _violations(phone, "the menu, open")
        await phone.go("/messages?q=repaired")
        await phone.page.locator(".rows a").first.click()
        await phone.sees("Out on 1 of 1 profiles.")
        wrong += await _violations(phone, "a message that is out")
        assert (await asyncio.to_thread(town.shell, "hold", "on", "--as", "pio")).status == 0
        await phone.sees("HOLD is on")
        wrong += await _violations(phone, "held")
        await cable.cut()
        await phone.page.clock.run_for(12_000)
        await phone.page.locator("#blind").wait_for()
        wrong += await _violations(phone, "blind")
        assert await phone.page.locator("#blind").get_attribute("role") == "alert"
    assert wrong == []
