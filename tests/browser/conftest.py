"""A city that is up, a real Chromium, and officers' phones in it. Without a Chromium these tests are skipped."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.support.ports import free_port
from tests.support.shell import Shell, lower_city, make_demo, raise_city

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""How many pixels a page is wider than its screen."""

PHONE = {"width": 390, "height": 844}
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def chromium() -> str | None:
    """Where this machine's Chromium is: ONEVOICE_CHROMIUM, or on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("ONEVOICE_CHROMIUM") or next((found for name in names if (found := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none."""
    if chromium() is None:
        reason = "no Chromium on this machine: install it (apt-get install chromium), or name it in ONEVOICE_CHROMIUM"
        for item in items:
            if "tests/browser" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))


class Cable:
    """The network between browsers and the pages: a port that passes everything on, until it is cut."""

    def __init__(self, port: int, to: int) -> None:
        self.port, self._to = port, to
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Break all connections, and take no new ones."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        self._server = None

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._open -= {writer, back}

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


@dataclass
class BrowserCity:
    """A city that is up: its command, where its pages and its broker are, and the ports of the cable."""

    shell: Shell
    origin: str
    outer: int
    inner: int
    broker: str
    square: str
    exercise: str | None = None


def raise_town(folder: Path, *words: str) -> tuple[BrowserCity, object]:
    """Make a demonstration city and start it; its pages are reached through a cable."""
    port, outer = free_port(), free_port()
    shell, origin = make_demo(folder, port), f"http://localhost:{outer}"
    path = folder / "city.toml"
    own = f'origin = "{origin}"\nport = {port + 3}\nexercise_origin = "http://localhost:{free_port()}"'
    path.write_text(path.read_text().replace(f'origin = "http://localhost:{port + 3}"', own))
    process, addresses = raise_city(shell, port, *words)
    assert addresses["web_url"] == origin
    square, exercise = addresses["townsquare_url"], addresses["exercise_web_url"]
    return BrowserCity(shell, origin, outer, port + 3, addresses["nats_url"], square, exercise), process


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserCity]:
    """A live city for the tests of one file."""
    made, process = raise_town(tmp_path_factory.mktemp("browser") / "mission")
    yield made
    assert lower_city(process, signal.SIGINT) == 0  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def cable(town: BrowserCity) -> AsyncIterator[Cable]:
    """The network between browsers and pages."""
    line = Cable(town.outer, town.inner)
    await line.mend()
    yield line
    await line.cut()


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium."""
    async with async_playwright() as play:
        opened = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        await opened.close()


@dataclass
class OfficerPhone:
    """One officer's browser; ``faults`` are what its console complained of."""

    town: BrowserCity
    officer: str
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    devices: CDPSession | None = None
    device: str = ""

    async def verified(self, can: bool) -> None:
        """Let the device know its person from now on, or not."""
        assert self.devices is not None
        asked = {"authenticatorId": self.device, "isUserVerified": can}
        await self.devices.send("WebAuthn.setUserVerified", asked)

    async def go(self, path: str) -> None:
        """Open a page."""
        await self.page.goto(self.town.origin + path)

    async def press(self, name: str) -> None:
        """Press a button or follow a link by its name."""
        main = self.page.locator("main")
        await main.get_by_role("button", name=name).or_(main.get_by_role("link", name=name, exact=True)).first.click()

    async def sees(self, text: str, seconds: float = 20) -> None:
        """Wait until the page says something."""
        await self.page.get_by_text(text).first.wait_for(timeout=seconds * 1_000)

    async def at(self, path: str) -> None:
        """Wait until the browser is at a page."""
        await self.page.wait_for_url(lambda url: url.removeprefix(self.town.origin).startswith(path), timeout=20_000)

    async def enroll(self, *, by_name: bool = False) -> None:
        """Use a one-time link, have another officer confirm the passkey, and sign in; ``by_name``: saying who it is."""
        shell = self.town.shell
        link = await asyncio.to_thread(shell.json, "passkeys", "link", self.officer, "--as", self.officer)
        await self.page.goto(link.body["link"])
        await self.page.fill("#label", "my phone")
        await self.press("Make the passkey")
        await self.at("/enroll/done")
        waits = (await asyncio.to_thread(shell.json, "officers", "proposals")).body
        other = "cao" if self.officer != "cao" else "mcpe"
        done = await asyncio.to_thread(
            shell.json, "officers", "confirm", str(waits[0]["proposal"]), "--as", other, "--yes"
        )
        assert done.status == 0, done
        await self.press("Sign in")
        if by_name:
            await self.page.get_by_text("The passkey is not found").click()
            await self.page.fill("#officer", self.officer)
        for seconds in (5, 5, 10):  # the pages may not know yet what was confirmed a moment ago
            await self.press("Sign in with your passkey")
            with suppress(PlaywrightTimeout):
                return await self.page.wait_for_url(f"{self.town.origin}/", timeout=seconds * 1_000)
        raise AssertionError(await self.page.inner_text("main"))


@asynccontextmanager
async def officer_phone(
    browser: Browser, town: BrowserCity, officer: str, device: dict[str, Any] | None = None, **more: object
) -> AsyncIterator[OfficerPhone]:
    """Open a browser of one officer, with an authenticator of its own; no page of it may complain."""
    context = await browser.new_context(**({"viewport": PHONE} | more))  # type: ignore[arg-type]
    page = await context.new_page()
    phone = OfficerPhone(town, officer, context, page)
    page.on("pageerror", lambda error: phone.faults.append(str(error)))
    page.on("console", lambda said: phone.faults.append(said.text) if "Content Security" in said.text else None)
    phone.devices = await context.new_cdp_session(page)
    await phone.devices.send("WebAuthn.enable")
    made = await phone.devices.send("WebAuthn.addVirtualAuthenticator", {"options": device or DEVICE})
    phone.device = made["authenticatorId"]
    try:
        yield phone
    finally:
        await context.close()
    assert phone.faults == []
