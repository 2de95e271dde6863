"""Officers' browsers without a screen: they sign in, follow the news, and load their page anew when some came.

``python -m bench.watchers ORIGIN COOKIE,COOKIE,... PATH,PATH,...`` opens one browser for each path until it is stopped.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
import time
from typing import Any

import aiohttp
from yarl import URL

from tests.support.authenticator import Authenticator

THROTTLE = 1.5
"""Seconds between two loads of a page that news asks for (``hx-trigger`` in the pages' template)."""

COOKIE = "onevoice"


class BenchBrowser:
    """One browser with a passkey: enough of a phone to sign in with."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.passkey = Authenticator(name="bench", origin=origin, rp_id="localhost")

    async def enroll(self, link: str) -> str:
        """Use a one-time link; return the number of the proposal that others have to confirm."""
        async with aiohttp.ClientSession(self.origin) as session:
            said = await self._sign(session, "/enroll", {"token": link.partition("#")[2], "label": "bench"})
            async with session.get(str(said["to"])) as answer:
                page = await answer.text()
        found = re.search(r"officers confirm ([0-9]+)", page)
        if found is None:
            raise RuntimeError(f"the passkey was not taken: {answer.status} at {said['to']}")
        return found[1]

    async def sign_in(self) -> str:
        """Return the cookie of a new session."""
        async with aiohttp.ClientSession(self.origin) as session:
            await self._sign(session, "/sign-in", {"next": "/"})
            found = session.cookie_jar.filter_cookies(URL(self.origin)).get(COOKIE)
        if found is None:
            raise RuntimeError("nobody was signed in")
        return str(found.value)

    async def _sign(self, session: aiohttp.ClientSession, path: str, fields: dict[str, str]) -> dict[str, Any]:
        said = await self._post(session, path, fields)
        while "then" in said:
            said = await self._post(session, said["then"], self._answer(said))
        return said

    def _answer(self, said: dict[str, Any]) -> dict[str, str]:
        if "create" in said:
            made = self.passkey.register(_raw(said["create"]["challenge"]))
            response = made["response"]
            client, attestation = response["clientDataJSON"], response["attestationObject"]
            return {"credential": made["rawId"], "client_data": client, "attestation": attestation}
        answer = self.passkey.answer(_raw(said["get"]["challenge"]))
        return {name: base64.urlsafe_b64encode(part).decode().rstrip("=") for name, part in vars(answer).items()}

    async def _post(self, session: aiohttp.ClientSession, path: str, fields: dict[str, str]) -> dict[str, Any]:
        headers = {"Origin": self.origin, "Accept": "application/json"}
        async with session.post(path, data=fields, headers=headers) as answer:
            said: dict[str, Any] = await answer.json()
        if "error" in said:
            raise RuntimeError(f"{path}: {said['error']['code']}: {said['error']['message']}")
        return said


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def load(session: aiohttp.ClientSession, path: str, **headers: str) -> float:
    """Load a page; return the seconds to its last byte."""
    began = time.perf_counter()
    async with session.get(path, headers=headers) as answer:
        body = await answer.read()
        if answer.status != 200:
            code = re.search(r"<code>([a-z_.]+)</code></p>", body.decode())
            raise RuntimeError(f"{path}: {answer.status} {code[1] if code else ''}")
    return time.perf_counter() - began


async def watch(session: aiohttp.ClientSession, path: str) -> None:
    """Follow the news as a browser does on a page, until cancelled."""
    loaded, waiting = 0.0, None
    async with session.get(path) as page:
        text = await page.text()
    seq, about = re.search(r'data-seq="([0-9]+)"', text), re.search(r'data-about="([^"]*)"', text)
    only = set(about[1].split()) if about else set()
    if seq is None:
        raise RuntimeError(f"{path} does not say where it is")
    if path == "/live":
        async with session.get(f"/events?after={seq[1]}&lines") as answer:
            while await answer.content.readany():
                pass  # a phone puts the lines on its screen by its own processor, which is not what is measured
            return
    async with session.get(f"/events?after={seq[1]}") as answer:
        async for line in answer.content:
            if not _concerns(line, only):
                continue
            if waiting is None or waiting.done():
                pause = max(0.0, loaded + THROTTLE - time.monotonic())
                loaded = time.monotonic() + pause
                waiting = asyncio.create_task(_again(session, path, pause))


def _concerns(line: bytes, only: set[str]) -> bool:
    """True for news on which the page is loaded again, as in ``live.js``: those on other messages are left out."""
    if not line.startswith(b"data: ") or b'"about"' not in line:
        return False
    said = json.loads(line.removeprefix(b"data: "))
    return bool(said["all"] or (said["about"] and not only) or only & set(said["about"]))


async def _again(session: aiohttp.ClientSession, path: str, pause: float) -> None:
    await asyncio.sleep(pause)
    await load(session, path, **{"HX-Request": "true"})


async def main(origin: str, cookies: list[str], paths: list[str]) -> None:
    """Open a browser for each path."""
    sessions = [aiohttp.ClientSession(origin, cookies={COOKIE: one}) for one in cookies]
    timeout = aiohttp.ClientTimeout(total=None)
    for one in sessions:
        one._timeout = timeout
        one.connector._limit = one.connector._limit_per_host = 0  # type: ignore[union-attr]
    tasks = [asyncio.create_task(watch(sessions[n % len(sessions)], path)) for n, path in enumerate(paths)]
    print("ready", flush=True)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print(json.dumps([repr(one.exception()) for one in done]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")))
