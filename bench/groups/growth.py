"""What a long ledger costs: 10,000, 100,000 and (in full) 1,000,000 events of finished requests, each beside 10,000.

A made city handles one message to all departments; its entries are laid anew under other ids until the ledger has its
length. The city runs once, so that the audit service writes its copy; what is measured is the start after that, when
the broker has forgotten the message ids of what was laid, as in a ledger that has grown for years.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from bench import product
from bench.children import ONEVOICE, resident_megabytes, seconds_of
from bench.city import City
from bench.clone import Cloner, template_of
from bench.context import Bench
from bench.fill import fill
from bench.ledger import Entry
from bench.rows import Row, missing, row_of

SIZES = (10_000, 100_000, 1_000_000)
PROFILES = 26
LOOKS = 9
RECORD = Path("var/audit/live/ledger.jsonl")
FIRST_SECONDS = 900.0
"""The first start after the filling has no snapshot, and folds all of it."""

COPY_SECONDS = 900.0
CALM_SECONDS = 3.0
OPEN_REQUESTS = 5_000
OPEN_SECONDS = 120.0
STORE = "a raw store and answer"
WHATS = {
    "ready": ("start-up to ready", "s", "a new city"),
    "memory": ("memory", "MB", "a new city"),
    "verdict": ("approval to verdict", "s", STORE),
    "attempt": ("verdict to attempt", "s", STORE),
    "status": ("status of an old request", "s", STORE),
    "pending": ("pending", "s", STORE),
    "open": (f"pending of {OPEN_REQUESTS:,} open requests, all pages", "s", STORE),
    "verify": ("audit verify, an event", "s", "json.loads and SHA-256"),
}
"""What is measured, its unit, and what 10,000 events are beside; the longer ledgers are beside 10,000 events."""


Made = TypeVar("Made")


@dataclass(frozen=True)
class Cost:
    """What was measured at one length; see WHATS."""

    ready: float
    memory: float
    verdict: float
    attempt: float
    status: float
    pending: float
    open: float
    verify: float


@dataclass
class Filled:
    """A city that is down, with its ledger and its second copy; what is known of it already."""

    city: City
    size: int
    old: str
    template: list[Entry]
    new_ready: float
    new_memory: float
    laid_at: float = 0.0
    verify: float = 0.0
    plain: float = 0.0


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield the rows of each length; the longest ledger is laid first, so that all are old when they are measured."""
    first: Cost | None = None
    sizes = [size for size in SIZES if size <= max(bench.events, SIZES[0])]
    made: dict[int, Filled | Exception] = {}
    for size in reversed(sizes):
        made[size] = await _tried(_laid(bench, size))
    for size in sizes:
        filled = made[size]
        cost = await _tried(_measured(bench, filled)) if isinstance(filled, Filled) else filled
        if isinstance(cost, Exception):
            yield missing(f"growth.{size}", f"a ledger of {size:,} events", f"{SIZES[0]:,} events", repr(cost))
            continue
        ours, plain = cost
        for name, value in asdict(ours).items():
            what, unit, beside = WHATS[name]
            row = (f"growth.{size}.{name}", f"{what}, {size:,} events")
            floor = "0.5 s" if name == "open" else ""
            if first is None:
                yield row_of(*row, beside, [(value, asdict(plain)[name])], unit, floor=floor)
            else:
                pair = (value, asdict(first)[name])
                yield row_of(*row, f"{SIZES[0]:,} events", [pair], unit, floor=floor or "1.5x")
        first = first or ours


