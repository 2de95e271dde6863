"""One simulated run: the town's services, people who ask for things, faults that strike, then calm."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import importlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from schemas import streams, subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import SubmissionEvent
from schemas.platforms import MIRROR, WEBSITE
from services.audit.copy_plan import plan as copy_plan
from services.fanout.domain.limits import HostLimit, limit_of
from services.fanout.wiring import compose, look_for_overlooked
from services.kernel.base import crashpoints
from services.kernel.ledger.client import Entry
from services.kernel.runtime.messages.dependencies import EntryOf
from services.kernel.runtime.service import Runtime
from tests.simulation import fault_scheduler, people, themes
from tests.simulation.loop import OWNER, Killed, Process, Stuck, VirtualLoop
from tests.simulation.network import Network
from tests.simulation.platforms import Platforms, SimConnector
from tests.simulation.record import Follower, held_by_blocked, tells_of_beginning
from tests.simulation.runtime import SimClock, SimFile, SimLog, SimService
from tests.simulation.server import Server
from tests.simulation.simulated_city import START, SimulatedCity

GRACE = 4.0
PATIENCE = 20.0
SERVICES = ("registry", "eoc_state", "intake", "gatekeeper", "fanout", "board", "audit")


@dataclass
class Slot:
    """A place where a service runs, on one machine: it is started again when it died."""

    name: str
    service: str
    clock: SimClock
    starts: int = 0
    process: Process | None = None
    runtime: Runtime | None = None
    disk: SimFile = field(default_factory=SimFile)
    mark: SimFile = field(default_factory=SimFile)


@dataclass
class Told:
    """What people were promised, and when (virtual seconds)."""

    requests: dict[str, tuple[float, int]] = field(default_factory=dict)
    approvals: list[tuple[float, str, int]] = field(default_factory=list)
    orders: list[tuple[float, str, int]] = field(default_factory=list)
    resolutions: list[tuple[float, tuple[str, str], int]] = field(default_factory=list)
    active: list[float] = field(default_factory=list)
    refused: list[tuple[float, str, str]] = field(default_factory=list)


class World:
    """Everything of one seed."""

    def __init__(self, town: SimulatedCity, seed: int, theme: themes.Theme | None = None) -> None:
        self.town, self.seed = town, seed
        self.rng = Random(seed)
        random.seed(seed)
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._on_loop_error)
        self.trace: list[tuple[float, str, str]] = []
        self.faults: list[str] = []
        self.told = Told()
        skew = self.rng.uniform(-2.0, 2.0)
        self.server_clock = SimClock(self.loop, START, skew)
        self.server = Server(self.server_clock.now, Random(seed + 1))
        self.network = Network(self.loop, self.server, Random(seed + 2))
        self.platforms = Platforms(self.loop, Random(seed + 3), self.tell)
        self.copy: list[Entry] = []
        self.follower = Follower(town.city)
        self.stored: dict[int, float] = {}
        self.server.ledger.listeners += [self.follower.on_entry, self._note_time]
        self.submitted: list[tuple[str, SubmissionEvent]] = []
        self.slots: list[Slot] = []
        self.processes: list[Process] = []
        self.crash_rate = 0.0
        self.calm = False
        self.platforms.sending = self._at_sending
        self.theme = theme or themes.choose(self)

    # --- telling ------------------------------------------------------------------------------------------

    def tell(self, who: str, what: str) -> None:
        """Put a line into the trace."""
        self.trace.append((self.loop.now, who, what))

    def _note_time(self, entry: Entry) -> None:
        self.stored[entry.seq] = self.loop.now

    def hash(self) -> str:
        """The hash of the whole trace and ledger: two runs of a seed have the same."""
        digest = hashlib.sha256()
        for when, who, what in self.trace:
            digest.update(f"{when:.6f} {who} {what}\n".encode())
        for entry in self.server.ledger.entries:
            if entry is not None:
                digest.update(entry.data)
        return digest.hexdigest()

    def _on_loop_error(self, _loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not isinstance(error, Killed | asyncio.CancelledError):
            self.faults.append(f"{context.get('message')}: {error!r}")

    # --- processes ----------------------------------------------------------------------------------------

    def start(self, slot: Slot) -> None:
        """Start a service in its slot, as a new process."""
        slot.starts += 1
        process = Process(self.loop, f"{slot.name}.{slot.starts}")
        slot.process = process
        self.processes.append(process)
        log = SimLog(self.tell, process.name, self.faults)
        files = (slot.disk, slot.mark)
        service = SimService(slot.service, self.town.city, self.network, process, slot.clock, log, *files)
        slot.runtime = service.runtime
        self.tell(process.name, "START")
        genesis = getattr(importlib.import_module(f"services.{slot.service}.wiring"), "genesis", None)
        process.spawn(service.run(self._wire(slot.service, process), genesis))

    def _limit_of(self, platform: str, name: str) -> HostLimit:
        return self.theme.limit or limit_of(platform, name)

    def _wire(self, service: str, process: Process) -> Callable[[Runtime], None]:
        if service == "fanout":
            connectors = {
                name: SimConnector(platform, self.platforms, process)
                for name, platform in (("mastodon", "mastodon"), (WEBSITE, WEBSITE), (MIRROR, WEBSITE))
            }

            def wire_fanout(runtime: Runtime) -> None:
                work = compose(runtime, connectors, ask_seconds=PATIENCE, limits=self._limit_of)
                look_for_overlooked(runtime, work)

            return wire_fanout
        if service == "audit":
            return lambda runtime: Copier(self, runtime).wire()
        wire: Callable[[Runtime], None] = importlib.import_module(f"services.{service}.wiring").wire
        return wire

    def kill(self, slot: Slot, back_after: float) -> None:
        """Kill -9; started again after a while."""
        process = slot.process
        if process is None or not process.alive:
            return
        self.tell(process.name, "KILLED")
        process.kill()
        self.loop.outside(back_after, self._restart, slot, slot.starts)

    def _restart(self, slot: Slot, starts: int) -> None:
        if slot.starts == starts:
            self.start(slot)

    def at_crash_point(self, point: str) -> None:
        """Called by the services at each named crash point."""
        process = OWNER.get()
        if process is None or self.calm:
            return
        if self.rng.random() >= self.crash_rate:
            themes.strike(self, process, point)
            return
        slot = next(slot for slot in self.slots if slot.process is process)
        self.tell(process.name, f"CRASH POINT {point}")
        self.kill(slot, self.rng.uniform(0.2, 6.0))
        raise Killed

    def _at_sending(self, process: Process) -> None:
        """Called between a worker's last look and its call."""
        if not self.calm:
            themes.strike(self, process, "platform.sending")

    def change_control(self, *names: str) -> None:
        """Let somebody change control at this very moment."""
        people.order_now(self, *names)

    # --- the run ------------------------------------------------------------------------------------------

    async def play(self) -> None:
        """Play the seed."""
        fault_scheduler.settle_in(self)
        for slot in self.slots:
            self.start(slot)
        await asyncio.sleep(1.0)
        people.come(self)
        fault_scheduler.come(self)
        await asyncio.sleep(self.theme.chaos)
        fault_scheduler.leave(self)
        await self._rest()

    async def _rest(self) -> None:
        """Wait until nothing is under way."""
        quiet, stood = 0.0, 0
        while quiet < GRACE:
            if self.loop.now > self.theme.chaos + self.theme.calm:
                self.faults.append("it does not come to rest: " + ", ".join(self._busy()))
                return
            await asyncio.sleep(1.0)
            length = len(self.server.ledger.entries)
            quiet = 0.0 if self._busy() or length != stood else quiet + 1.0
            stood = length

    def _busy(self) -> list[str]:
        held = self._held()
        found = [name for name, durable in self.server.durables.items() if {*durable.pending, *durable.again} - held]
        ledger = self.server.ledger
        found += [
            name
            for name, durable in self.server.durables.items()
            if durable.spec.stream == streams.LEDGER and ledger.next(durable.spec.filter_subject, durable.cursor + 1)
        ]
        return [*found, *self.follower.owed(), *self._unaccounted()]

    def _held(self) -> set[int]:
        """Return the verdicts of which all that is open waits for an earlier message that an officer has to approve."""
        fold = self.follower.fold
        return {
            state.verdict_seq
            for state in fold.requests.values()
            if (left := [name for name in state.wanted if not state.target(name).is_final])
            and all(held_by_blocked(fold, state, name) for name in left)
        }

    def _unaccounted(self) -> list[str]:
        """Return what is public although its receipt says that it is not: somebody looks again, and finds it."""
        known = (ReceiptOutcome.DELIVERED, ReceiptOutcome.UNCONFIRMED)
        requests, found = self.follower.fold.requests, []
        for place in {(post.profile, post.request_id): None for post in self.platforms.posts}:
            state = requests.get(place[1])
            target = state.target(place[0]) if state is not None else None
            if target is None or tells_of_beginning(self.platforms.cut_at(*place), target):
                continue
            receipt = target.receipt
            if self.platforms.stands(*place) and receipt is not None and receipt.outcome not in known:
                found.append(f"{place[1]} on {place[0]}, which says {receipt.outcome}")
        return found


