"""Every screen: no violation of WCAG that axe finds, nothing wider than the phone, targets that a thumb hits."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import Browser

from schemas import subjects
from schemas.events.outside import OutsidePost
from services.fanout.connectors.listing import ProfilePost
from services.fanout.watching.evidence import card_of, record_of
from services.kernel.base.city import load_city
from services.kernel.base.clock import SystemClock
from tests.browser.conftest import WIDER, BrowserCity, Cable, OfficerPhone, officer_phone
from tests.browser.pictures import SHEETS, sheet
from tests.support.mission import Mission
from tests.support.shell import Shell

SCREENS = {
    "inbox": "/",
    "message": "/messages/{id}",
    "approve": "/messages/{id}/approve",
    "return": "/messages/{id}/return",
    "reject": "/messages/{id}/reject",
    "withdraw": "/messages/{id}/withdraw",
    "copies": "/messages/{id}/copies",
    "copy": "{copy}",
    "state": "/state",
    "activate": "/state/activate",
    "hold": "/state/hold",
    "live": "/live",
    "messages": "/messages",
    "holding": "/holding",
    "inquiries": "/inquiries",
    "outside": "/outside",
    "outside post": "/outside/3fa2b1",
    "people": "/people",
    "profiles": "/profiles",
    "health": "/health",
    "sessions": "/sessions",
    "drafts": "/write",
    "write": "{draft}",
    "check": "{draft}/check",
    "missing": "/nothing-here",
}
MANNERS: dict[str, dict[str, Any]] = {
    # What a desktop's 1,280 px are at a zoom of 200 %.
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2, "forced_colors": "active"},
    "phone": {"viewport": {"width": 390, "height": 844}},
    # The same at 400 %.
    "narrow": {"viewport": {"width": 320, "height": 256}, "color_scheme": "dark", "reduced_motion": "reduce"},
    "desk": {"viewport": {"width": 1280, "height": 900}},
}
TARGET = 44
MOVES = """() => [...document.querySelectorAll('*')].flatMap((one) => ['', '::before', '::after'].map((part) => {
    const style = getComputedStyle(one, part || null);
    const lasts = (all) => all.split(',').some((word) => parseFloat(word) > 0);
    return lasts(style.transitionDuration) || (style.animationName !== 'none') ? one.outerHTML.slice(0, 60) + part : '';
  })).filter(Boolean)"""
"""What moves on a page."""

LARGER = "document.documentElement.style.fontSize = '200%'"
SMALL = """(least) => [...document.querySelectorAll(
    'button, .govuk-button, nav a, summary, .govuk-radios__label, .govuk-checkboxes__label, select, input[type=text]')]
  .filter((one) => { const box = one.getBoundingClientRect(); return box.width > 1 && box.height < least; })
  .map((one) => one.outerHTML.slice(0, 80))"""
PICTURES = os.environ.get("ONEVOICE_PICTURES")
"""A folder for small pictures of the screens; absent: none are kept."""


def _say(shell: Shell) -> str:
    """Make a crisis and messages; return the id of one that waits."""
    text = "Water main on 7th Avenue is repaired. https://mission.example/water"
    assert shell("publish", text, "--to", "fire-townsquare", "--as", "fire-publisher", "--yes").status == 0
    assert shell("crisis", "declare", "--incident", "Fraser River flood", "--as", "pio").status == 0
    more = ("--all-departments", "--severity", "extreme", "--as", "fire-publisher", "--yes")
    assert shell("request", "Leave Hatzic now. Reception centre: 33700 Prentis Avenue.", *more).status == 3
    to_one = ("--to", "fire-townsquare", "--as", "clerk", "--yes")
    assert shell("request", "ROAD CLOSED at Dewdney Trunk until 6 pm.", *to_one).status == 3
    waits: str = shell.json("pending").body[0]["request_id"]
    return waits


async def _from_outside(town: BrowserCity) -> None:
    """Tell of a post as the watch does: what the platform said, and a picture of its words."""
    assert town.shell.folder is not None
    city = load_city(town.shell.folder, "live")
    writer = await Mission(city).writer("fanout", town.broker)
    now = SystemClock().now()
    profile = (await writer.state()).profiles["fire-townsquare"]
    found = ProfilePost("7", "https://townsquare.example/@fire/7", now, "Free barbecue at the hall!", {})
    picture = card_of(profile, found, "today")
    assert picture is not None
    kept = [await writer.ledger.put_media(raw) for raw in (record_of(profile, found), picture)]
    post = OutsidePost(
        at=now,
        outside="3fa2b1",
        profile=profile.id,
        platform=profile.platform,
        account=profile.account,
        remote_id=found.id,
        url=found.url,
        published_at=now,
        text=found.text,
        record_sha256=kept[0],
        card_sha256=kept[1],
        worker="one",
    )
    await writer.ledger.append(subjects.outside(post.profile, post.outside), post)
    await writer.client.close()


async def filled(phone: OfficerPhone) -> dict[str, str]:
    """Make what the screens show: a crisis, messages, a draft."""
    waits = await asyncio.to_thread(_say, phone.town.shell)
    await _from_outside(phone.town)
    await phone.go("/write")
    await phone.press("Begin")
    await phone.at("/write/")
    draft = phone.page.url.removeprefix(phone.town.origin)
    await phone.page.fill("#text", "Highway 7 is open again. https://mission.example/roads")
    await phone.page.check("#to-fire-townsquare")
    await phone.press("Check it")
    await phone.page.wait_for_url("**/check")
    await phone.go(f"/messages/{waits}/copies")
    await phone.press("Make a link with your passkey")
    await phone.page.locator(".words a").wait_for()
    copy = await phone.page.locator(".words a").inner_text()
    return {"id": waits, "draft": draft, "copy": copy.removeprefix(phone.town.origin)}


async def _look(phone: OfficerPhone, manner: str, names: dict[str, str]) -> list[str]:
    """Return what is wrong with the screens in one manner of looking."""
    wrong: list[str] = []
    for name, path in SCREENS.items():
        await phone.go(path.format(**names))
        found = await Axe().run(phone.page)
        wrong += [
            f"{manner} {name}: {one['id']} {one['nodes'][0]['html'][:120]}" for one in found.response["violations"]
        ]
        if (wider := await phone.page.evaluate(WIDER)) > 0:
            wrong.append(f"{manner} {name}: {wider} px wider than the screen")
        if MANNERS.get(manner, {}).get("reduced_motion"):
            wrong += [f"{manner} {name}: moves: {one}" for one in await phone.page.evaluate(MOVES)]
        if manner != "desk":
            wrong += [
                f"{manner} {name}: too small for a thumb: {one}"
                for one in await phone.page.evaluate(SMALL, TARGET - 0.5)
            ]
        if PICTURES:
            await _picture(phone, Path(PICTURES) / f"{manner}-{name}.png")
        await phone.page.evaluate(LARGER)
        if (wider := await phone.page.evaluate(WIDER)) > 0:
            wrong.append(f"{manner} {name}: {wider} px wider than the screen with letters of 200 %")
    return wrong


async def _picture(phone: OfficerPhone, path: Path) -> None:
    await phone.page.screenshot(path=path, full_page=True)
    with Image.open(path) as shot:
        shot.convert("RGB").crop((0, 0, shot.width, min(shot.height, 1_100))).quantize(32).save(path, optimize=True)


async def test_every_screen_is_for_everybody(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    wrong: list[str] = []
    async with officer_phone(browser, town, "pio") as phone:
        await phone.enroll()
        names = await filled(phone)
        state = await phone.context.storage_state()
        for manner, more in MANNERS.items():
            context = await browser.new_context(storage_state=state, **more)
            page = await context.new_page()
            wrong += await _look(OfficerPhone(town, "pio", context, page), manner, names)
            await context.close()
            if PICTURES and manner in SHEETS:
                sheet(Path(PICTURES), manner, list(SCREENS))
        await phone.go("/sessions")
        await phone.page.select_option("#language", "fr")
        await phone.press("Use this language")
        await phone.page.set_viewport_size(MANNERS["narrow"]["viewport"])
        wrong += await _look(phone, "french", names)
    assert wrong == []
