"""The officers' pages while a hundred browsers watch and 1,000 profiles are posted to, beside the same with nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import aiohttp

from bench import product
from bench.city import City
from bench.context import Bench
from bench.rows import Row, percentile, row_of
from bench.watchers import COOKIE, load
from services.kernel.base.city import load_city
from tests.support.phone import Phone, phone

PROFILES, WATCHERS, SESSIONS, RUNS = 1_000, 100, 25, 3
"""A hundred browsers in 25 sessions: signing in is limited, and a stream costs the same in whichever session it is."""

SECONDS = 120.0
PAUSE = 0.05


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield the row of each page: the 95th percentile of its loads, from the approval to the last receipt."""
    city = bench.new_city(PROFILES)
    origin = product.move_pages(city.folder)
    try:
        await city.start_apart({})
        city.start_service("web")
        await _served(origin)
        await city.declare_crisis()
        cookies = await _signed_in(city)
        alone = [await _post_to_all(city, origin, cookies[0]) for _ in range(RUNS)]
        earlier = alone[-1][1]
        places = ["/", f"/messages/{earlier}", "/live", "/state"]
        paths = ",".join(places[n % len(places)] for n in range(WATCHERS))
        arguments = (sys.executable, "-m", "bench.watchers", origin, ",".join(cookies), paths)
        browsers = bench.children.start(arguments, stdout=subprocess.PIPE)
        assert browsers.stdout is not None
        await asyncio.to_thread(browsers.stdout.readline)
        watched = [await _post_to_all(city, origin, cookies[0]) for _ in range(RUNS)]
        if browsers.poll() is not None:
            raise RuntimeError(f"the browsers ended: {browsers.stdout.read()[:300]}")
        bench.children.stop(browsers)
    finally:
        await city.down()
    for name in watched[0][0]:
        pairs = [(ours[0][name], theirs[0][name]) for ours, theirs in zip(watched, alone, strict=True)]
        what = f"{name}, p95, {WATCHERS} browsers watch while {PROFILES:,} profiles are posted to"
        yield row_of(f"pages.{name.replace(' ', '-')}", what, "the same, nobody watches", pairs, floor="200 ms")


async def _served(origin: str) -> None:
    """Wait until the pages answer."""
    deadline = time.monotonic() + SECONDS
    async with aiohttp.ClientSession(origin) as session:
        while time.monotonic() < deadline:
            with contextlib.suppress(aiohttp.ClientError, RuntimeError):
                await load(session, "/sign-in")
                return
            await asyncio.sleep(0.2)
    raise RuntimeError("the pages were not served in time")


async def _signed_in(city: City) -> list[str]:
    """Have a browser enrolled; return the cookies of its sessions."""
    link = json.loads(await asyncio.to_thread(city.command, "passkeys", "link", "pio", "--as", "pio", "--json"))
    async with phone(load_city(city.folder), "bench") as browser:
        proposal = await browser.propose(link["link"].partition("#")[2], "bench")
        await asyncio.to_thread(city.command, "officers", "confirm", proposal, "--as", "cao", "--yes")
        return [await _session(browser) for _ in range(SESSIONS)]


async def _session(browser: Phone) -> str:
    browser.session.cookie_jar.clear()
    await browser.sign_in()
    return next(one.value for one in browser.session.cookie_jar if one.key == COOKIE)


async def _post_to_all(city: City, origin: str, cookie: str) -> tuple[dict[str, float], str]:
    """Send a message to all; return the 95th percentiles of loading pages meanwhile, in seconds, and its id."""
    prepared, ledger = await city.prepare(), await city.ledger()
    paths = {"what waits": "/", "the message": f"/messages/{prepared.request_id}", "the EOC's state": "/state"}
    taken: dict[str, list[float]] = {name: [] for name in paths}
    async with aiohttp.ClientSession(origin, cookies={COOKIE: cookie}) as session:

        async def look(name: str) -> None:
            while not over.is_set():
                taken[name].append(await load(session, paths[name]))
                await asyncio.sleep(PAUSE)

        over = asyncio.Event()
        looking = [asyncio.create_task(look(name)) for name in paths]
        await prepared.approve()
        await ledger.receipts(prepared.request_id, prepared.seq, PROFILES, SECONDS)
        over.set()
        await asyncio.gather(*looking)
    return {name: percentile(found, 0.95) for name, found in taken.items()}, prepared.request_id