class Copier:
    """The second copy: the audit's own plan of a batch, and a list that outlives the process as its file."""

    def __init__(self, world: World, runtime: Runtime) -> None:
        self._world, self._runtime = world, runtime

    def wire(self) -> None:
        """Consume the whole ledger."""
        self._runtime.bus.consume(streams.AUDIT_COPY, bytes, self.on_entry)

    async def on_entry(self, _event: bytes, entry: EntryOf) -> None:
        """Keep what is new, and fill what is missing before it."""
        copy = self._world.copy
        work = copy_plan(copy[-1].seq if copy else 0, [entry])
        for known in work.known:
            if copy[known.seq - 1].data != known.data:
                self._world.faults.append(f"the ledger changed at {known.seq}")
        for new in work.new:
            while len(copy) + 1 < new.seq:
                wanted = len(copy) + 1
                missing = await self._runtime.ledger.get(wanted)
                if missing is None:
                    raise LookupError(f"the ledger has no entry {wanted}")
                if len(copy) + 1 == wanted:
                    copy.append(missing)
            if len(copy) + 1 == new.seq:
                copy.append(new)


class _Watch(dict[str, Any]):
    """Stands in for the armed crash points: each of them asks the world."""

    world: World

    def get(self, point: str, default: Any = None) -> Any:
        """Nothing is armed; but the process may die here."""
        self.world.at_crash_point(point)
        return default


def play(town: SimulatedCity, seed: int, theme: themes.Theme | None = None) -> World:
    """Play one seed and return the world at its end; ``theme``: instead of the one that the seed has."""
    gc.disable()
    world = World(town, seed, theme)
    watch = _Watch()
    watch.world = world
    before = crashpoints._armed
    crashpoints._armed = watch
    try:
        world.loop.run_until_complete(world.play())
    except Stuck as stuck:
        world.faults.append(str(stuck))
    finally:
        crashpoints._armed = before
        gc.enable()
    for process in world.processes:
        for task in process.tasks:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None and not isinstance(error, Killed):
                world.faults.append(f"{process.name}: a task broke off: {error!r}")
    return world


__all__ = ["Slot", "World", "play", "subjects"]
