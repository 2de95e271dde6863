"""Officers' browsers without a screen: they follow the news, and load their page anew when some came.

``python -m bench.watchers ORIGIN COOKIE,COOKIE,... PATH,PATH,...`` opens one browser for each path until it is stopped.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

import aiohttp

THROTTLE = 1.5
"""Seconds between two loads of a page that news asks for (``hx-trigger`` in the pages' template)."""

COOKIE = "onevoice"


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
