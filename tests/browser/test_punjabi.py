"""Punjabi is prepared: what is translated has a letter for each sign where the machine has a font, and fits a phone."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from playwright.async_api import Browser

from services.web.render import STATIC, sentences_of
from tests.browser.conftest import WIDER


def gurmukhi_fonts() -> set[str]:
    """The names of this machine's fonts for Punjabi; empty without any."""
    if shutil.which("fc-list") is None:
        return set()
    found = subprocess.run(["fc-list", ":lang=pa", "family"], capture_output=True, text=True, check=True).stdout
    return {name.strip() for line in found.splitlines() for name in line.split(",")}


async def test_each_sign_of_punjabi_has_its_letter_and_fits(browser: Browser) -> None:
    fonts = gurmukhi_fonts()
    if not fonts:
        pytest.skip("no font for Punjabi on this machine (apt-get install fonts-lohit-guru)")
    page = await browser.new_page(viewport={"width": 320, "height": 640})
    css = "".join((STATIC / name).read_text() for name in ("govuk.css", "desk.css"))
    said = "".join(
        f'<h1 class="govuk-heading-l">{one}</h1><button class="govuk-button">{one}</button><p>{one}</p>'
        for one in sentences_of("pa").values()
    )
    await page.set_content(f'<html lang="pa"><style>{css}</style><main class="in">{said}</main>')
    assert await page.evaluate(WIDER) <= 0
    await page.evaluate(
        "document.querySelector('main').textContent = document.body.textContent.match(/[਀-੿]+/g).join(' ')"
    )
    tool = await page.context.new_cdp_session(page)
    await tool.send("DOM.enable")
    await tool.send("CSS.enable")
    root = (await tool.send("DOM.getDocument"))["root"]["nodeId"]
    node = (await tool.send("DOM.querySelector", {"nodeId": root, "selector": "main"}))["nodeId"]
    used = {
        one["familyName"]: one["glyphCount"]
        for one in (await tool.send("CSS.getPlatformFontsForNode", {"nodeId": node}))["fonts"]
    }
    letters = sum(count for name, count in used.items() if name in fonts)
    assert letters > 3_000
    spaces = await page.evaluate("document.querySelector('main').textContent.split(' ').length - 1")
    assert sum(used.values()) - letters <= spaces, used
