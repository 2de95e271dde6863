"""An officer's browser without a screen: asks for pages, sends their forms, and signs with a real passkey."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any

import aiohttp

from schemas import canonical
from schemas.events.control import Confirm, PasskeyInvite
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import SystemClock
from tests.support.authenticator import Answer, Authenticator
from tests.support.mission import Desk, Mission, eventually
from tests.support.ports import free_port

HOUR = timedelta(hours=1)
USUAL_ORIGIN = "http://localhost:4225"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_PROPOSAL = re.compile(r"officers confirm ([0-9]+)")


def raw(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def word(data: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def with_pages(city: City) -> City:
    """Return the city with its pages at an address of its own."""
    path = city.folder / "city.toml"
    text = path.read_text()
    assert USUAL_ORIGIN in text
    path.write_text(text.replace(USUAL_ORIGIN, f"http://localhost:{free_port()}"))
    return load_city(city.folder, city.realm)


@dataclass
class Page:
    """What was answered: status, headers, and the text."""

    status: int
    headers: Any
    text: str
    path: str

    @property
    def words(self) -> str:
        """What a person reads of it, without tags."""
        main = self.text.partition("<main")[2] or self.text
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


class Phone:
    """One browser of one officer, with a passkey of its own."""

    def __init__(self, city: City, session: aiohttp.ClientSession, name: str) -> None:
        self.city = city
        self.origin = city.settings.web.origin
        self.session = session
        self.passkey = Authenticator(name=name, origin=self.origin, rp_id="localhost")
        self.csrf = ""

    async def get(self, path: str, **headers: str) -> Page:
        """Ask for a page, and remember its form's token."""
        async with self.session.get(self.origin + path, headers=headers) as answer:
            page = Page(answer.status, answer.headers, await answer.text(), answer.url.path_qs)
        if found := _CSRF.search(page.text):
            self.csrf = found[1]
        return page

    async def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> Page:
        """Send a form as the page would."""
        body = {"csrf": self.csrf} | (fields or {})
        sent = {"Origin": self.origin} | headers
        async with self.session.post(self.origin + path, data=body, headers=sent) as answer:
            return Page(answer.status, answer.headers, await answer.text(), answer.url.path_qs)

    async def hidden(self, path: str) -> dict[str, str]:
        """Open a page, and return the hidden fields of its form to be signed, as a browser would send them."""
        form = (await self.get(path)).text.partition("data-passkey")[2].partition("</form>")[0]
        return dict(_HIDDEN.findall(form))

    async def ask(self, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a form as the page's script would; return its JSON."""
        page = await self.post(path, fields, Accept="application/json")
        said: dict[str, Any] = canonical.loads(page.text.encode())
        return said

    async def sign(self, path: str, fields: dict[str, Any] | None = None, **lies: Any) -> dict[str, Any]:
        """Send a form, sign what it asks to be signed, and go on until it says where to; an error is returned."""
        said = await self.ask(path, fields)
        while "then" in said:
            said = await self.ask(said["then"], self.answer(said, **lies))
        return said

    async def submit(self, path: str) -> dict[str, Any]:
        """Check a draft for one profile, and submit it as it is shown."""
        return await self.sign(f"{path}/submit", await self.hidden(f"{path}/check") | {"sure": "1"})

    def answer(self, said: dict[str, Any], **lies: Any) -> dict[str, str]:
        """Return what the browser answers to what it was asked."""
        if "create" in said:
            made = self.passkey.register(raw(said["create"]["challenge"]))
            response = made["response"]
            client, attestation = response["clientDataJSON"], response["attestationObject"]
            return {"credential": made["rawId"], "client_data": client, "attestation": attestation}
        return fields_of(self.passkey.answer(raw(said["get"]["challenge"]), **lies))

    async def enroll(self, mission: Mission, officer: str, confirmer: str = "cao") -> None:
        """Get a one-time link, use it, have another officer confirm the passkey, and sign in."""
        token = word(canonical.sha256(self.passkey.name.encode()).encode())[:43]
        desk = await mission.desk(officer)
        place = self.city.settings.web.place
        invite = PasskeyInvite(
            officer=officer,
            token_sha256=canonical.sha256(token.encode()),
            until=SystemClock().now().replace(microsecond=0) + HOUR,
            origin=place.origin,
            rp_id=place.rp_id,
        )
        assert "error" not in await desk.register(invite)
        await self.propose(token, "a phone")
        await confirm_all(await mission.desk(confirmer))
        await self.sign_in()

    async def propose(self, token: str, label: str) -> str:
        """Use a one-time link; return the number of the proposal that others have to confirm."""
        said = await self.sign("/enroll", {"token": token, "label": label})
        assert str(said.get("to")).startswith("/enroll/done"), said
        page = await self.get(said["to"])
        found = _PROPOSAL.search(page.text)
        assert found is not None, page.words
        return found[1]

    async def sign_in(self) -> None:
        """Sign in, once the pages know of the passkey."""

        async def signed_in() -> bool:
            return "to" in await self.sign("/sign-in", {"next": "/"})

        await eventually(signed_in, every=2.0)
        await self.get("/write")


def fields_of(answer: Answer) -> dict[str, str]:
    """Return the form fields of a browser's answer."""
    return {
        "credential": word(answer.credential),
        "authenticator_data": word(answer.authenticator_data),
        "client_data": word(answer.client_data),
        "signature": word(answer.signature),
    }


async def confirm_all(desk: Desk) -> None:
    """Confirm each proposal that waits."""
    for one in (await desk.board("authority"))["authority"]["proposals"]:
        done = await desk.register(Confirm(proposal=one["proposal"], order=one["order"]))
        assert "error" not in done, done


@asynccontextmanager
async def phone(city: City, name: str = "phone") -> AsyncIterator[Phone]:
    """Open a browser, and close it after the block."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Phone(city, session, name)
