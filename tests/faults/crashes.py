"""Each service killed (-9) at each of its crash points, under load, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from PIL import Image

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate, EocActivate, EocStandDown, Withdraw
from schemas.events.deliveries import Attempt
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution
from services.desk import statements
from services.fanout.connectors.contract import CannotTell, WhenUnknown
from services.fanout.domain import receipts
from services.kernel.authority.signing import load_key
from services.kernel.authority.statements import signed
from services.kernel.base.crashpoints import POINTS
from tests.faults.harness import ALL, SQUARES, FaultCity
from tests.faults.load import Load, Sent
from tests.faults.processes import ServiceProcess
from tests.faults.rows import Row, Scale
from tests.faults.sets import Sets, compare
from tests.support.mission import eventually, now

TRIP_SECONDS = 40.0
AGAIN = 3
SLOW = "audit.seal.stored"
"""A seal is due a minute after the first entry: it takes longest to get there."""

RESOLVING = "fanout.resolution.stored"
AT_THE_BEGINNING = "registry.genesis.stored"
STRUCK = ("audit", "fanout", "gatekeeper", "intake", "eoc_state", "registry")


class CrashScheduler:
    """Kills services at points while messages flow; counts how often, and how long until a message gets through."""

    def __init__(self, city: FaultCity, load: Load) -> None:
        self.city, self.load = city, load
        self.running: dict[str, ServiceProcess] = {}
        self.killed: dict[str, int] = {}
        self.recovered: dict[str, float] = {}
        self.missed: list[str] = []
        self.causes: list[asyncio.Task[None]] = []
        self.resolution = b""

    async def begin(self) -> None:
        """Kill the registry right after the first entry of the ledger; then start everything."""
        armed = await self.city.start("registry", crash_at=AT_THE_BEGINNING, ready=False)
        await self._await_death(AT_THE_BEGINNING, armed)
        for name in ALL:
            self.running[name] = await self.city.start(name, ready=False)
        for process in self.running.values():
            await process.until_ready()

    async def chain(self, service: str) -> None:
        """Kill a service at one of its points after the other; each start is armed for the next."""
        for point in points_of(service):
            await self._strike(service, point)
        self.running[service] = await self.city.start(service)

    async def one_by_one(self, service: str) -> None:
        """Kill a service at each of its points, and each time wait until a message gets through again."""
        for point in points_of(service):
            await self._strike(service, point)
            if point == RESOLVING:  # the next start is to die in the middle of what this one left
                continue
            began = asyncio.get_running_loop().time()
            self.running[service] = await self.city.start(service)
            await delivered(self.city, await self.load.send(SQUARES[0]))
            took = asyncio.get_running_loop().time() - began
            self.recovered[service] = max(took, self.recovered.get(service, 0.0))

    async def _strike(self, service: str, point: str) -> None:
        """Let a service die at a point; a post that stands without its receipt is kept for an officer to resolve."""
        await self._strike_once(service, point)
        for _ in range(AGAIN if point == "fanout.call.ended" else 0):
            self.resolution = await unconfirmed(self.city)
            if self.resolution:
                return
            await self._strike_once(service, point)  # the call that it died behind had posted nothing

    async def _strike_once(self, service: str, point: str) -> None:
        """Put a process in the service's place that dies at a point, and give it cause to."""
        await self.running[service].kill()
        # What was in hand before may lead it to its point before it is ready.
        armed = self.running[service] = await self.city.start(service, crash_at=point, ready=False)
        await armed.until_ready(or_dead=True)
        cause = asyncio.create_task(self._cause(point))
        await self._await_death(point, armed)
        self.causes.append(cause)

    async def _await_death(self, point: str, process: ServiceProcess) -> None:
        if await process.until_dead(TRIP_SECONDS if point != SLOW else 90.0) and process.ended == -signal.SIGKILL:
            service = point.partition(".")[0]
            self.killed[service] = self.killed.get(service, 0) + 1
        else:
            self.missed.append(f"{point} was not reached (exit {process.ended})")
            await process.kill()

    async def _cause(self, point: str) -> None:
        special = CAUSES.get(point)
        if point in (RESOLVING, "fanout.resolution.done"):
            assert self.resolution, "no post was left without a receipt"
            await self.city.tell("pio", subjects.DESK_DELIVERY_RESOLVE, self.resolution)
        elif special is not None:
            await special(self.city)
        else:
            await self.load.send(*SQUARES[:2])


def points_of(service: str) -> list[str]:
    """Return the points at which a running service is killed."""
    return [one for one in POINTS if one.startswith(f"{service}.") and one != AT_THE_BEGINNING]


