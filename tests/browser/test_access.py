"""For whoever comes by other ways: without a session, by keyboard, without script, in the exercise."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.browser.conftest import WIDER, BrowserCity, Cable, OfficerPhone, officer_phone, raise_town
from tests.support.shell import Shell, lower_city

FOCUS = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  return [one.id + " " + one.textContent.trim(), style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    box.bottom > 0 && box.top < innerHeight];
}"""
"""What has the focus: its id and words, how wide its outline is, and whether it is on the screen."""


async def test_who_is_not_signed_in_has_screens_for_everybody_too(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    async with officer_phone(browser, town, "pio") as phone:
        for path in ("/sign-in", "/enroll", "/enroll/done"):
            if path == "/enroll/done":
                await phone.enroll()
            await phone.go(path)
            found = await Axe().run(phone.page)
            assert found.violations_count == 0, found.generate_report()
            assert await phone.page.evaluate(WIDER) <= 0


async def test_the_keyboard_finds_the_content_first(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    async with officer_phone(browser, town, "nobody") as phone:
        await phone.go("/sign-in")
        await phone.page.keyboard.press("Tab")
        assert await phone.page.evaluate("document.activeElement.className") == "govuk-skip-link"
        await phone.page.keyboard.press("Enter")
        await phone.page.keyboard.press("Tab")
        assert await phone.page.evaluate("document.activeElement.textContent.trim()") == "Sign in with your passkey"


async def test_a_message_is_approved_by_keyboard_alone(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    """Each stop can be seen, in the order of the page; the space bar ticks, Enter presses."""
    asked = ("request", "Dewdney Trunk is closed.", "--to", "fire-townsquare", "--as", "clerk", "--yes")
    assert (await asyncio.to_thread(town.shell, *asked)).status == 3
    async with officer_phone(browser, town, "comms-officer", viewport={"width": 1280, "height": 900}) as phone:
        await phone.enroll()
        await phone.go("/")
        await tab_to(phone, "Dewdney Trunk is closed.")
        await phone.page.keyboard.press("Enter")
        await phone.at("/messages/")
        await tab_to(phone, "Approve")
        await phone.page.keyboard.press("Enter")
        await phone.page.wait_for_url("**/approve")
        for name in ("acknowledge", "sure"):
            if await phone.page.locator(f"#{name}").count():
                await tab_to(phone, name)
                await phone.page.keyboard.press("Space")
        await tab_to(phone, "Approve with your passkey")
        await phone.page.keyboard.press("Enter")
        await phone.sees("Out on 1 of 1 profiles.")


async def test_the_eoc_is_activated_by_keyboard_alone(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    """Arrows choose the level; the page behind it says what holds now, and says it to who does not see it."""
    async with officer_phone(browser, town, "eoc-director", viewport={"width": 1280, "height": 900}) as phone:
        await phone.enroll()
        keys = phone.page.keyboard
        await phone.go("/state")
        await tab_to(phone, "Activate the EOC")
        await keys.press("Enter")
        await phone.at("/state/activate")
        await tab_to(phone, "level-1")
        await keys.press("ArrowDown")
        assert await phone.page.is_checked("#level-2")
        await tab_to(phone, "incident")
        await keys.type("Fraser River flood")
        await tab_to(phone, "sure")
        await keys.press("Space")
        await tab_to(phone, "Activate the EOC")
        await keys.press("Enter")
        await phone.at("/state?at=")
        await phone.page.locator("[role=status]", has_text="EOC ACTIVE, level 2: Fraser River flood").wait_for()
        assert (await asyncio.to_thread(town.shell, "eoc", "stand-down", "--as", "eoc-director", "--yes")).status == 0
        await phone.page.locator("[role=status]", has_text="routine").wait_for()


async def tab_to(phone: OfficerPhone, name: str) -> None:
    """Press Tab until the focus is on what is called so; each stop on the way has to be seen."""
    for _ in range(60):
        await phone.page.keyboard.press("Tab")
        text, width, shown = await phone.page.evaluate(FOCUS)
        assert width >= 2, f"the focus on {text!r} cannot be seen"
        assert shown, f"{text!r} has the focus and is not on the screen"
        if name in text:
            return
    raise AssertionError(f"nothing that is called {name!r} gets the focus")


async def test_without_script_all_can_be_read(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    async with officer_phone(browser, town, "cao") as phone:
        await phone.enroll()
        state = await phone.context.storage_state()
        context = await browser.new_context(storage_state=state, java_script_enabled=False)
        page = await context.new_page()
        for path in ("/", "/state", "/live", "/messages", "/people", "/write"):
            answer = await page.goto(town.origin + path)
            assert answer is not None
            assert answer.status == 200
        assert "Reload the page for news" in await page.inner_text("#live")
        await page.goto(f"{town.origin}/state/hold")
        assert "Signing needs JavaScript" in await page.inner_text("main")
        await context.close()


async def test_the_exercise_looks_different_on_every_screen(browser: Browser, tmp_path: Path) -> None:
    """Both realms beside each other: a person is in both at once, and no screen of one is taken for the other's."""
    town, process = raise_town(tmp_path / "mission", "--with-exercise")
    line = Cable(town.outer, town.inner)
    await line.mend()
    shell = Shell(town.shell.folder, ONEVOICE_REALM="exercise")
    assert town.exercise is not None
    drill = replace(town, shell=shell, origin=town.exercise)
    try:
        async with officer_phone(browser, town, "pio") as phone:
            await phone.enroll()
            assert await phone.page.locator(".drill").count() == 0
            in_drill = replace(phone, town=drill)
            await in_drill.enroll()
            for path in ("/", "/live", "/state/activate", "/people", "/write", "/sessions", "/nothing-here"):
                await in_drill.go(path)
                assert "EXERCISE" in await phone.page.inner_text(".drill"), path
                assert "EXERCISE" in await phone.page.title(), path
                border = await phone.page.evaluate("getComputedStyle(document.body).borderLeftWidth")
                assert float(re.sub("[^0-9.]", "", border)) >= 4, path
                assert (await Axe().run(phone.page)).violations_count == 0, path
            await in_drill.go("/state/hold")
            await phone.page.check("#sure")
            await in_drill.press("Stop all posts")
            await in_drill.sees("HOLD is on")
            await phone.go("/state")
            await phone.sees("routine")
            assert await phone.page.locator(".drill").count() == 0
            assert "HOLD is on" not in await phone.page.inner_text("#posture"), "the live city is not held"
    finally:
        await line.cut()
        assert lower_city(process) == 0  # type: ignore[arg-type]


async def test_the_pages_speak_french_to_who_asks_for_it(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    async with officer_phone(browser, town, "nobody", locale="fr-CA") as phone:
        await phone.go("/sign-in")
        assert await phone.page.get_attribute("html", "lang") == "fr"
        await phone.sees("Ouvrir une session avec votre clé d’accès")
        await phone.go("/enroll")
        assert (await Axe().run(phone.page)).violations_count == 0
    async with officer_phone(browser, town, "mcpe") as phone:
        await phone.enroll()
        assert await phone.page.get_attribute("html", "lang") == "en"
        await phone.go("/sessions")
        await phone.page.select_option("#language", "fr")
        await phone.press("Use this language")
        await phone.sees("Langue de ces pages")
        assert await phone.page.get_attribute("html", "lang") == "fr"
        await phone.go("/nothing-here")
        await phone.sees("Cette page n’existe pas.")
