"""A small city on a real nats-server, and a ledger that the tests write as the other services would."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nats.js import JetStreamContext

from schemas import flow, subjects
from schemas.events.authority import Settings
from schemas.events.control import RULE, Hold, Ordered
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.connectors.contract import Connector
from services.fanout.delivery.records import key_of
from services.fanout.delivery.work import Work
from services.fanout.wiring import compose
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.control.control_view import ControlView
from services.kernel.control.naming import named
from services.kernel.fold.reading import parse_each
from services.kernel.ledger.client import Entry, Ledger
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.run import build
from services.kernel.runtime.service import Runtime
from services.provision import demo_plan, make_city, provision
from services.provision.plan.city_plan import Department, local_profiles
from tests.support import mission
from tests.support.messages import attempt_on, renderings_of, request_of, verdict_on
from tests.support.mission import PATIENCE, Mission, Writer, an_approval, sign_order

WRITERS = {"request": "intake", "approval": "intake", "verdict": "gatekeeper", "control": "eoc_state"}
LEASE = 30.0
"""The lease where a test is not about its end, in seconds: a busy machine has a third of it to begin a call."""
SHORT_LEASE = 6.0
"""The lease where its end is waited for."""
TURNS_TO_THE_LINE = 20
"""Turns of the event loop from a verdict in hand to the line at its host: nothing in between waits for anything."""


NAMES = ("fire", "water", "parks", "waste", "roads", "bylaw")


def small_plan(names: Sequence[str] = NAMES) -> Any:
    """The demonstration city with these departments instead of its own; only all of them are all in 2(iv)'s sense."""
    plan = demo_plan()
    made = local_profiles(plan.name, plan.website, [Department(name, name.title(), name) for name in names])
    return replace(plan, profiles=made, settings=Settings(all_departments_percent=99))


TOO_LATE = re.compile(r"the call would have begun (\d+\.\d) s after its attempt")


@dataclass(frozen=True)
class Called:
    """What is on record of a request on a profile, without the attempts that were dropped as too late to be called.

    A busy machine may take longer than a third of a short lease from an attempt to its call. Such an attempt is never
    called: it is answered at once with a receipt that says so, and made again.
    """

    attempts: list[tuple[Entry, Attempt]]
    receipts: list[tuple[Entry, Receipt]]
    numbers: list[int]
    """Of the attempts, each less by as many as were dropped before it."""

    @property
    def outcomes(self) -> list[str]:
        return [str(receipt.outcome) for _, receipt in self.receipts]


def dropped_late(receipt: Receipt, lease: float) -> bool:
    """True for the receipt of an attempt whose call could not begin within the first third of its lease."""
    said = TOO_LATE.fullmatch(receipt.reason)
    if said is None or receipt.final or receipt.outcome is not ReceiptOutcome.WITHHELD:
        return False
    return float(said[1]) >= lease / 3 - 0.05  # it is rounded to a tenth


