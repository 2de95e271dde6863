"""The four sets held against each other: what was acked, stored, made public and copied."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from schemas import subjects
from schemas.events.deliveries import Receipt
from schemas.events.verdicts import Outcome, Verdict
from services.audit.proof import Report, verify_record
from services.audit.record.folder import LEDGER
from services.audit.record.format import read_line
from services.kernel.base.city import City
from services.kernel.base.line_files import complete_lines
from services.kernel.ledger.client import Ledger
from tests.faults.harness import FaultCity
from tests.faults.load import Load, Sent
from tests.faults.rows import Row
from tests.support.mission import eventually, now

SETTLE_SECONDS = 90.0
"""How long what was broken may take until it has fixed itself; leases (15 s) and re-deliveries are in it."""


@dataclass(frozen=True)
class Sets:
    """The four sets, and what is wrong between them. ``delivered`` counts pairs of request and profile."""

    acked: int
    stored: int
    posted: int
    doubles: int
    lost: int
    unconfirmed: int
    wrong: tuple[str, ...]

    def row(
        self,
        fault: str,
        times: int,
        *,
        recovered: float | None = None,
        remark: str = "",
        wrong: tuple[str, ...] = (),
    ) -> Row:
        """Return them as a row of the table; ``wrong`` is what the scenario itself saw."""
        return Row(
            fault,
            times,
            self.acked,
            self.stored,
            self.posted,
            self.doubles,
            self.lost,
            recovered,
            remark,
            (*wrong, *self.wrong),
        )


async def settled(city: FaultCity, sent: list[Sent], seconds: float = SETTLE_SECONDS) -> dict[tuple[str, str], Receipt]:
    """Wait until each approved message has its final receipt on each target; return those that came."""
    ledger = await city.ledger()
    found: dict[tuple[str, str], Receipt] = {}
    wanted = [(one.request_id, target) for one in sent if one.approved for target in one.targets]

    async def look() -> bool:
        for request_id, target in wanted:
            if (request_id, target) not in found:
                entry = await ledger.last(subjects.receipt(target, request_id))
                receipt = Receipt.from_bytes(entry.data) if entry else None
                if receipt is not None and receipt.final:
                    found[request_id, target] = receipt
        return len(found) == len(wanted)

    with contextlib.suppress(AssertionError):
        await eventually(look, seconds, 0.2)
    return found


async def compare(city: FaultCity, load: Load, *, seconds: float = SETTLE_SECONDS) -> Sets:
    """Hold what was acked, stored, posted and copied against each other, once all has settled."""
    receipts = await settled(city, load.acked, seconds)
    ledger = await city.ledger()
    stored = [one for one in load.acked if await ledger.last(subjects.request(one.request_id)) is not None]
    report = await _proven(city)
    copied = set(_copied_requests(city.city))
    wrong = [f"{v.code} at {v.seq}: {v.message}" for v in report.violations]
    lost = len(load.acked) - len(stored) + sum(one.request_id not in copied for one in load.acked)
    doubles = unconfirmed = 0
    public = city.public()
    for one in load.acked:
        verdict = await ledger.last(subjects.verdict(one.request_id))
        if verdict is None:
            wrong.append(f"{one.request_id} has no verdict")
        for target in one.targets:
            count = public.get(target, []).count(one.text)
            doubles += max(0, count - 1)
            if count and not await _was_cleared(ledger, one.request_id):
                wrong.append(f"{one.request_id} is on {target} and was never cleared")
            receipt = receipts.get((one.request_id, target))
            if one.approved and receipt is None:
                lost += 1
                wrong.append(f"{one.request_id} has no end on {target}")
            elif receipt is not None:
                unconfirmed += str(receipt.outcome) == "unconfirmed"
                wrong += _at_odds(one, target, receipt, count)
    known = {one.text for one in load.sent}
    stray = [text for texts in public.values() for text in texts if text not in known]
    wrong += [f"stands and was never asked for: {text}" for text in stray[:3]]
    posted = sum(len(texts) for texts in public.values())
    return Sets(len(load.acked), len(stored), posted, doubles, lost, unconfirmed, tuple(wrong))


def _at_odds(one: Sent, target: str, receipt: Receipt, count: int) -> list[str]:
    if str(receipt.outcome) == "delivered" and count == 0 and target.endswith("-townsquare"):
        return [f"{one.request_id} is called delivered on {target} and does not stand there"]
    if str(receipt.outcome) in ("failed", "withheld", "expired") and count:
        return [f"{one.request_id} is called {receipt.outcome} on {target} and is there"]
    return []


async def _was_cleared(ledger: Ledger, request_id: str) -> bool:
    entries = await ledger.history(subjects.verdict(request_id))
    return any(Verdict.from_bytes(entry.data).outcome is Outcome.CLEARED for entry in entries)


async def _proven(city: FaultCity) -> Report:
    """Let the second copy catch up with the ledger, and prove it."""
    ledger = await city.ledger()
    newest = await ledger.last_seq()

    async def copied() -> bool:
        path = city.city.audit_folder / LEDGER
        raw = list(complete_lines(path, path.stat().st_size)) if path.exists() else []
        return bool(raw) and read_line(raw[-1]).seq >= newest

    await eventually(copied, 60.0, 0.2)
    return await asyncio.to_thread(verify_record, city.city, now())


def _copied_requests(city: City) -> list[str]:
    path = city.audit_folder / LEDGER
    lines = [read_line(raw) for raw in complete_lines(path, path.stat().st_size)]
    return [line.subject.rsplit(".", 1)[1] for line in lines if line.subject.startswith("ledger.request.")]
