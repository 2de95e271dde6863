"""Signing in, with each kind of passkey that officers have, on a slow network: two taps, ten seconds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.conftest import DEVICE, BrowserCity, Cable, officer_phone

SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 20_000}
"""What browsers call slow 3G: milliseconds there and back, bytes a second."""

SECURITY_KEY = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "isUserVerified": True}
KINDS: dict[str, tuple[dict[str, Any], bool]] = {
    "in the phone, copied between devices": (
        DEVICE | {"defaultBackupEligibility": True, "defaultBackupState": True},
        False,
    ),
    "in the phone, device-bound": (DEVICE, True),
    "a security key that remembers nobody": (DEVICE | SECURITY_KEY, True),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_passkey_enrols_signs_in_and_signs(
    town: BrowserCity, cable: Cable, browser: Browser, kind: str
) -> None:
    device, bound = KINDS[kind]
    officer = {"in the phone, copied between devices": "pio", "in the phone, device-bound": "mcpe"}.get(kind, "cao")
    async with officer_phone(browser, town, officer, device) as phone:
        await phone.enroll(by_name=not device["hasResidentKey"])
        found = (await asyncio.to_thread(town.shell.json, "passkeys", "list")).body["passkeys"]
        assert [one["device_bound"] for one in found if one["officer"] == officer] == [bound]
        await phone.go("/state/hold")
        await phone.page.check("#sure")
        await phone.press("Stop all posts")
        await phone.at("/state?at=")
        await phone.press("Let posts go again")
        await phone.page.check("#sure")
        await phone.press("Let posts go again")
        await phone.at("/state?at=")


async def test_a_link_counts_that_is_opened_where_one_is_open(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    """The first one had run out: its page stands there, and the new link leads to the very same page."""
    async with officer_phone(browser, town, "nobody") as phone:
        for link in ("/enroll#first", "/enroll#second"):
            await phone.go(link)
            await phone.page.wait_for_function("!location.hash")
            assert await phone.page.input_value("#token") == link.partition("#")[2]
        await phone.page.locator(".govuk-skip-link").press("Enter")
        await phone.page.wait_for_function("location.hash")
        assert await phone.page.input_value("#token") == "second"


async def test_signed_in_within_ten_seconds_and_two_taps_on_a_slow_network(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    """One tap on the button, one on the device; nothing is kept from the last time but the passkey."""
    async with officer_phone(browser, town, "eoc-director") as phone:
        await phone.enroll()
        await phone.context.clear_cookies()
        assert phone.devices is not None
        await phone.devices.send("Network.enable")
        await phone.devices.send("Network.setCacheDisabled", {"cacheDisabled": True})
        await phone.devices.send("Network.emulateNetworkConditions", SLOW)
        began = asyncio.get_running_loop().time()
        await phone.go("/")
        await phone.page.get_by_role("button", name="Sign in with your passkey").click()
        await phone.sees("What waits for an officer", 10)
        assert asyncio.get_running_loop().time() - began < 10
