"""A person's time: the help, a question, and a message from the Enter key to the first and the last receipt."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator

from bench.children import ONEVOICE, run, seconds_of
from bench.city import City
from bench.context import Bench
from bench.rows import Pair, Row, row_of

PROFILES = 26
RUNS = 5
PYTHON = sys.executable


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield the rows of the commands."""
    helped = [(seconds_of((*ONEVOICE, "--help")), seconds_of((PYTHON, "-c", "pass"))) for _ in range(RUNS + 1)]
    yield row_of("person.help", "onevoice --help", "empty Python", helped[1:], floor="0.3 s")
    async with bench.running(PROFILES) as city:
        process = bench.children.start(
            (PYTHON, "-m", "bench.rivals.raw", city.public_url, "reply"), stdout=subprocess.PIPE
        )
        await asyncio.to_thread(process.stdout.readline)  # type: ignore[union-attr]
        pairs = [await asyncio.to_thread(_status, city) for _ in range(RUNS + 1)]
        yield row_of("person.eoc_status", "onevoice eoc status", "a nats-py request", pairs[1:], floor="0.5 s")
        first, last = [], []
        for _ in range(RUNS):
            ours, theirs = await _publish(city), await asyncio.to_thread(_post_all, bench)
            first.append((ours[0], theirs[0]))
            last.append((ours[1], theirs[1]))
        bench.children.stop(process)
    what, beside = f"onevoice publish --yes to {PROFILES} profiles", "an aiohttp program"
    yield row_of("person.first", f"{what}, first receipt", beside, first, floor="1 s")
    yield row_of("person.last", f"{what}, last receipt", beside, last)


def _status(city: City) -> Pair:
    ours = seconds_of((*ONEVOICE, "eoc", "status", "--city", str(city.folder)))
    return ours, seconds_of((PYTHON, "-m", "bench.rivals.request", city.public_url))


async def _publish(city: City) -> tuple[float, float]:
    """Run the command; return the seconds from its start to the first and to the last receipt."""
    ledger = await city.ledger()
    before = await ledger.last_seq()
    text = f"Boil water at {uuid.uuid4().hex[:8]} until further notice. https://mission.example/water"
    began = time.time()
    words = ("publish", text, "--all-departments", "--as", "pio", "--yes", "--json")
    said = await asyncio.to_thread(city.command, *words)
    request = json.loads(said)["request_id"]
    receipts = await ledger.receipts(request, before, PROFILES, 60.0)
    return receipts[0].at - began, receipts[-1].at - began


def _post_all(bench: Bench) -> tuple[float, float]:
    began = time.time()
    said = json.loads(run((PYTHON, "-m", "bench.rivals.post_all", json.dumps(bench.accounts(PROFILES)))))
    return said["first"] - began, said["last"] - began
