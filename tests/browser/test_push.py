"""Being woken in a real browser: the button asks, the worker shows what comes, and what cannot be done is said."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.browser.conftest import BrowserCity, Cable, officer_phone

STATE = """async () => {
  const { active } = await navigator.serviceWorker.ready;
  while (active.state === "activating") await new Promise((next) => setTimeout(next, 20));
  return active.state;
}"""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map((one) => [one.title, one.body, one.data.to])"""


async def test_a_notice_is_shown_and_what_cannot_be_woken_says_so(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    async with officer_phone(browser, town, "pio") as phone:
        await phone.enroll()
        await phone.go("/sessions")
        await phone.press("Wake this device")
        await phone.sees("Notices are not allowed in this browser.")
        assert (await Axe().run(phone.page)).violations_count == 0
        await phone.context.grant_permissions(["notifications"], origin=town.origin)
        await phone.press("Wake this device")  # no push service is to be had here, but the worker is there then
        assert await phone.page.evaluate(STATE) == "activated"
        workers = await phone.context.new_cdp_session(phone.page)
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def registered(said: dict[str, Any]) -> None:
            if said["registrations"] and not found.done():
                found.set_result(said["registrations"][0]["registrationId"])

        workers.on("ServiceWorker.workerRegistrationUpdated", registered)
        await workers.send("ServiceWorker.enable")
        said = {"title": "City of Mission: a message waits", "body": "alert-admit-mask-riot", "to": "/"}
        asked = {"origin": town.origin, "registrationId": await asyncio.wait_for(found, 10), "data": json.dumps(said)}
        for number in range(150):
            if number % 50 == 0:  # what comes while Chromium only starts the worker is lost, as on a device that is off
                await workers.send("ServiceWorker.deliverPushMessage", asked)
            shown = await phone.page.evaluate(SHOWN)
            if shown:
                break
            await asyncio.sleep(0.1)
        assert shown == [[said["title"], said["body"], "/"]]
