"""Control changes in each gap of a message's way: the model's traces, replayed on the real services by crash points."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

from schemas import subjects
from schemas.events.control import EocActivate, EocStandDown, Hold, Revoke, Withdraw
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR
from schemas.streams import LEASE_SECONDS
from services.fanout.delivery.posting import STALE_SECONDS
from tests.faults.harness import SQUARES, FaultCity
from tests.faults.load import Load, Sent
from tests.faults.processes import ServiceProcess
from tests.faults.rows import Row, Scale
from tests.faults.sets import compare
from tests.simulation.model.gaps import Gap, gaps, predict
from tests.support.mission import eventually

TARGET = SQUARES[0]
CITIES = 4
"""How many cities replay at the same time in full: each mostly waits for leases."""

END_SECONDS = 90.0
SHORT = (
    ("activate", "gatekeeper.verdict.decided", "stop"),
    ("activate", "fanout.attempt.authorized", "stop"),
    ("activate", "fanout.attempt.stored", "stop"),
    ("revoke", "gatekeeper.verdict.stored", "kill"),
    ("hold", "fanout.attempt.authorized", "kill"),
    ("withdraw", "fanout.attempt.stored", "stop"),
)
"""The cases that are replayed within the tests: each action once at least, none that has to outlast a lease."""


class Replay:
    """One city that replays cases one after the other."""

    def __init__(self, city: FaultCity, number: int) -> None:
        self.city, self.number = city, number
        self.load = Load(city, officer="clerk", prefix=f"gap{number}")
        self.running: dict[str, ServiceProcess] = {}
        self.wrong: list[str] = []
        self.done: list[tuple[Gap, Sent]] = []

    async def begin(self) -> None:
        """Start all services; the two that are struck in processes of their own."""
        await self.city.start_others("gatekeeper", "fanout")
        for name in ("gatekeeper", "fanout"):
            self.running[name] = await self.city.start(name)

    async def play(self, gap: Gap) -> None:
        """Bring a request to the gap, let the control change happen in it, go on, and look at the end."""
        service = gap.point.partition(".")[0]
        sent = await self.load.send(TARGET, approve=False)
        await self._until_decided(sent)
        for name in {service, "fanout"}:
            await self.running[name].kill()
        action = "kill" if gap.how == "kill" else "stop"
        struck = await self.city.start(service, crash_at=f"{gap.point}={action}")
        approver = await self._approver(gap)
        await self.load.approve(sent, approver)
        reached = await (struck.until_dead() if gap.how == "kill" else struck.until_stopped())
        if not reached:
            self.wrong.append(f"{_name(gap)}: the gap was not reached")
        await self._act(gap, sent, approver)
        await self._go_on(gap, service, struck)
        await self._look(gap, sent)
        await self._look_at_the_page(gap, sent)
        await self._undo(gap, sent)
        await self._until_over(sent)
        self.done.append((gap, sent))

    async def _approver(self, gap: Gap) -> str:
        return "mcpe" if gap.approver == "mcpe" else f"office-{len(self.done) + 1}"

    async def _until_decided(self, sent: Sent) -> None:
        ledger = await self.city.ledger()
        await eventually(lambda: ledger.last(subjects.verdict(sent.request_id)), 30.0)

    async def _act(self, gap: Gap, sent: Sent, approver: str) -> None:
        if gap.action == "activate":
            await self.city.order("eoc-director", EocActivate(level=1, incident="Flood"))
        elif gap.action == "revoke":
            await self.city.order("cao", Revoke(officer=approver), subjects.DESK_REGISTRY_ORDER)
        elif gap.action == "hold":
            await self.city.order("pio", Hold(on=True))
        else:
            await self.city.order("clerk", Withdraw(request_id=sent.request_id))

    async def _go_on(self, gap: Gap, service: str, struck: ServiceProcess) -> None:
        if gap.how == "sleep":
            await asyncio.sleep(LEASE_SECONDS + 2.0)
        elif gap.how == "stop":  # long enough that it asks the ledger anew when it wakes, whoever is faster then
            await asyncio.sleep(STALE_SECONDS + 0.5)
        struck.signal(signal.SIGCONT)
        self.running[service] = struck
        for name in ("gatekeeper", "fanout"):
            if not self.running[name].alive:
                self.running[name] = await self.city.start(name)

    async def _look(self, gap: Gap, sent: Sent) -> None:
        seen: dict[str, object] = {}
        verdict = _verdict(gap)

        async def as_predicted() -> bool:
            seen.update(await self._seen(sent))
            same = (seen["posted"], seen["verdict"]) == (int(gap.posted), verdict)
            active = not gap.active or bool(seen["active"])
            return same and active and seen["receipts"] in (gap.receipts, gap.or_receipts)

        with contextlib.suppress(AssertionError):
            await eventually(as_predicted, END_SECONDS, 0.2)
            return
        wanted = {"posted": int(gap.posted), "receipts": gap.receipts, "verdict": verdict, "active": gap.active}
        self.wrong.append(f"{_name(gap)}: the model says {wanted}, it came to {seen}")

    async def _seen(self, sent: Sent) -> dict[str, object]:
        ledger = await self.city.ledger()
        verdict = await ledger.last(subjects.verdict(sent.request_id))
        control = await ledger.last(subjects.CONTROL)
        receipts = await ledger.history(subjects.receipt(TARGET, sent.request_id))
        return {
            "posted": self.city.posts(TARGET).count(sent.text),
            "receipts": tuple(str(Receipt.from_bytes(entry.data).outcome) for entry in receipts),
            "verdict": str(Verdict.from_bytes(verdict.data).outcome) if verdict else "",
            "active": control is not None and b'"eoc_active"' in control.data,
        }

    async def _look_at_the_page(self, gap: Gap, sent: Sent) -> None:
        """A page that was not on the website when it was taken back does not come there."""
        if gap.point != "fanout.receipt.stored" or _verdict(gap) == Outcome.CLEARED:
            return
        ledger = await self.city.ledger()
        receipts = await ledger.history(subjects.receipt(MIRROR, sent.request_id))
        outcomes = [Receipt.from_bytes(entry.data).outcome for entry in receipts]
        if ReceiptOutcome.DELIVERED in outcomes:
            self.wrong.append(f"{_name(gap)}: the website's page was written all the same")

    async def _undo(self, gap: Gap, sent: Sent) -> None:
        """Take the request back first, lest it goes out when the control change is undone."""
        await self.city.order("mcpe", Withdraw(request_id=sent.request_id), enough=frozenset({"withdraw.twice"}))
        if gap.action == "activate":
            await self.city.order("eoc-director", EocStandDown())
        elif gap.action == "hold":
            await self.city.order("pio", Hold(on=False))

    async def _until_over(self, sent: Sent) -> None:
        """Wait for the end of the website's page: what is left of this message must not reach the next one's gap."""
        ledger = await self.city.ledger()

        async def over() -> bool:
            verdicts = await ledger.history(subjects.verdict(sent.request_id))
            page = await ledger.last(subjects.receipt(MIRROR, sent.request_id))
            mirrored = any(Verdict.from_bytes(entry.data).mirror for entry in verdicts)
            return not mirrored or (page is not None and Receipt.from_bytes(page.data).final)

        with contextlib.suppress(AssertionError):
            await eventually(over, END_SECONDS, 0.2)


def _name(gap: Gap) -> str:
    return f"{gap.action} at {gap.point} ({gap.how}, approved by {gap.approver})"


def _verdict(gap: Gap) -> str:
    """Return the outcome of the last verdict that is to be.

    The model has one profile. Here the website's page is still to be written when that one has its receipt: the message
    is open, and decided anew as in the gap before.
    """
    if gap.point != "fanout.receipt.stored":
        return gap.verdict
    return predict(gap.action, "fanout.call.ended", gap.how, gap.approver).verdict


async def activation(folder: Path, scale: Scale) -> list[Row]:
    """Replay the model's traces; each must end as the model predicts."""
    cases = [gap for gap in gaps() if scale is Scale.FULL or (_key(gap) in SHORT and gap.approver == "office")]
    cities = min(CITIES, len(cases)) if scale is Scale.FULL else 2
    found = await asyncio.gather(*(_city(folder / f"c{n}", n, cases[n::cities]) for n in range(cities)))
    rows = [row for row, _ in found]
    return [
        Row(
            "activate, revoke, hold, withdraw in each gap",
            sum(row.times for row in rows),
            sum(row.acked for row in rows),
            sum(row.stored for row in rows),
            sum(row.posted for row in rows),
            sum(row.doubles for row in rows),
            sum(row.lost for row in rows),
            remark=f"each ended as the model predicts; {sum(len(done) for _, done in found)} traces",
            wrong=tuple(problem for row in rows for problem in row.wrong),
        )
    ]


def _key(gap: Gap) -> tuple[str, str, str]:
    return gap.action, gap.point, gap.how


async def _city(folder: Path, number: int, cases: Sequence[Gap]) -> tuple[Row, list[tuple[Gap, Sent]]]:
    async with FaultCity(folder, offices=len(cases)) as city:
        replay = Replay(city, number)
        await replay.begin()
        for gap in cases:
            await replay.play(gap)
        # They were approved, and some were withheld for good by what happened: no end is owed to those.
        for one in replay.load.sent:
            one.approved = False
        sets = await compare(city, replay.load)
        late = [
            f"{_name(gap)}: stands {count} times in the end"
            for gap, sent in replay.done
            if (count := city.posts(TARGET).count(sent.text)) != int(gap.posted)
        ]
    return sets.row("", len(replay.done), wrong=(*replay.wrong, *late)), replay.done
