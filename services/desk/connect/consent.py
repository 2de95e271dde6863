"""A platform's login in a browser: where it sends the person back to, and what it says then (RFC 6749, 8252, 7636)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from services.desk.connect.person import Person
from services.desk.deadline import while_a_person_thinks
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.network.web import serve

HOST = "127.0.0.1"
PORT = 4229
PATH = "/callback"
WAIT_SECONDS = 600.0
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>OneVoice</title>
<body style="font: 1.25rem/1.5 sans-serif; margin: 3rem"><h1>{title}</h1><p>{text}</p></body></html>
"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


@dataclass(frozen=True)
class KeyExchange:
    """PKCE: only who began can redeem the code."""

    verifier: str
    challenge: str


def new_key_exchange() -> KeyExchange:
    """Make a verifier and its challenge (S256)."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return KeyExchange(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


@dataclass(frozen=True)
class Consent:
    """Sends a person to a platform's login and takes what comes back: by a page on this machine, or pasted.

    ``paste``: the browser is on another machine. ``redirect`` is the address that the platform knows of the city's
    application, where it is not this machine's. ``wait``: so many seconds at most for what comes back to this machine.
    """

    person: Person
    port: int = PORT
    paste: bool = False
    redirect: str = ""
    wait: float = WAIT_SECONDS

    def address(self, without: str = "") -> str:
        """Return where the platform sends the person back to; ``without`` is its word for nowhere, if it has one."""
        if self.redirect:
            return self.redirect
        return without if without and self.paste else f"http://{HOST}:{self.port}{PATH}"

    async def given(self, login: str, *, name: str, must: tuple[str, str]) -> str:
        """Have the person agree at ``login``; return what comes back as ``name``.

        Args:
            login: the platform's address.
            name: of the value that is wanted (``code``, ``oauth_verifier``).
            must: a name and the value that comes back with it: another one is somebody else's answer.

        Raises:
            BadInput: ``connect.denied``, ``connect.foreign``, ``connect.no_code``, ``connect.no_consent``.
        """
        self.person.show(f"Log in as the profile's account, and agree, at:\n  {login}")
        if not self.paste and not self.redirect:
            return await self._called_back(login, name, must)
        self.person.show("At the end the browser shows a code, or an address that may not open: copy either one whole.")
        return read_answer(self.person.ask("The code or address", secret=True), name, must)

    async def _called_back(self, login: str, name: str, must: tuple[str, str]) -> str:
        came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def answer(request: web.Request) -> web.Response:
            try:
                value = _value(request.query, name, must)
            except BadInput as fault:
                # What does not belong to this login ends nothing: any page in the browser may call this address.
                if fault.code == "connect.denied" and not came.done():
                    came.set_exception(fault)
                return _page("Not connected", fault.message, 400)
            if not came.done():
                came.set_result(value)
            return _page("Done", "This window can be closed: the command goes on.", 200)

        app = web.Application()
        app.router.add_get(PATH, answer)
        try:
            running = await serve(app, HOST, self.port, "the login's way back")
        except BadInput as fault:
            raise BadInput(fault.code, fault.message, "take another one with --port, or --paste") from fault
        try:
            self.person.visit(login)
            with while_a_person_thinks():
                async with asyncio.timeout(self.wait):
                    return await came
        except TimeoutError:
            hint = "begin again; where the browser is on another machine: --paste"
            raise BadInput("connect.no_consent", f"nobody agreed within {self.wait / 60:.0f} minutes", hint) from None
        finally:
            await running.stop()


def read_answer(pasted: str, name: str, must: tuple[str, str]) -> str:
    """Return the value from what was pasted: the value itself, or the address that the browser ended at.

    Raises:
        BadInput: as ``Consent.given``.
    """
    if "://" not in pasted:
        return pasted
    return _value(dict(parse_qsl(urlsplit(pasted).query)), name, must)


def with_query(address: str, query: Mapping[str, str]) -> str:
    """Return an address with a query."""
    return f"{address}?{urlencode(query)}"


def _value(query: Mapping[str, str], name: str, must: tuple[str, str]) -> str:
    key, wanted = must
    if not secrets.compare_digest(query.get(key, "").encode(), wanted.encode()):
        denied = query.get("denied", "")  # X (OAuth 1.0a) names the refused login here
        if not (denied and secrets.compare_digest(denied.encode(), wanted.encode())):
            raise BadInput("connect.foreign", "this answer belongs to another login", "begin again, in one window")
        raise _denied("access_denied")
    if "error" in query:
        raise _denied(query.get("error_description") or query["error"])
    if not query.get(name):
        raise BadInput("connect.no_code", f"the platform sent no {name}", "begin again")
    return query[name]


def _denied(words: str) -> BadInput:
    shown = "".join(c for c in words if c.isprintable())[:200]
    return BadInput("connect.denied", f"the platform says that nobody agreed: {shown}", "begin again, and agree")


def _page(title: str, text: str, status: int) -> web.Response:
    body = _PAGE.format(title=title, text=text.replace("&", "&amp;").replace("<", "&lt;"))
    return web.Response(text=body, content_type="text/html", status=status, headers=_HEADERS)


def lacking(wanted: tuple[str, ...], granted: tuple[str, ...]) -> None:
    """Refuse a credential that lacks a right.

    Raises:
        Refused: ``connect.rights``.
    """
    missing = [one for one in wanted if one not in granted]
    if missing:
        hint = "begin again, and leave every box checked; the application may have to ask for them, too"
        raise Refused("connect.rights", f"the platform did not grant: {', '.join(missing)}", hint)


def without_answers(wanted: tuple[str, ...], granted: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a credential cannot do that posts and does not answer, as a remark; nothing where it can."""
    missing = [one for one in wanted if one not in granted]
    if not missing:
        return ()
    return (f"it may post, and not read or answer what people write there: {', '.join(missing)} was not granted",)
