"""A fan-out that stands still between look and call while the EOC is activated: the post is named as unknown."""

from __future__ import annotations

import signal
from pathlib import Path

from schemas import subjects
from schemas.events.control import EocActivate, EocActive
from schemas.events.verdicts import Outcome, Verdict
from tests.faults.harness import SQUARES, FaultCity
from tests.faults.load import Load
from tests.faults.rows import Row, Scale
from tests.faults.sets import compare
from tests.support.mission import eventually

TARGET = SQUARES[0]


async def unknown(folder: Path, _scale: Scale) -> list[Row]:
    """Stop it, activate, wait for ACTIVE, wake it: the post was named, and nothing lands."""
    wrong: list[str] = []
    async with FaultCity(folder, offices=1) as city:
        await city.start_others("fanout")
        asleep = await city.start("fanout", crash_at="fanout.attempt.stored=stop")
        load = Load(city, officer="clerk", prefix="unknown")
        sent = await load.send(TARGET, approve=False)
        await load.approve(sent, "office-1")
        if not await asleep.until_stopped(60.0):
            wrong.append("the fan-out did not get there")
        await city.order("eoc-director", EocActivate(level=1, incident="Flood"))
        active = await _active(city)
        named = [(one.request_id, one.profile) for one in active.unknown or ()]
        if named != [(sent.request_id, TARGET)]:
            wrong.append(f"named as unknown: {named}")
        asleep.signal(signal.SIGCONT)
        await eventually(lambda: _receipts(city, sent.request_id), 60.0)
        if count := city.posts(TARGET).count(sent.text):
            wrong.append(f"it landed {count} times after ACTIVE")
        if await _cleared_again(city, sent.request_id):
            wrong.append("the gate cleared it under the EOC")
        sent.approved = False  # and held back: no end is owed to it
        found = await compare(city, load)
    return [found.row("SIGSTOP between look and call, the EOC activated meanwhile", 1, wrong=tuple(wrong))]


async def _active(city: FaultCity) -> EocActive:
    ledger = await city.ledger()

    async def look() -> EocActive | None:
        entry = await ledger.last(subjects.CONTROL)
        return EocActive.from_bytes(entry.data) if entry and b'"eoc_active"' in entry.data else None

    found: EocActive = await eventually(look, 60.0)
    return found


async def _receipts(city: FaultCity, request_id: str) -> bool:
    return bool(await (await city.ledger()).history(subjects.receipt(TARGET, request_id)))


async def _cleared_again(city: FaultCity, request_id: str) -> bool:
    entry = await (await city.ledger()).last(subjects.verdict(request_id))
    return entry is not None and Verdict.from_bytes(entry.data).outcome is Outcome.CLEARED
