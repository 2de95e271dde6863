"""A post of which nobody knows whether it is out: the pages lead to it, ask what was found, and take it by passkey."""

from __future__ import annotations

import asyncio

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.browser.conftest import BrowserCity, Cable, officer_phone
from tests.cli.test_cmd_resolve import PARKS, TEXT, URL, Drill

TO = ("--to", PARKS, "--as", "mcpe", "--yes")


def _nobody_knows(town: BrowserCity) -> str:
    """Publish to a profile whose platform drops the calls, until it is left to a person; return the message's page."""
    drill = Drill(town.shell, {"townsquare_url": town.square, "nats_url": town.broker})
    assert town.shell("publish", "Fan-out knows the account. https://mission.example", *TO).status == 0
    drill.deaf(PARKS)
    sent = town.shell.json("publish", TEXT, *TO, "--wait", "1s")
    assert sent.status == 5, sent
    name = str(sent.body["request_id"])
    drill.until(name, "posting", PARKS)
    drill.give_in(name, PARKS)
    return f"/messages/{name}"


async def test_what_was_found_on_a_profile_is_signed(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    place = await asyncio.to_thread(_nobody_knows, town)
    async with officer_phone(browser, town, "pio") as phone:
        await phone.enroll()
        await phone.sees("Unconfirmed")
        await phone.go(place)
        await phone.press(f"Say what you found on {PARKS}")
        await phone.at(f"{place}/resolve/")
        assert (await Axe().run(phone.page)).violations_count == 0
        for choice, said, field in (
            (None, "Look at the profile, then choose what you found.", "d-posted"),
            ("#d-posted", "Copy the post's own address from the browser", "url"),
        ):
            if choice:
                await phone.page.check(choice)
            await phone.press("Sign with your passkey")
            await phone.page.locator("main [role=alert]").get_by_text(said).wait_for()
            await phone.page.locator("main [role=alert]").get_by_role("link").click()
            assert await phone.page.evaluate("document.activeElement.id") == field
        await phone.page.fill("#url", URL)
        await phone.press("Sign with your passkey")
        await phone.at(f"{place}?at=")
        await phone.sees("confirmed by pio")
        await phone.go(f"{place}/resolve/{PARKS}")
        await phone.sees("Look at the message: somebody may have decided already.")
