"""From ``eoc_activating`` to ``eoc_active`` in the ledger, with nothing in flight and with 200 posts that hang."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator

from bench import product
from bench.city import City, new_event
from bench.context import DELAY, Bench
from bench.rows import Row, missing, row_of

RUNS = 4
HANGING, HANGING_RUNS = 200, 1
LEASE = 15.0
"""Seconds that a call to a platform may take (docs/reliability.md): what hangs cannot be waited for less long."""

WAIT_SECONDS = 60.0


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield both rows."""
    async with bench.running(26, crisis=False) as city:
        pairs = [(await _activate(city), await _two_stores(bench, city)) for _ in range(RUNS + 1)]
    yield row_of("activation.0", "activation to active, 0 in flight", "two raw stores in turn", pairs[1:])
    what, beside = f"activation to active, {HANGING} in flight", f"the lease of {LEASE:.0f} s"
    try:
        taken = [await _hanging(bench) for _ in range(HANGING_RUNS)]
        yield row_of(f"activation.{HANGING}", what, beside, [(one, LEASE) for one in taken])
    except RuntimeError as error:
        yield missing(f"activation.{HANGING}", what, beside, error)
    finally:
        await bench.set_delay(DELAY)


async def _activate(city: City) -> float:
    """Activate and stand down; return the seconds between the two entries of the ledger."""
    ledger = await city.ledger()
    before = await ledger.last_seq()
    words = ("eoc", "activate", "--level", "2", "--incident", "Bench", "--as", "eoc-director")
    await asyncio.to_thread(city.command, *words)
    entries = await ledger.read("ledger.control", before, 2, WAIT_SECONDS)
    await asyncio.to_thread(city.command, "eoc", "stand-down", "--as", "eoc-director")
    if len(entries) < 2:
        raise RuntimeError(f"not active within {WAIT_SECONDS:.0f} s")
    return entries[1].at - entries[0].at


async def _two_stores(bench: Bench, city: City) -> float:
    """Store two entries on the same server, the second when the first one's ack is there."""
    arguments = (sys.executable, "-m", "bench.rivals.raw", city.public_url, "reply")
    rival = bench.children.start(arguments, stdout=subprocess.PIPE)
    assert rival.stdout is not None
    await asyncio.to_thread(rival.stdout.readline)
    client = await product.connect_public(city.public_url)
    try:
        js = client.jetstream()
        await js.publish("bench.out.warm", b"{}")
        began = time.perf_counter()
        for name in ("activating", "active"):
            await js.publish(f"bench.out.{name}", product.dumps(new_event(("d0-mastodon",))))
        return time.perf_counter() - began
    finally:
        await client.close()
        bench.children.stop(rival)


async def _hanging(bench: Bench) -> float:
    """Send a message to profiles whose platform hangs, and activate when all posts are under way."""
    await bench.set_delay(DELAY)
    async with bench.running(HANGING) as city:
        await bench.set_delay(None)
        await (await city.prepare()).approve()
        deadline = time.monotonic() + LEASE * 0.8
        while (waiting := await bench.waiting()) < HANGING:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {waiting} of {HANGING} posts were under way at a time")
            await asyncio.sleep(0.05)
        return await _activate(city)
