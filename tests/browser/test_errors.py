"""What goes wrong on a page is said where the focus is, with the way to the field; nothing typed is lost."""

from __future__ import annotations

import asyncio

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.browser.conftest import BrowserCity, Cable, OfficerPhone, officer_phone

FOCUS = "document.activeElement.id || document.activeElement.getAttribute('role')"
KEPT = "Object.keys(localStorage).filter((one) => one.startsWith('typed ')).length"
REASON = "The road is open again, so nobody needs it."


async def _waiting(town: BrowserCity) -> str:
    """Put a message on record that waits; return its page."""
    asked = ("request", "Dewdney Trunk is closed.", "--to", "fire-townsquare", "--as", "clerk", "--yes")
    assert (await asyncio.to_thread(town.shell, *asked)).status == 3
    return f"/messages/{(await asyncio.to_thread(town.shell.json, 'pending')).body[0]['request_id']}"


async def _error(phone: OfficerPhone, press: str, said: str, field: str) -> None:
    """Press a button: the fault has the focus, is in the title, and leads to its field."""
    await phone.press(press)
    alert = phone.page.locator("main [role=alert]")
    await alert.get_by_text(said).wait_for()
    assert await phone.page.evaluate(FOCUS) == "alert"
    assert (await phone.page.title()).startswith("Error: ")
    assert await alert.get_by_role("heading").inner_text() == "There is a problem"
    assert (await Axe().run(phone.page)).violations_count == 0
    await alert.get_by_role("link").click()
    assert await phone.page.evaluate(FOCUS) == field
    assert await phone.page.get_attribute(f"#{field}", "aria-invalid") == "true"


async def test_a_fault_leads_to_its_field(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    place = await _waiting(town)
    async with officer_phone(browser, town, "comms-officer") as phone:
        await phone.enroll()
        await phone.go(f"{place}/reject")
        await _error(phone, "Reject with your passkey", "There is no reason yet.", "reason")
        await phone.go(f"{place}/approve")
        if await phone.page.locator("#acknowledge").count():
            await phone.page.check("#acknowledge")
        await _error(phone, "Approve with your passkey", "You did not say how far it goes", "sure")
        await phone.go("/state/hold")
        assert not (await phone.page.title()).startswith("Error")
        await phone.go("/write")
        await phone.press("Begin")
        await phone.page.wait_for_url("**/write/*")
        await phone.page.fill("#text", "Boil water.")
        await phone.press("Check it")
        await phone.page.locator("#problem").wait_for()
        assert (await phone.page.title()).startswith("Error: Write a message")
        assert await phone.page.evaluate(FOCUS) == "problem"
        await phone.page.locator("#problem").get_by_role("link").click()
        assert await phone.page.evaluate(FOCUS) == "reach-all"
        await phone.go("/nothing-here")
        assert (await phone.page.title()).startswith("Error: ")


async def test_a_reason_outlives_a_reload_and_the_end_of_the_session(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    place = await _waiting(town)
    async with officer_phone(browser, town, "mcpe") as phone:
        await phone.enroll()
        await phone.go(f"{place}/reject")
        await phone.page.locator("#reason").press_sequentially(REASON)
        await phone.page.reload()
        assert await phone.page.input_value("#reason") == REASON
        await phone.context.clear_cookies()
        await phone.press("Reject with your passkey")
        await phone.page.locator("main [role=alert]").get_by_text("You are not signed in any more").wait_for()
        await phone.page.locator("main [role=alert]").get_by_role("link").click()
        await phone.press("Sign in with your passkey")
        await phone.at(f"{place}/reject")
        assert await phone.page.input_value("#reason") == REASON
        await phone.press("Reject with your passkey")
        await phone.at(f"{place}?at=")
        await phone.sees(REASON)
        await phone.go(f"{place}/approve")
        await phone.sees("It does not wait for an approval any more.")
        assert await phone.page.locator("main form").count() == 0
        assert await phone.page.evaluate(KEPT) == 0


ENDING = """(said) => document.getElementById("live").dispatchEvent(
  new CustomEvent("ending", { detail: { data: JSON.stringify(said) } }))"""


async def test_before_the_session_ends_the_page_says_so_and_a_press_puts_it_off(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    async with officer_phone(browser, town, "pio") as phone:
        await phone.enroll()
        await phone.go("/state/declare")
        await phone.page.fill("#incident", "Fraser River flood")
        await phone.page.evaluate(ENDING, {"at": "03:14:07 PST", "stay": True})
        alarm = phone.page.locator("#ending")
        assert "You will be signed out at 03:14:07 PST." in await alarm.inner_text()
        assert await alarm.get_attribute("role") == "alert"
        assert (await Axe().run(phone.page)).violations_count == 0
        async with phone.page.expect_response("**/sessions/stay") as answer:
            await alarm.get_by_role("button", name="Stay signed in").click()
        assert (await answer.value).status == 204
        assert await phone.page.input_value("#incident") == "Fraser River flood", "and nothing is loaded anew"
        await phone.page.evaluate(ENDING, {"at": "", "stay": False})
        assert not await alarm.is_visible()
        assert await phone.page.evaluate(FOCUS) == "main"
        await phone.page.evaluate(ENDING, {"at": "03:14:07 PST", "stay": False})
        assert not await alarm.get_by_role("button").is_visible()


_ACTIVATE = ("eoc", "activate", "--as", "eoc-director", "--level", "1", "--yes", "--incident")
ORDERS = (
    (("crisis", "declare", "--as", "pio", "--incident", "Slide"), "activate", "Slide"),
    ((*_ACTIVATE, "Hatzic slide"), "change", "Hatzic slide"),
    ((*_ACTIVATE, "Slide over"), "change", "Slide over"),
)
"""Orders of somebody else, the page that is opened then, and the incident that it has to show."""


async def test_what_was_typed_gives_way_to_what_changed_and_stays_with_its_officer(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    """A form that is signed shows what is in force, and not what was typed over something else."""
    place = await _waiting(town)
    async with officer_phone(browser, town, "cao") as phone:
        await phone.enroll()
        await phone.go(f"{place}/return")
        await phone.page.locator("#reason").press_sequentially(REASON)
        await phone.page.close(run_before_unload=False)  # as a dead battery closes it: the tab's own memory is gone
        phone.page = await phone.context.new_page()
        await phone.go(f"{place}/return")
        assert await phone.page.input_value("#reason") == REASON
        await phone.page.fill("#reason", "")
        await phone.page.reload()
        assert await phone.page.input_value("#reason") == "", "what was emptied stays empty"
        await phone.page.fill("#reason", REASON)
        typed = "JSON.parse(localStorage.getItem(Object.keys(localStorage).find((one) => one.startsWith('typed cao'))))"
        assert (await phone.page.evaluate(typed))["typed"] == REASON
        await phone.go("/state/declare")
        await phone.page.fill("#incident", "Slide at Dewdney")
        for order, then, shown in ORDERS:
            assert (await asyncio.to_thread(town.shell, *order)).status == 0
            await phone.go("/state")
            await phone.sees(shown)
            await phone.go(f"/state/{then}")
            assert await phone.page.input_value("#incident") == shown
            await phone.page.fill("#incident", "Slide at Dewdney")
        await phone.page.reload()
        assert await phone.page.input_value("#incident") == "Slide at Dewdney"
        await phone.go("/sessions")
        await phone.page.get_by_role("button", name="Sign out").click()
        await phone.at("/sign-in")
        assert await phone.page.evaluate(KEPT) == 0
