"""A small city of real parts to be broken: nats-server, services as processes, the townsquare as public witness.

``FaultCity`` runs it, ``Load`` sends what people send and keeps what it was told, ``compare`` holds the four sets
against each other: what was acked, what the ledger has, what the public sees, what the second copy has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import nats.errors

from schemas import canonical, flow, subjects
from schemas.events.authority import Grant, Role
from schemas.events.deliveries import Receipt
from schemas.events.requests import ALL_DEPARTMENTS, Request, SubmissionEvent
from schemas.events.verdicts import Outcome, Verdict
from services.audit.verify import Report, verify_record
from services.audit.verify.files import LEDGER, complete_lines
from services.audit.verify.line import read_line
from services.kernel import web
from services.kernel.city import City, load_city
from services.kernel.ledger import Ledger
from services.provision import demo_plan, make_city, provision
from services.provision.city_plan import Department, PlannedOfficer, local_profiles
from services.townsquare.mischief import Kind, Trick
from services.townsquare.server import Townsquare
from tests.faults.processes import ServiceProcess
from tests.faults.rows import Row
from tests.mission import Desk, Mission, Writer, an_approval, eventually, now

DEPARTMENTS = ("fire", "water", "parks")
SQUARES = tuple(f"{name}-townsquare" for name in DEPARTMENTS)
ALL = tuple(row.name for row in flow.SERVICES)
SETTLE_SECONDS = 90.0
"""How long what was broken may take until it has mended itself; leases (15 s) and re-deliveries are in it."""


PATIENCE_SECONDS = 5.0
"""How long an interrupted post is looked for here, before a person has to decide."""


def small_city(folder: Path, offices: int = 0) -> City:
    """Make a city of three departments, each on the townsquare and the website, and of some more comms officers."""
    plan = demo_plan()
    office = (Grant(role=Role.COMMS_OFFICE),)
    more = [PlannedOfficer(f"office-{number}", f"Officer {number}", office) for number in range(1, offices + 1)]
    made = local_profiles(plan.name, plan.website, [Department(name, name.title(), name) for name in DEPARTMENTS])
    city = make_city(folder, replace(plan, profiles=made, officers=(*plan.officers, *more)))
    settings = folder / "city.toml"
    settings.write_text(settings.read_text() + f"\n[delivery]\npatience_seconds = {PATIENCE_SECONDS}\n")
    return load_city(city.folder)


class FaultCity:
    """The running city. ``square`` is the townsquare seen from behind its counter."""

    def __init__(self, folder: Path, offices: int = 0) -> None:
        self.city = small_city(folder / "mission", offices)
        self.mission = self._with_broker()
        self.processes: list[ServiceProcess] = []
        self._stack = contextlib.AsyncExitStack()
        self._desks: dict[str, Desk] = {}
        self._writer: Writer | None = None

    def _with_broker(self) -> Mission:
        return Mission(self.city)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.mission)
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _open(self) -> None:
        self._stack.push_async_callback(self._end_processes)
        await provision(self.city, self.mission.url)
        self.square = Townsquare.of(self.city)
        running = await web.serve(self.square.app(), "127.0.0.1", 0, "the townsquare")
        self._stack.push_async_callback(running.stop)
        self.square_url = running.url
        # As `onevoice up` does: the run file says where the townsquare is, and that this process is the city.
        self.city.run_path.parent.mkdir(parents=True, exist_ok=True)
        self.city.run_path.write_text(json.dumps({"pid": os.getpid(), "townsquare_url": running.url}))

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # --- services -----------------------------------------------------------------------------------------

    async def start(self, *names: str, crash_at: str = "", ready: bool = True) -> ServiceProcess:
        """Start one process with these services, and wait until it is ready."""
        log = self.city.var / f"{'-'.join(names)[:40]}-{len(self.processes)}.log"
        process = ServiceProcess(names, self.city.folder, self.mission.url, log, crash_at)
        self.processes.append(process)
        if ready:
            await process.until_ready()
        return process

    async def start_others(self, *left_out: str) -> ServiceProcess:
        """Start all services but these in one process."""
        return await self.start(*(name for name in ALL if name not in left_out))

    async def _end_processes(self) -> None:
        living = [process for process in self.processes if process.alive]
        for process in living:  # as its lease is nothing to the test any more, nobody need wait for what is in hand
            process.signal(signal.SIGKILL)
        for process in living:
            await process.until_dead()

    # --- the broker ---------------------------------------------------------------------------------------

    def kill_broker(self) -> None:
        """kill -9 of nats-server."""
        assert self.mission.broker.pid is not None
        os.kill(self.mission.broker.pid, signal.SIGKILL)

    async def start_broker(self) -> None:
        """Start it again on the same store and port."""
        await self.mission.restart()

    # --- people and readers -------------------------------------------------------------------------------

    async def desk(self, user: str) -> Desk:
        """The connection of an officer or system."""
        if user not in self._desks:
            self._desks[user] = await self.mission.desk(user)
        return self._desks[user]

    async def tell(
        self,
        user: str,
        base: str,
        raw: bytes,
        seconds: float = 60.0,
        errors: list[str] | None = None,
        enough: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """Send the same bytes again and again, as a person repeats a command, until the answer is yes; return it.

        ``errors`` gets what came instead: codes of errors, and names of what kept an answer from coming. A code in
        ``enough`` is an answer, too.
        """
        desk, loop = await self.desk(user), asyncio.get_running_loop()
        deadline = loop.time() + seconds
        said: list[str] = [] if errors is None else errors
        while True:
            try:
                reply = await desk.ask(base, raw, seconds=3.0)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                said.append(type(error).__name__)
            else:
                if "error" not in reply or reply["error"]["code"] in enough:
                    return reply
                said.append(str(reply["error"]["code"]))
            assert loop.time() < deadline, f"not told within its time; the last: {said[-3:]}"
            await asyncio.sleep(0.1)

    async def order(
        self, user: str, action: Any, base: str = subjects.DESK_EOC_ORDER, enough: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """Sign an order once and hand it in until it is acked."""
        desk = await self.desk(user)
        return await self.tell(user, base, desk.signed_order(action).to_bytes(), enough=enough)

    async def ledger(self) -> Ledger:
        """The ledger, to be read."""
        if self._writer is None:
            self._writer = await self.mission.writer("board")
        return self._writer.ledger

    def play(self, profile: str | None, kind: Kind, **changes: Any) -> None:
        """Play a trick on the next posts of a profile, or of everybody."""
        account = profile.removesuffix("-townsquare") if profile else None
        self.square.mischief.add(Trick(kind=kind, account=account, **changes))

    def posts(self, profile: str) -> list[str]:
        """The texts that the public sees on a profile, oldest first."""
        found = self.square.posts.newest(profile.removesuffix("-townsquare"), 100_000)
        return [post.draft.text for post in reversed(found)]

    def public(self) -> dict[str, list[str]]:
        """What the public sees on each profile of the townsquare."""
        return {profile: self.posts(profile) for profile in SQUARES}


@dataclass
class Sent:
    """One message of the load: what was told to its sender."""

    text: str
    targets: tuple[str, ...]
    request_id: str = ""
    approved: bool = False


@dataclass
class Load:
    """Submits messages as the mcpe and approves them, as often as it takes until each step is acked.

    ``sent`` has each message that was begun; a ``request_id`` means that its acceptance was told.
    """

    city: FaultCity
    officer: str = "mcpe"
    prefix: str = "load"
    sent: list[Sent] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def acked(self) -> list[Sent]:
        """What was told to be on record."""
        return [one for one in self.sent if one.request_id]

    async def send(self, *targets: str, approve: bool = True, seconds: float = 60.0) -> Sent:
        """Submit one message, for two departments unless told, and approve it; returns when both are acked."""
        number = len(self.sent) + 1
        one = Sent(
            f"Notice {number} of {self.prefix}. https://mission.example/{self.prefix}/{number}", targets or SQUARES[:2]
        )
        self.sent.append(one)
        deadline = asyncio.get_running_loop().time() + seconds
        reply = await self._tell(subjects.DESK_REQUEST_SUBMIT, _event(one, f"{self.prefix}-{number}"), deadline)
        one.request_id = str(reply["request_id"])
        if approve:
            await self.approve(one, deadline=deadline)
        return one

    async def approve(self, one: Sent, officer: str = "", deadline: float | None = None) -> None:
        """Sign the request as it stands in the ledger, and hand the signature in until that is acked."""
        until, who = deadline or asyncio.get_running_loop().time() + 60.0, officer or self.officer
        approval = an_approval(self.city.city, await self._request(one, until), who)
        await self._tell(subjects.DESK_APPROVAL_SUBMIT, approval.to_bytes(), until, who)
        one.approved = True

    async def flow(self, stop: asyncio.Event, pause: float = 0.1) -> None:
        """Send one message after another until told to stop."""
        while not stop.is_set():
            await self.send(SQUARES[len(self.sent) % len(SQUARES)])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _request(self, one: Sent, deadline: float) -> Request:
        ledger = await self.city.ledger()

        async def look() -> Request | None:
            with contextlib.suppress(Exception):
                entry = await ledger.last(subjects.request(one.request_id))
                return Request.from_bytes(entry.data) if entry else None
            return None

        left = deadline - asyncio.get_running_loop().time()
        found: Request = await eventually(look, max(left, 0.1))
        return found

    async def _tell(self, base: str, raw: bytes, deadline: float, officer: str = "") -> dict[str, Any]:
        left = deadline - asyncio.get_running_loop().time()
        return await self.city.tell(officer or self.officer, base, raw, left, self.errors)


def _event(one: Sent, name: str) -> bytes:
    targets: Any = list(one.targets) if one.targets != (ALL_DEPARTMENTS,) else ALL_DEPARTMENTS
    event = {
        "specversion": "1.0",
        "id": name,
        "source": "https://mission.example/load",
        "type": "ca.onevoice.request.submitted.v1",
        "data": {"text": one.text, "targets": targets, "crisis": False, "link": one.text.split()[-1]},
    }
    SubmissionEvent.from_value(event)
    return canonical.dumps(event)


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
                wrong.append(f"{one.request_id} stands on {target} and was never cleared")
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
        return [f"{one.request_id} is called {receipt.outcome} on {target} and stands there"]
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


__all__ = ["ALL", "SQUARES", "FaultCity", "Load", "Sent", "Sets", "compare", "settled", "small_city"]
