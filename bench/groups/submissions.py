"""A system's submissions, and how long officers wait while it floods; beside a raw store-and-answer on its server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from bench import product
from bench.city import City, Prepared, new_event
from bench.context import Bench
from bench.rows import Pair, Row, missing, percentile, row_of

AT_ONCE = 32
ROUNDS, RATE_SECONDS = 3, 4.0
ALONE = 40
OFFICER_ROUNDS, LOOKS, PAUSE = 2, 50, 0.05
PROFILES = 26
BESIDE = "raw store and answer"
TARGET = ("d0-mastodon",)
Ask = Callable[[], Awaitable[None]]


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield the rows of one city, beside its own server's raw side."""
    async with bench.running(PROFILES) as city:
        arguments = (sys.executable, "-m", "bench.rivals.raw", city.public_url, "reply")
        rival = bench.children.start(arguments, stdout=subprocess.PIPE)
        assert rival.stdout is not None
        await asyncio.to_thread(rival.stdout.readline)
        ours, theirs = _ours(city), await _theirs(city)
        alone = [(await _alone(ours), await _alone(theirs)) for _ in range(ROUNDS)]
        yield row_of("submissions.alone", "a submission, one at a time, p50", BESIDE, alone, floor="8 ms")
        rates = [(await _rate(ours), await _rate(theirs)) for _ in range(ROUNDS)]
        what = f"submissions, {AT_ONCE} at once"
        yield row_of("submissions.rate", what, BESIDE, rates, "/s", better="higher", floor="200/s")
        for row in await _officers(city, ours, theirs):
            yield row
        bench.children.stop(rival)


def _ours(city: City) -> Ask:
    async def submit() -> None:
        await city.ask(product.SYSTEM, "desk.request.submit", new_event(TARGET, crisis=False))

    return submit


async def _theirs(city: City) -> Ask:
    client = await product.connect_public(city.public_url)

    async def submit() -> None:
        await client.request("bench.submit", product.dumps(new_event(TARGET, crisis=False)), timeout=60.0)

    return submit


async def _alone(ask: Ask) -> float:
    return percentile([await _seconds(ask) for _ in range(ALONE)], 0.5)


async def _rate(ask: Ask) -> float:
    """Return submissions a second, each of so many senders sending its next when it has its answer."""
    stop = asyncio.Event()
    began = time.perf_counter()
    counts = asyncio.gather(*(_flood(ask, stop) for _ in range(AT_ONCE)))
    await asyncio.sleep(RATE_SECONDS)
    stop.set()
    return sum(await counts) / (time.perf_counter() - began)


async def _flood(ask: Ask, stop: asyncio.Event) -> int:
    done = 0
    while not stop.is_set():
        await ask()
        done += 1
    return done


async def _seconds(ask: Ask) -> float:
    began = time.perf_counter()
    await ask()
    return time.perf_counter() - began


# --- officers, while a system floods ----------------------------------------------------------------------


async def _officers(city: City, ours: Ask, theirs: Ask) -> list[Row]:
    previews: list[tuple[list[float], list[float]]] = []
    approvals: list[tuple[list[float], list[float]]] = []
    failure: Exception | None = None
    try:
        for _ in range(OFFICER_ROUNDS):
            prepared = [await city.prepare(targets=(f"d{number % PROFILES}-mastodon",)) for number in range(LOOKS)]
            preview, approval = await _while_flooding(ours, partial(_officer, city, prepared))
            raw, _ = await _while_flooding(theirs, lambda: _person(theirs))
            previews.append((preview, raw))
            approvals.append((approval, raw))
    except Exception as error:  # noqa: BLE001 - a time-out here is a finding, and the row says it
        failure = error
    rows = []
    for key, rounds in (("preview", previews), ("approval", approvals)):
        for name, part in (("p50", 0.5), ("p99", 0.99)):
            what, floor = f"an officer's {key} while a system floods, {name}", "100 ms" if name == "p99" else ""
            pairs: list[Pair] = [(percentile(one, part), percentile(other, part)) for one, other in rounds]
            made = (f"submissions.{key}.{name}", what, BESIDE)
            rows.append(row_of(*made, pairs, floor=floor) if pairs else missing(*made, failure, floor=floor))
    return rows


Looks = tuple[list[float], list[float]]


async def _while_flooding(flood: Ask, person: Callable[[], Awaitable[Looks]]) -> Looks:
    stop = asyncio.Event()
    flooding = asyncio.gather(*(_flood(flood, stop) for _ in range(AT_ONCE)))
    await asyncio.sleep(0.5)
    try:
        return await person()
    finally:
        stop.set()
        await flooding


async def _officer(city: City, prepared: list[Prepared]) -> Looks:
    async def preview() -> None:
        await city.ask("mcpe", "desk.request.preview", new_event(TARGET))

    previews, approvals = [], []
    for one in prepared:
        previews.append(await _seconds(preview))
        approvals.append(await _seconds(one.approve))  # type: ignore[arg-type]
        await asyncio.sleep(PAUSE)
    return previews, approvals


async def _person(ask: Ask) -> Looks:
    looks = []
    for _ in range(LOOKS):
        looks.append(await _seconds(ask))
        await asyncio.sleep(PAUSE)
    return looks, looks