class FanoutCity:
    """A city whose other services are played: the test writes what each of them would, with its own user."""

    def __init__(self, running: Mission) -> None:
        self.mission = running
        self.city = running.city
        self.clock = SystemClock()
        self._writers: dict[str, Writer] = {}
        self._numbers = itertools.count(1)
        self._connecting = asyncio.Lock()
        self.control_seq = 0
        self.work: Work | None = None
        """Of the copy of fan-out that began last in this process."""

    @property
    def url(self) -> str:
        """Where the broker listens."""
        return self.mission.url

    async def ledger(self, service: str) -> Ledger:
        """The ledger as a service's own user sees it."""
        return (await self._writer(service)).ledger

    async def js(self, service: str) -> JetStreamContext:
        """JetStream as a service's own user sees it, for what is asked once."""
        return (await self._writer(service)).js

    async def _writer(self, service: str) -> Writer:
        async with self._connecting:
            if service not in self._writers:
                self._writers[service] = await self.mission.writer(service)
        return self._writers[service]

    async def append(self, subject: str, event: Any, **options: Any) -> int:
        """Append as the service that writes this subject."""
        ledger = await self.ledger(WRITERS[subject.split(".")[1]])
        return (await ledger.append(subject, event, **options)).seq

    # --- what the other services write --------------------------------------------------------------------

    async def begin(self) -> None:
        """Begin the ledger with the manifest."""
        self.control_seq = await self.mission.begin()

    async def order(self, officer: str, action: Any) -> int:
        """An officer's order; returns the new control revision."""
        action = named(await (await self._writer("eoc_state")).state(), action)
        envelope = sign_order(self.city, load_key(self.city.key_path(officer)), officer, action)
        event = Ordered(at=self.clock.now(), order=envelope, rule=RULE)
        self.control_seq = await self.append(subjects.CONTROL, event, expect_last=self.control_seq)
        return self.control_seq

    async def hold(self, on: bool = True) -> int:
        return await self.order("pio", Hold(on=on))

    async def request(self, *targets: str, text: str = "Road closed at Wren Street.", **changes: Any) -> Request:
        """A request by the clerk."""
        now = self.clock.now()
        number = next(self._numbers)
        name = changes.get("request_id", f"r{number:012d}")
        renderings = renderings_of(text, ("mastodon", "website"), now)
        fields = {"realm": self.city.realm, "targets": targets, "source": "test"}
        event = request_of(name, text, renderings, now, **(fields | changes))
        await self.append(subjects.request(name), event)
        return event

    async def approve(self, request: Request, officer: str = "mcpe", **changes: Any) -> int:
        """An officer's signed answer."""
        event = an_approval(self.city, request, officer, **({"realm": request.realm} | changes))
        return await self.append(subjects.approval(request.request_id, officer), event)

    async def verdict(self, request: Request, outcome: Outcome = Outcome.CLEARED, **changes: Any) -> int:
        """A verdict at the newest control revision."""
        ledger = await self.ledger("gatekeeper")
        last = await ledger.last(subjects.verdict(request.request_id))
        fields = {"outcome": outcome, "control_seq": self.control_seq}
        event = verdict_on(request, self.clock.now(), **(fields | changes))
        subject = subjects.verdict(request.request_id)
        return await self.append(subject, event, expect_last=last.seq if last else 0)

    async def approved(self, *targets: str, text: str = "Road closed at Wren Street.", **changes: Any) -> Request:
        """A request that is approved; a gatekeeper that runs clears it."""
        request = await self.request(*targets, text=text, **changes)
        await self.approve(request)
        return request

    async def cleared(self, *targets: str, text: str = "Road closed at Wren Street.", **changes: Any) -> Request:
        """A request that is approved and cleared."""
        request = await self.approved(*targets, text=text, **changes)
        await self.verdict(request)
        return request

    async def attempt_on(self, request: Request, profile: str, number: int = 1, **changes: Any) -> Attempt:
        """An attempt as a worker of another copy makes it, resting on the newest verdict; nothing is written."""
        verdict = await (await self.ledger("board")).last(subjects.verdict(request.request_id))
        assert verdict is not None
        rendering = next(item for item in request.renderings if item.platform == "mastodon")
        fields: dict[str, Any] = {
            "number": number,
            "worker": "another-copy",
            "verdict_seq": verdict.seq,
            "control_seq": Verdict.from_bytes(verdict.data).control_seq,
            "rendering_sha256": rendering.sha256,
            "idempotency_key": key_of(request, profile, rendering.sha256),
            "rule": 2,
        }
        return attempt_on(request, profile, self.clock.now(), **(fields | changes))

    # --- what fanout wrote --------------------------------------------------------------------------------

    async def receipts(self, request: Request, profile: str) -> list[tuple[Entry, Receipt]]:
        ledger = await self.ledger("board")
        entries = await ledger.history(subjects.receipt(profile, request.request_id))
        return [(entry, receipt) for entry in entries for _, receipt in parse_each(Receipt, (entry,))]

    async def attempts(self, request: Request, profile: str) -> list[tuple[Entry, Attempt]]:
        ledger = await self.ledger("board")
        entries = await ledger.history(subjects.attempt(profile, request.request_id))
        return [(entry, Attempt.from_bytes(entry.data)) for entry in entries]

    async def called(self, request: Request, profile: str, lease: float = SHORT_LEASE) -> Called:
        """What is on record without what was never called; ``lease``: which the attempts were made with."""
        receipts = await self.receipts(request, profile)
        ends = Counter(receipt.attempt_seq for _, receipt in receipts)
        late = {receipt.attempt_seq for _, receipt in receipts if dropped_late(receipt, lease)}
        dropped = {seq for seq in late if ends[seq] == 1}  # and nothing else was ever said of it
        kept = [one for one in receipts if one[1].attempt_seq not in dropped]
        attempts = await self.attempts(request, profile)
        made = [(entry, attempt) for entry, attempt in attempts if entry.seq not in dropped]
        numbers = [attempt.number - sum(seq < entry.seq for seq in dropped) for entry, attempt in made]
        return Called(made, kept, numbers)

    async def outcomes(self, request: Request, profile: str) -> list[str]:
        return [str(receipt.outcome) for _, receipt in await self.receipts(request, profile)]

    async def final(self, request: Request, profile: str, seconds: float = PATIENCE) -> Receipt:
        """Wait until the last receipt of a request on a profile is final."""
        ledger = await self.ledger("board")

        async def look() -> Receipt | None:
            entry = await ledger.last(subjects.receipt(profile, request.request_id))
            receipt = Receipt.from_bytes(entry.data) if entry else None
            return receipt if receipt and receipt.final else None

        found: Receipt = await mission.eventually(look, seconds)
        return found

    async def until(self, request: Request, profile: str, done: Any, seconds: float = PATIENCE) -> Receipt:
        """Wait for a receipt that is as wanted, whatever may have followed on it."""

        async def look() -> Receipt | None:
            return next((one for _, one in await self.receipts(request, profile) if done(one)), None)

        found: Receipt = await mission.eventually(look, seconds)
        return found

    async def unheard(self) -> None:
        """Wait until no fetch of fanout is open: a stopped process would be handed what comes next, and keep it."""
        js = (await self.mission.provisioner()).js

        async def look() -> bool:
            found = await js.consumers_info("LEDGER")
            return not any(one.num_waiting for one in found if one.name.startswith("fanout"))

        await mission.eventually(look)

    async def idle(self, seconds: float = PATIENCE) -> None:
        """Wait until each verdict was handed out and all that it asked for is done."""
        js = await self.js("fanout")
        async with asyncio.timeout(seconds):
            while True:
                info = await js.consumer_info("LEDGER", "fanout-verdicts")
                if not info.num_pending and not info.num_ack_pending:
                    return
                await asyncio.sleep(0.05)

    async def decided(self, request: Request) -> Verdict:
        """Wait until the gate has decided a request at the control revision in force."""
        ledger = await self.ledger("board")

        async def look() -> Verdict | None:
            entry = await ledger.last(subjects.verdict(request.request_id))
            verdict = Verdict.from_bytes(entry.data) if entry else None
            return verdict if verdict and verdict.control_seq == self.control_seq else None

        found: Verdict = await mission.eventually(look)
        return found

    async def in_line(self, *requests: Request) -> None:
        """Wait until all of these stand in line, or are posted, in the copy that began last here."""
        ledger, seqs = await self.ledger("board"), set()
        for request in requests:
            verdict = await ledger.last(subjects.verdict(request.request_id))
            seqs.add(verdict.seq if verdict else 0)
        await eventually(lambda: self.work is not None and seqs <= self.work.verdicts_in_hand)
        for _ in range(TURNS_TO_THE_LINE):
            await asyncio.sleep(0)

    async def control(self) -> ControlView:
        view = ControlView(self.city, await self.ledger("board"))
        await view.refresh()
        return view


