"""The stream of news: exactly what came, from where a browser was, also across a lost broker."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import aiohttp
import nats.errors

from schemas.events.control import Hold
from services.web.pages.live import WARNED
from services.web.sessions import IDLE
from tests.integration.web.conftest import Pages
from tests.support.mission import PATIENCE, eventually


async def read_news(pages: Pages, after: int, until: int, resume: bool = False) -> list[int]:
    """Read the stream until a sequence comes; return the ids in the order in which they came."""
    own, seen = pages.phone, []
    headers = {"Last-Event-ID": str(after)} if resume else {}
    url = own.origin + ("/events?lines" if resume else f"/events?after={after}&lines")
    async with asyncio.timeout(PATIENCE), own.session.get(url, headers=headers) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        async for line in answer.content:
            if line.startswith(b"id: "):
                seen.append(int(line[4:]))
                if seen[-1] >= until:
                    return seen
    return seen


async def grow(pages: Pages, times: int) -> int:
    """Switch the hold on and off; return the newest sequence."""
    pio = await pages.mission.desk("pio")
    for number in range(times):
        view = (await pio.board("eoc"))["eoc"]
        done = await pio.order(Hold(on=number % 2 == 0, hold=view["hold_seq"] or None if number % 2 else None))
        assert "error" not in done, done
    newest: int = (await pio.board("eoc"))["eoc"]["last_seq"]
    return newest


async def test_a_browser_resumes_exactly(pages: Pages) -> None:
    """Nothing twice, nothing skipped: by the query, by Last-Event-ID, and from before what is kept."""
    newest = await grow(pages, 6)
    every = list(range(1, newest + 1))
    assert await read_news(pages, 0, newest) == every
    assert await read_news(pages, 3, newest) == every[3:]
    assert await read_news(pages, newest - 2, newest, resume=True) == every[-2:]


async def test_a_browser_that_is_ahead_is_told_to_begin_anew(pages: Pages) -> None:
    own = pages.phone
    async with asyncio.timeout(PATIENCE), own.session.get(f"{own.origin}/events?after=999999") as answer:
        assert b"event: reset" in await answer.content.read()


async def test_before_a_session_ends_its_pages_are_told_and_staying_puts_it_off(pages: Pages) -> None:
    own, now = pages.phone, pages.desk.clock.now()
    (session,) = pages.desk.sessions.of("mcpe", now)
    session.used = now - IDLE + WARNED - timedelta(seconds=1)
    async with own.session.get(f"{own.origin}/events?after=1") as answer:
        said = await _event_named(answer, "ending")
        assert re.fullmatch(r"\d\d:\d\d:\d\d \w+", said["at"])
        assert said["stay"] is True
        stayed = await own.post("/sessions/stay", None, **{"HX-Request": "true"})
        assert stayed.status == 204
        assert await _event_named(answer, "ending") == {"at": "", "stay": False}
    assert (await own.post("/sessions/stay")).path == "/", "without script too"


async def _event_named(answer: aiohttp.ClientResponse, name: str) -> dict[str, Any]:
    """Return what the next event of a name says."""
    async with asyncio.timeout(PATIENCE):
        while (await answer.content.readline()).decode().strip() != f"event: {name}":
            pass
        said: dict[str, Any] = json.loads((await answer.content.readline()).decode().removeprefix("data: "))
        return said


async def test_no_heartbeat_comes_while_the_city_is_not_heard_and_nothing_is_lost(pages: Pages) -> None:
    own = pages.phone
    seen: list[int] = []
    beats: list[float] = []

    async def watch() -> None:
        """Follow as a browser does: a stream that ends is opened again from where it was."""
        while True:
            async with own.session.get(f"{own.origin}/events?after={seen[-1] if seen else 0}&lines") as answer:
                async for line in answer.content:
                    if line.startswith(b"id: "):
                        seen.append(int(line[4:]))
                    if line.startswith(b"data: ") and "seq" in json.loads(line[6:]):
                        beats.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.2)

    task = asyncio.create_task(watch())
    await eventually(lambda: asyncio.sleep(0, bool(beats)))
    await pages.mission.broker.stop()

    async def fell_silent() -> bool:
        heard = len(beats)
        await asyncio.sleep(3)  # one comes every two seconds while the city is heard
        return len(beats) == heard

    await asyncio.sleep(5)
    await eventually(fell_silent)
    silent = len(beats)
    await pages.mission.restart()
    newest = 0

    async def again() -> bool:
        nonlocal newest
        try:
            newest = await grow(pages, 2)
        except nats.errors.Error:
            return False  # the services are not back yet
        return True

    await eventually(again, every=0.5)
    await eventually(lambda: asyncio.sleep(0, len(beats) > silent and newest in seen))
    task.cancel()
    assert seen == list(range(1, seen[-1] + 1))
