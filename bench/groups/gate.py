"""The gate alone, beside a raw nats-py consume-publish-ack loop on the same server.

Closed loop: how fast requests are decided that stand in the ledger already. Open loop: requests come at a fixed rate,
and each one's latency counts from when it was meant to be sent, so that a gate that falls behind cannot hide it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from nats.js import JetStreamContext

from bench import product
from bench.city import City, new_event
from bench.clone import Cloner, template_of
from bench.context import Bench
from bench.ledger import LedgerReader
from bench.rivals import raw
from bench.rows import Pair, Row, missing, percentile, row_of

ROUNDS, PER_ROUND, RAW_PER_ROUND = 3, 700, 2_100
"""The raw side gets more, so that its rounds take long enough to be measured."""

RATES = (50, 100, 200)
OPEN_ROUNDS, OPEN_SECONDS = 3, 2.5
PATIENCE = 60.0
BESIDE = "raw nats-py loop"
FLOORS = {(100, "p99"): "15 ms"}


@dataclass(frozen=True)
class Side:
    """One of the two: where requests go, and where verdicts stand."""

    js: JetStreamContext
    verdicts: LedgerReader
    pattern: str
    cloner: Cloner
    ours: bool

    async def send(self) -> str:
        """Store one request; return its id."""
        ((subject, headers, body), *_) = self.cloner.copy(1)
        name = subject.rsplit(".", 1)[-1]
        await self.js.publish(
            subject if self.ours else f"bench.in.{name}", body, headers=headers if self.ours else None
        )
        return name


async def measure(bench: Bench) -> AsyncIterator[Row]:
    """Yield the rows of the closed and of the open loop."""
    city = bench.new_city(26)
    try:
        ours, theirs = await _sides(city)
        pairs = [(await _gate_round(city, ours), await _raw_round(bench, city, theirs)) for _ in range(ROUNDS)]
        what = f"gate: decide {ROUNDS * PER_ROUND:,} requests that stand in the ledger"
        yield row_of("gate.closed", what, BESIDE, pairs, "/s", better="higher", floor="0.4x")
        city.start_service("gatekeeper")
        rival = await _start_raw(bench, city)
        for rate in RATES:
            for row in await _open(ours, theirs, rate):
                yield row
        bench.children.stop(rival)
    finally:
        await city.down()


async def _sides(city: City) -> tuple[Side, Side]:
    """Let the whole city handle one request, then leave only its broker running."""
    await city.up()
    reply = await city.ask(product.SYSTEM, "desk.request.submit", new_event(("d0-mastodon",), crisis=False))
    ledger = await city.ledger()
    await ledger.read("ledger.verdict.*", int(reply["seq"]), 1, 10.0)
    template = await template_of(ledger, reply["request_id"], int(reply["seq"]) - 1)
    await city.down()
    city.start_broker()
    await asyncio.sleep(1.0)
    cloner = Cloner(city.folder, template[:1])
    intake = await city.client("intake", product.service_key_path(city.folder, "intake"))
    bare = await product.connect_public(city.public_url)
    js = bare.jetstream(timeout=30.0)
    await raw.make_streams(js)
    return (
        Side(intake.jetstream(timeout=30.0), await city.ledger(), "ledger.verdict.*", cloner, True),
        Side(js, LedgerReader(bare, raw.OUT), "bench.out.*", cloner, False),
    )


# --- closed loop ------------------------------------------------------------------------------------------


async def _fill(side: Side, count: int) -> int:
    """Store so many requests; return the newest sequence where the verdicts will stand."""
    at_once = asyncio.Semaphore(64)

    async def one() -> None:
        async with at_once:
            await side.send()

    await asyncio.gather(*(one() for _ in range(count)))
    return await side.verdicts.last_seq()


async def _rate(side: Side, after: int, count: int) -> float:
    found = await side.verdicts.read(side.pattern, after, count, PATIENCE)
    if len(found) < count:
        raise RuntimeError(f"{len(found)} of {count} verdicts within {PATIENCE:.0f} s")
    return (len(found) - 1) / (found[-1].at - found[0].at)


async def _gate_round(city: City, side: Side) -> float:
    after = await _fill(side, PER_ROUND)
    gate = city.start_service("gatekeeper")
    try:
        return await _rate(side, after, PER_ROUND)
    finally:
        city.forget(gate)


async def _raw_round(bench: Bench, city: City, side: Side) -> float:
    after = await _fill(side, RAW_PER_ROUND)
    rival = await _start_raw(bench, city)
    try:
        return await _rate(side, after, RAW_PER_ROUND)
    finally:
        bench.children.stop(rival)


async def _start_raw(bench: Bench, city: City) -> subprocess.Popen[str]:
    arguments = (sys.executable, "-m", "bench.rivals.raw", city.public_url, "loop")
    process = bench.children.start(arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)
    return process


# --- open loop --------------------------------------------------------------------------------------------


async def _open(ours: Side, theirs: Side, rate: int) -> list[Row]:
    """Send to both sides at a rate, one side after the other; return the rows of p50 and p99."""
    what = f"gate: request to verdict at {rate}/s"
    try:
        rounds = [(await _latencies(ours, rate), await _latencies(theirs, rate)) for _ in range(OPEN_ROUNDS)]
    except RuntimeError as error:
        return [missing(f"gate.open.{rate}.{name}", f"{what}, {name}", BESIDE, error) for name in ("p50", "p99")]
    rows = []
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        pairs: list[Pair] = [(percentile(one, part), percentile(other, part)) for one, other in rounds]
        floor = FLOORS.get((rate, name), "")
        rows.append(row_of(f"gate.open.{rate}.{name}", f"{what}, {name}", BESIDE, pairs, floor=floor))
    return rows


async def _latencies(side: Side, rate: int) -> list[float]:
    """Return the seconds from when each request was meant to be sent to its verdict's stamp."""
    await _warm(side)
    after = await side.verdicts.last_seq()
    count = int(rate * OPEN_SECONDS)
    looking = asyncio.create_task(side.verdicts.read(side.pattern, after, count, OPEN_SECONDS + PATIENCE))
    meant: dict[str, float] = {}
    tasks = []
    began = time.time() + 0.2
    for number in range(count):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.time()))
        tasks.append(asyncio.create_task(_send(side, due, meant)))
    await asyncio.gather(*tasks)
    found = {entry.subject.rsplit(".", 1)[-1]: entry.at for entry in await looking}
    if len(found) < count:
        raise RuntimeError(f"{len(found)} of {count} verdicts within {OPEN_SECONDS + PATIENCE:.0f} s")
    return [found[name] - due for name, due in meant.items()]


async def _send(side: Side, due: float, meant: dict[str, float]) -> None:
    meant[await side.send()] = due


async def _warm(side: Side) -> None:
    """Return when a request was decided, and with it all before it."""
    after = await side.verdicts.last_seq()
    name = await side.send()
    if not await side.verdicts.read(f"{side.pattern[:-1]}{name}", after, 1, PATIENCE):
        raise RuntimeError(f"nothing was decided within {PATIENCE:.0f} s")