@asynccontextmanager
async def a_fanout_city(folder: Path, names: Sequence[str] = NAMES) -> AsyncIterator[FanoutCity]:
    """A provisioned city whose ledger has begun."""
    async with Mission(make_city(folder / "city", small_plan(names))) as running:
        await provision(running.city, running.url)
        town = FanoutCity(running)
        await town.begin()
        yield town


@asynccontextmanager
async def a_copy(made: City, folder: Path) -> AsyncIterator[FanoutCity]:
    """A copy of a city whose ledger has begun and went no further."""
    async with Mission(mission.copy_city(made, folder)) as running:
        town = FanoutCity(running)
        town.control_seq = 1
        yield town


@asynccontextmanager
async def fanout(
    town: FanoutCity,
    platforms: Mapping[str, Connector],
    lease: float = LEASE,
    patience: float = 2.0,
    url: str | None = None,
    ledger: Ledger | None = None,
    **more: Any,
) -> AsyncIterator[Runtime]:
    """A running fanout with these platforms.

    ``url``: another way to the broker, ``ledger``: another one than usual; ``more`` is given to fan-out's ``compose``.
    """

    def wire(runtime: Runtime) -> None:
        town.work = _compose(runtime, platforms, lease, patience, **more)

    runtime, app = on_nats(flow.service("fanout"), town.city, wire, url=url or town.url, ledger=ledger)
    await app.start()
    try:
        yield runtime
    finally:
        await app.stop()


@asynccontextmanager
async def service(town: FanoutCity, name: str, lease: float = LEASE) -> AsyncIterator[Runtime]:
    """Another service of the town, as it runs in a city."""
    runtime, app = build(name, town.city, town.url)
    runtime.lease_seconds = lease
    await app.start()
    try:
        yield runtime
    finally:
        await app.stop()


@asynccontextmanager
async def gatekeeper(town: FanoutCity) -> AsyncIterator[Runtime]:
    """A running gatekeeper; the town need write no verdicts."""
    async with service(town, "gatekeeper") as runtime:
        yield runtime


def _compose(runtime: Runtime, platforms: Mapping[str, Connector], lease: float, patience: float, **more: Any) -> Work:
    runtime.lease_seconds = lease
    if WEBSITE in platforms:
        platforms = {MIRROR: platforms[WEBSITE], **platforms}
    return compose(runtime, platforms, lease=lease, ask_seconds=patience, **more)


def later(seconds: float) -> datetime:
    return SystemClock().now() + timedelta(seconds=seconds)


async def eventually(check: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something outside of the ledger is so."""
    async with asyncio.timeout(seconds):
        while True:
            if check():
                return
            await asyncio.sleep(0.02)