async def _tried(work: Awaitable[Made]) -> Made | Exception:
    """Return what comes of it, or why nothing does: the row says so."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - the other lengths are measured all the same
        return error


async def _laid(bench: Bench, size: int) -> Filled:
    """Make a city with a ledger of this length and its second copy, and verify that."""
    city = bench.new_city(PROFILES)
    try:
        filled = await _fill(bench, city, size)
        await city.up(FIRST_SECONDS)
        await _copied(city)
        events = await (await city.ledger()).last_seq()
        await city.down()
        verify = await asyncio.to_thread(seconds_of, (*ONEVOICE, "audit", "verify", "--city", str(city.folder)))
        filled.verify = verify / events
        filled.plain = await asyncio.to_thread(_read_and_hash, city.folder / RECORD)
        return filled
    finally:
        await city.down()


async def _measured(bench: Bench, filled: Filled) -> tuple[Cost, Cost]:
    """Return what a ledger of this length costs, and what the public side does."""
    city, status = filled.city, {"query": "status", "request_id": filled.old}
    try:
        await asyncio.sleep(filled.laid_at + product.ID_SECONDS - time.monotonic())
        ready = await city.up()
        await asyncio.sleep(CALM_SECONDS)
        memory = resident_megabytes(city.pid)
        verdict, attempt = await _speed(city)
        old = await _look(lambda: city.ask("pio", "desk.board.query", status))
        pending = await _look(lambda: city.ask("pio", "desk.board.query", {"query": "pending"}))
        store = await _store(bench, city)
        await city.down()
        opened = await _open(bench, filled)
        ours = Cost(ready, memory, verdict, attempt, old, pending, opened, filled.verify)
        plain = Cost(filled.new_ready, filled.new_memory, store, store, store, store, store, filled.plain)
        return ours, plain
    finally:
        await city.down()


async def _open(bench: Bench, filled: Filled) -> float:
    """Return what listing takes with so many open requests, page after page."""
    city, request = filled.city, Cloner(filled.city.folder, filled.template[:1])
    await fill(bench.children, city, request, OPEN_REQUESTS, more=True)
    await city.up()
    deadline = time.monotonic() + OPEN_SECONDS
    while await _pages(city) != OPEN_REQUESTS:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{await _pages(city)} of {OPEN_REQUESTS:,} requests are open")
        await asyncio.sleep(1.0)
    return await _look(lambda: _pages(city))


async def _pages(city: City) -> int:
    """List all that waits; return how many requests there are."""
    query: dict[str, object] = {"query": "pending"}
    count = 0
    while True:
        reply = await city.ask("pio", "desk.board.query", query)
        count += len(reply["requests"])
        if reply.get("next") is None:
            return count
        query["after"] = reply["next"]


async def _store(bench: Bench, city: City) -> float:
    """Return the median of storing an entry and answering, on the same server."""
    arguments = (sys.executable, "-m", "bench.rivals.raw", city.public_url, "reply")
    rival = bench.children.start(arguments, stdout=subprocess.PIPE)
    assert rival.stdout is not None
    await asyncio.to_thread(rival.stdout.readline)
    client = await product.connect_public(city.public_url)
    try:
        return await _look(lambda: client.request("bench.submit", b'{"id": "one"}', timeout=10.0))
    finally:
        await client.close()
        bench.children.stop(rival)


def _read_and_hash(record: Path) -> float:
    """Return the seconds that reading and hashing an entry of the second copy takes at least."""
    began = time.perf_counter()
    with record.open("rb") as lines:
        count = sum(1 for line in lines if json.loads(line) and hashlib.sha256(line).digest())
    return (time.perf_counter() - began) / count


async def _fill(bench: Bench, city: City, size: int) -> Filled:
    """Let the city handle one message, then make its ledger so long."""
    ready = await city.up()
    await asyncio.sleep(CALM_SECONDS)
    memory = resident_megabytes(city.pid)
    await city.declare_crisis()
    prepared = await city.prepare()
    await prepared.approve()
    ledger = await city.ledger()
    # One more than profiles: a request is over when the website's page has its receipt, too.
    await ledger.receipts(prepared.request_id, prepared.seq, PROFILES + 1, 60.0)
    template = await template_of(ledger, prepared.request_id, prepared.seq - 1)
    await city.down()
    await fill(bench.children, city, Cloner(city.folder, template), size)
    return Filled(city, size, prepared.request_id, template, ready, memory, laid_at=time.monotonic())


async def _copied(city: City) -> None:
    """Wait until the second copy does not grow any more."""
    record = city.folder / RECORD
    deadline = time.monotonic() + COPY_SECONDS
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 3.0:
        if (size := record.stat().st_size if record.exists() else 0) != last:
            last, since = size, time.monotonic()
        if time.monotonic() > deadline:
            raise RuntimeError(f"the second copy was not written within {COPY_SECONDS:.0f} s")
        await asyncio.sleep(0.25)


async def _speed(city: City) -> tuple[float, float]:
    """Return the medians from approval to verdict and from verdict to attempt, by the ledger's stamps."""
    ledger = await city.ledger()
    verdicts, attempts = [], []
    for number in range(LOOKS):
        prepared = await city.prepare(targets=(f"d{number}-mastodon",))
        await prepared.approve()
        await ledger.receipts(prepared.request_id, prepared.seq, 1, 30.0)
        stamps: dict[str, float] = {}
        for entry in await template_of(ledger, prepared.request_id, prepared.seq):
            cleared = entry.value().get("outcome") != "blocked"
            if cleared:
                stamps.setdefault(entry.subject.split(".")[1], entry.at)
        verdicts.append(stamps["verdict"] - stamps["approval"])
        attempts.append(stamps["attempt"] - stamps["verdict"])
    return statistics.median(verdicts), statistics.median(attempts)


async def _look(ask: Callable[[], Awaitable[object]]) -> float:
    looks = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        await ask()
        looks.append(time.perf_counter() - began)
    return statistics.median(looks)
