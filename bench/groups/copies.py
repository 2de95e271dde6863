"""One, two and four copies of fan-out and gatekeeper, each a process: several messages at once to 100 profiles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from bench.city import City
from bench.context import Bench
from bench.rivals.loop import BareLoop
from bench.rows import Pair, Row, missing, row_of

COPIES = (1, 2, 4)
PROFILES, MESSAGES, RUNS = 100, 4, 2
SECONDS = 120.0
BESIDE = "bare aiohttp loop"


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield a row for each number of copies."""
    for copies in COPIES:
        word = "copy" if copies == 1 else "copies"
        made = (f"copies.{copies}", f"{MESSAGES} messages to {PROFILES} profiles, {copies} {word}", BESIDE)
        try:
            yield row_of(*made, await _with(bench, copies))
        except Exception as error:  # noqa: BLE001 - the row says so
            yield missing(*made, error)


async def _with(bench: Bench, copies: int) -> list[Pair]:
    city = bench.new_city(PROFILES)
    loop = BareLoop(bench.accounts(PROFILES))
    try:
        await city.start_apart({"fanout": copies, "gatekeeper": copies})
        await city.declare_crisis()
        await _send(city, 1)
        await loop.post()
        return [(await _send(city, MESSAGES), await _loops(loop)) for _ in range(RUNS)]
    finally:
        await city.down()
        await loop.close()


async def _send(city: City, messages: int) -> float:
    """Approve several messages at once; return the seconds to the last receipt of all."""
    prepared = [await city.prepare() for _ in range(messages)]
    ledger = await city.ledger()
    began = time.time()
    await asyncio.gather(*(one.approve() for one in prepared))
    ends = [(await ledger.receipts(one.request_id, one.seq, PROFILES, SECONDS))[-1].at for one in prepared]
    return max(ends) - began


async def _loops(loop: BareLoop) -> float:
    return sum([await loop.post() for _ in range(MESSAGES)])