async def unconfirmed(city: FaultCity) -> bytes:
    """Say of a post that stands and has no receipt that nobody could find out; return an officer's word that it is.

    Nothing is said, and no word returned, if there is no such post.

    The receipt is the one that fan-out writes when a platform does not answer; here its user does, at once, while
    fan-out is dead.
    """
    writer = await city.mission.writer("fanout")
    ledger = writer.ledger
    stand = {(f"{post.username}-townsquare", post.draft.text): post for post in city.square.posts.posts.values()}
    for entry in reversed(await ledger.history(subjects.ATTEMPTS)):
        attempt = Attempt.from_bytes(entry.data)
        asked = await ledger.last(subjects.request(attempt.request_id))
        settled = await ledger.last(subjects.receipt(attempt.profile, attempt.request_id))
        request = Request.from_bytes(asked.data) if asked else None
        post = stand.get((attempt.profile, request.text)) if request else None
        if settled is not None or post is None or request is None:
            continue
        receipt = receipts.of_look(attempt, entry.seq, CannotTell("it does not answer"), now(), WhenUnknown.LOOK)
        subject = subjects.receipt(attempt.profile, attempt.request_id)
        seq = (await ledger.append(subject, receipt, expect_last=0)).seq
        url = f"{city.square_url}/@{post.username}/{post.id}"
        return _resolution(city, request, attempt.profile, seq, url).to_bytes()
    return b""


def _resolution(city: FaultCity, request: Request, profile: str, seq: int, url: str) -> Resolution:
    statement = statements.resolution_statement(
        request,
        realm="live",
        officer="pio",
        profile=profile,
        receipt_seq=seq,
        choice="posted",
        url=url,
        now=now(),
    )
    return statements.resolved(statement, signed(load_key(city.city.key_path("pio")), statement))


async def delivered(city: FaultCity, one: Sent, seconds: float = 60.0) -> None:
    """Wait until a message is on each of its targets."""

    async def stands() -> bool:
        return all(one.text in city.posts(target) for target in one.targets)

    await eventually(stands, seconds)


async def crashes(folder: Path, scale: Scale) -> list[Row]:
    """Kill each service at each of its points under load; compare the four sets at the end.

    In full one after the other, with the time until a message got through; in short all services at the same time.
    """
    async with FaultCity(folder) as city:
        load = Load(city)
        scheduler = CrashScheduler(city, load)
        await scheduler.begin()
        async with flowing(Load(city, prefix="flow")) as background:
            if scale is Scale.FULL:
                for service in STRUCK:
                    await scheduler.one_by_one(service)
            else:
                await asyncio.gather(*map(scheduler.chain, STRUCK))
            began = asyncio.get_running_loop().time()
            await asyncio.gather(*scheduler.causes)
        load.sent += background.sent
        found = await compare(city, load)
        took = asyncio.get_running_loop().time() - began
    return [*_rows(scheduler), _whole(scheduler, found, took)]


def _rows(scheduler: CrashScheduler) -> list[Row]:
    return [
        Row(f"kill -9 of {service} at its crash points", times, recovered=scheduler.recovered.get(service))
        for service, times in sorted(scheduler.killed.items())
    ]


def _whole(scheduler: CrashScheduler, found: Sets, took: float) -> Row:
    return found.row(
        "all of these, in one city under load",
        sum(scheduler.killed.values()),
        recovered=took,
        wrong=tuple(scheduler.missed),
    )


@contextlib.asynccontextmanager
async def flowing(load: Load, pause: float = 0.5) -> AsyncIterator[Load]:
    """Let messages flow while the block runs; what is in hand at its end is finished."""
    stop = asyncio.Event()
    task = asyncio.create_task(load.flow(stop, pause))
    try:
        yield load
    finally:
        stop.set()
        await task


async def _put_picture(city: FaultCity) -> None:
    raw = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(raw, "PNG")
    await city.tell("mcpe", subjects.DESK_MEDIA_PUT, raw.getvalue())


async def _designate(city: FaultCity) -> None:
    action = Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED))
    await city.order("cao", action, subjects.DESK_REGISTRY_ORDER)


async def _withdraw(city: FaultCity) -> None:
    """Take back what nobody has approved: an order that is written each time, and is in no other message's way."""
    sent = await Load(city, prefix="withdrawn").send(approve=False)
    await city.order("mcpe", Withdraw(request_id=sent.request_id))


async def _activate(city: FaultCity) -> None:
    """Activate, wait for the barrier, stand down; another may be at it already, and stand down first."""
    ledger = await city.ledger()
    before = await ledger.last(subjects.CONTROL)
    since = before.seq - 1 if before else 0
    await city.order("eoc-director", EocActivate(level=1, incident="Flood"), enough=NOT_NOW)

    async def over() -> bool:
        return any(b'"eoc_active"' in entry.data for entry in await ledger.history(subjects.CONTROL, since))

    await eventually(over, 60.0)
    await city.order("eoc-director", EocStandDown(), enough=NOT_NOW)


NOT_NOW = frozenset({"order.posture"})


CAUSES: dict[str, Callable[[FaultCity], Awaitable[None]]] = {
    "intake.media.stored": _put_picture,
    "registry.order.stored": _designate,
    "eoc_state.order.stored": _withdraw,
    "eoc_state.barrier.passed": _activate,
    "eoc_state.active.stored": _activate,
}
"""What makes a service get to a point, where a message does not."""
