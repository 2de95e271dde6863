"""One message to 26, 100, 300, 1,000 and 5,000 profiles, from the reply to the approval to the last receipt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

from bench.city import City
from bench.context import Bench
from bench.rivals.apprise_notify import AppriseNotify
from bench.rivals.celery_group import CeleryGroup, NotInstalled
from bench.rivals.loop import BareLoop
from bench.rows import ONLY_FULL, Pair, Row, few_words, missing, row_of

SIZES = {26: 5, 100: 3, 300: 2, 1_000: 7, 5_000: 2}
"""Profiles, and how often a message is sent to so many."""

SLOW_SIZES = (26, 100, 1_000)
"""Where Apprise and Celery play, too: they take a minute and more at 5,000. With FULL they play everywhere."""

SECONDS = 120.0
LOOP, APPRISE, CELERY = "bare aiohttp loop", "Apprise async notify", "Celery + Redis, fsync"
FLOORS = {LOOP: {26: "1.5x", 1_000: "1.5x"}, APPRISE: {1_000: "0.125x"}}
Post = Callable[[], Awaitable[float]]


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield three rows for each size; a side that cannot do a size costs the others nothing."""
    async with AsyncExitStack() as stack:
        group = CeleryGroup(bench.children, bench.folder / "redis")
        celery: CeleryGroup | str = group
        try:
            await group.start()
            stack.callback(group.stop)
        except NotInstalled as error:
            celery = str(error)
        for size, runs in SIZES.items():
            for row in await _size(bench, celery, size, runs):
                yield row


async def _size(bench: Bench, celery: CeleryGroup | str, size: int, runs: int) -> list[Row]:
    city = bench.new_city(size)
    loop = BareLoop(bench.accounts(size))
    found: dict[str, list[Pair]] = {LOOP: [], APPRISE: [], CELERY: []}
    failure: Exception | None = None
    try:
        await city.up()
        await city.declare_crisis()
        rivals = _rivals(bench, celery, loop, size)
        await send(city, size)
        await loop.post()
        for number in range(runs):
            ours = await send(city, size)
            for name, post in rivals.items():
                if name == LOOP or number < _slow_runs(size, runs):
                    found[name].append((ours, await post()))
    except Exception as error:  # noqa: BLE001 - the row says so, and the bench goes on
        failure = error
    finally:
        await city.down()
        await loop.close()
    return [_row(name, size, pairs, failure, celery) for name, pairs in found.items()]


def _rivals(bench: Bench, celery: CeleryGroup | str, loop: BareLoop, size: int) -> dict[str, Post]:
    rivals: dict[str, Post] = {LOOP: loop.post}
    if size in SLOW_SIZES or bench.full:
        accounts = bench.accounts(size)
        rivals[APPRISE] = AppriseNotify(accounts).post
        if isinstance(celery, CeleryGroup):
            rivals[CELERY] = lambda: celery.post(accounts)
    return rivals


def _slow_runs(size: int, runs: int) -> int:
    return runs if size <= 100 else 1


def _row(name: str, size: int, pairs: list[Pair], failure: Exception | None, celery: CeleryGroup | str) -> Row:
    key, what = f"fanout.{size}.{name.split()[0].lower()}", f"fan-out to {size:,} profiles"
    floor = FLOORS.get(name, {}).get(size, "")
    if pairs:
        note = f"stopped: {few_words(failure)}" if failure else ""
        return row_of(key, what, name, pairs, floor=floor, note=note)
    if failure is not None and name != LOOP:
        return missing(key, what, name, "as beside the loop", floor=floor)
    why: object = failure or ONLY_FULL
    if failure is None and name == CELERY and isinstance(celery, str):
        why = celery
    return missing(key, what, name, why, floor=floor)


async def send(city: City, size: int) -> float:
    """Send one message to all departments; return the seconds from the reply to the approval to the last receipt."""
    prepared = await city.prepare()
    ledger = await city.ledger()
    replied = await prepared.approve()
    receipts = await ledger.receipts(prepared.request_id, prepared.seq, size, SECONDS)
    return max(receipts[-1].at - replied, 0.001)
