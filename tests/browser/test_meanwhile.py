"""What happens while somebody is at a page: news, another officer's word, a clock that is wrong. Nothing gets lost."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser

from tests.browser.conftest import BrowserCity, Cable, OfficerPhone, officer_phone
from tests.browser.test_errors import FOCUS

REQUEST = ("request", "--to", "fire-townsquare", "--as", "clerk", "--yes")
MINUTES = 10
CLOCK = """(() => { const real = Date.now.bind(Date); Date.now = () => real() + %d * 60000; })()"""


async def _ask(town: BrowserCity, text: str) -> str:
    """Put a message on record that waits; return its id."""
    assert (await asyncio.to_thread(town.shell, *REQUEST, text)).status == 3
    waits = (await asyncio.to_thread(town.shell.json, "pending")).body
    return next(str(one["request_id"]) for one in waits if one["text"] == text)


async def test_news_takes_neither_the_focus_nor_what_is_typed(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    await _ask(town, "Dewdney Trunk is closed.")
    async with officer_phone(browser, town, "pio") as phone:
        await phone.enroll()
        await phone.go("/messages")
        await phone.page.locator("#q").press_sequentially("Fras")
        await _ask(town, "Lougheed is closed.")
        await phone.sees("Lougheed is closed.")
        assert await phone.page.evaluate(FOCUS) == "q"
        await phone.page.keyboard.type("er")
        assert await phone.page.input_value("#q") == "Fraser", "typed through the news"
        waits = await _ask(town, "Stave Lake Road is closed.")
        await phone.go("/state/declare")
        await phone.page.locator("#incident").press_sequentially("Fraser River")
        await phone.page.check("#sure")
        rejected = ("reject", waits, "--reason", "It is open again.", "--as", "mcpe")
        assert (await asyncio.to_thread(town.shell, *rejected)).status == 0
        assert (await asyncio.to_thread(town.shell, "hold", "on", "--as", "mcpe")).status == 0
        await phone.page.locator("#posture").get_by_text("HOLD is on").wait_for()
        assert await phone.page.evaluate(FOCUS) == "sure"
        assert await phone.page.input_value("#incident") == "Fraser River"
        assert await phone.page.is_checked("#sure")
        assert (await asyncio.to_thread(town.shell, "hold", "off", "--as", "mcpe")).status == 0


async def test_the_second_of_two_who_decide_is_told_what_happened(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    """One approves while the other looks; then one returns it, it is revised, and the other looks at what it was."""
    waits = await _ask(town, "Cedar Street is closed.")
    place = f"/messages/{waits}"
    async with officer_phone(browser, town, "mcpe") as first, officer_phone(browser, town, "comms-officer") as second:
        await first.enroll()
        await second.enroll()
        await _ready(second, place)
        await first.go(f"{place}/return")
        await first.page.fill("#reason", "Say until when.")
        await first.press("Return with your passkey")
        await first.at(f"{place}?at=")
        revised = await asyncio.to_thread(town.shell, *REQUEST, "--revise", waits, "Cedar Street is closed until 6 pm.")
        assert revised.status == 3, revised
        await second.press("Approve with your passkey")
        alert = second.page.locator("main [role=alert]")
        await alert.get_by_role("link", name="The message is not the one that you were shown").click()
        await second.sees("Cedar Street is closed until 6 pm.")
        await _ready(second, place)
        await _ready(first, place)
        await second.press("Approve with your passkey")
        await second.at(f"{place}?at=")
        await first.press("Approve with your passkey")
        await first.at(f"{place}?at=")
        await first.sees("Approved by")
        for officer in ("comms-officer", "mcpe"):
            await first.page.locator(".news li", has_text=f"{officer} approved").first.wait_for()


async def _ready(phone: OfficerPhone, place: str) -> None:
    """Open the page of an approval and tick what it asks for."""
    await phone.go(f"{place}/approve")
    for box in ("#acknowledge", "#sure"):
        if await phone.page.locator(box).count():
            await phone.page.check(box)


async def test_a_phone_whose_clock_is_ten_minutes_off_works_all_the_same(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    for officer, minutes in (("eoc-director", MINUTES), ("cao", -MINUTES)):
        async with officer_phone(browser, town, officer) as phone:
            await phone.context.add_init_script(CLOCK % minutes)
            await phone.enroll()
            await phone.go("/state/hold")
            await phone.sees("As of")
            assert "NOT LIVE" not in await phone.page.locator("#live-words").inner_text()
            await phone.page.check("#sure")
            await phone.press("Stop all posts")
            await phone.at("/state?at=")
            assert (await asyncio.to_thread(town.shell, "hold", "off", "--as", "mcpe")).status == 0
