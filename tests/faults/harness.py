"""A small city of real parts to be broken: nats-server, services as processes, the townsquare as public witness.

``FaultCity`` runs it, ``load.Load`` sends what people send and keeps what it was told, ``sets.compare`` holds the four
sets against each other: what was acked, what the ledger has, what the public sees, what the second copy has.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import nats.errors

from schemas import flow, subjects
from schemas.events.authority import Grant, Role
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import Unreachable
from services.kernel.base.network import web
from services.kernel.ledger.client import Ledger
from services.provision import demo_plan, make_city, provision
from services.provision.plan.city_plan import Department, PlannedOfficer, local_profiles
from services.townsquare.faults import Fault, FaultKind
from services.townsquare.server import Townsquare
from tests.faults.processes import ServiceProcess
from tests.support.mission import Desk, Mission, Writer, eventually
from tests.support.running import said_up

DEPARTMENTS = ("fire", "water", "parks", "waste", "planning")
"""Enough that a message to two of them is not one to all departments, which waits for a crisis: 2(iv)."""

SQUARES = tuple(f"{name}-townsquare" for name in DEPARTMENTS)
ALL = tuple(row.name for row in flow.SERVICES)


PATIENCE_SECONDS = 5.0
"""How long an interrupted post is looked for here, before a person has to decide."""


def small_city(folder: Path, offices: int = 0) -> City:
    """Make a city of five departments, each on the townsquare and the website, and of some more comms officers."""
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
        await self._provision()
        self.square = Townsquare.of(self.city)
        running = await web.serve(self.square.app(), "127.0.0.1", 0, "the townsquare")
        self._stack.push_async_callback(running.stop)
        self.square_url = running.url
        # As `onevoice up` does: the run file says where the townsquare is, and that this process is the city.
        self._stack.enter_context(said_up(self.city, townsquare_url=running.url))

    async def _provision(self) -> None:
        """Provision as a person does: again, when a cluster that has just met is not ready for it."""
        for _ in range(5):
            with contextlib.suppress(Unreachable):
                await provision(self.city, self.mission.url)
                return
            await asyncio.sleep(1.0)
        await provision(self.city, self.mission.url)

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

        async def named() -> Any:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                return await desk.named(action)

        return await self.tell(user, base, desk.signed_order(await eventually(named)).to_bytes(), enough=enough)

    async def ledger(self) -> Ledger:
        """The ledger, to be read."""
        if self._writer is None:
            self._writer = await self.mission.writer("board")
        return self._writer.ledger

    def play(self, profile: str | None, kind: FaultKind, **changes: Any) -> None:
        """Inject a fault into the next posts of a profile, or of everybody."""
        account = profile.removesuffix("-townsquare") if profile else None
        self.square.faults.add(Fault(kind=kind, account=account, **changes))

    def posts(self, profile: str) -> list[str]:
        """The texts that the public sees on a profile, oldest first."""
        found = self.square.posts.newest(profile.removesuffix("-townsquare"), 100_000)
        return [post.draft.text for post in reversed(found)]

    def public(self) -> dict[str, list[str]]:
        """What the public sees on each profile of the townsquare."""
        return {profile: self.posts(profile) for profile in SQUARES}
