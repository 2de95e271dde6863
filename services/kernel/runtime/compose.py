"""The composition root of every service: each collaborator of a running instance is built here, once.

``assemble`` builds what does not depend on NATS, on the ports that it is given. ``on_nats`` gives it NATS and
FastStream; the simulation (tests/simulation) gives it a network of its own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from faststream import FastStream

from schemas import flow
from services.kernel.authority.signing import load_key
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.clock import Clock, SystemClock
from services.kernel.base.errors import Drift
from services.kernel.control.control_view import ControlView, authority_of
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.drift import drift
from services.kernel.ledger.integrity.watch import IntegrityWatch
from services.kernel.projection.projection import Projection
from services.kernel.projection.snapshots import SnapshotPace, Snapshots
from services.kernel.projection.source import NatsSource, Source
from services.kernel.runtime.facts import LedgerFacts
from services.kernel.runtime.health import HealthReporter
from services.kernel.runtime.messages import retry_budget
from services.kernel.runtime.messages.around import Around
from services.kernel.runtime.messages.bus import MessageBus, Routes
from services.kernel.runtime.messages.consuming import IN_PROGRESS_SECONDS, Consuming
from services.kernel.runtime.messages.dead_letters import DeadLetterQueue
from services.kernel.runtime.messages.durable_watch import CHECK_SECONDS, DurableWatch
from services.kernel.runtime.messages.encrypted_broker import ConnectionEvents, make_broker
from services.kernel.runtime.messages.failure_counter import FailureCounter
from services.kernel.runtime.messages.faststream_bus import FastStreamBus
from services.kernel.runtime.messages.serving import Serving, Subscribing
from services.kernel.runtime.service import LookPace, Runtime
from services.kernel.runtime.startup import Genesis, Wire, begin, register
from services.kernel.runtime.supervisor import Spawn, Supervisor


@dataclass(frozen=True)
class Timings:
    """Settings of the kernel that only tests change; seconds."""

    in_progress: float = IN_PROGRESS_SECONDS
    durable_check: float = CHECK_SECONDS
    budget: retry_budget.RetryBudget = field(default_factory=lambda: retry_budget.RetryBudget())
    snapshots: SnapshotPace = field(default_factory=SnapshotPace)
    looks: LookPace = field(default_factory=LookPace)


@dataclass(frozen=True)
class Ports:
    """What an instance stands on. ``shared``: the projection of another service of this process, instead of its own."""

    instance: str
    clock: Clock
    log: Any
    ledger: Ledger
    source: Source
    snapshot_path: Path
    mark_path: Path
    spawn: Spawn = asyncio.create_task
    shared: Projection | None = None
    timings: Timings = field(default_factory=Timings)


Bus = TypeVar("Bus", bound=MessageBus)
MakeBus = Callable[[Around, Projection, Supervisor], Bus]
"""Returns an instance's bus; the projection has to know of a lost connection, and the supervisor whether it stops."""


def assemble(
    row: flow.Service, city: City, ports: Ports, make_bus: MakeBus[Bus], health: type[HealthReporter] = HealthReporter
) -> tuple[Runtime, Bus]:
    """Build an instance and its bus on its ports; nothing is started. ``health``: how it says that it lives."""
    ledger, clock, log = ports.ledger, ports.clock, ports.log
    supervisor = Supervisor(log, ports.spawn)
    projection, snapshots = ports.shared, None
    if projection is not None:
        projection.share(ledger)
    else:
        projection = Projection(ports.source, LedgerFold(authority_of(city), EVERYTHING), ledger, clock, log)
        projection.sharing.end = supervisor.fail
        if row.folds:
            snapshots = Snapshots(
                ports.snapshot_path, projection, ports.source, ledger, clock, log, ports.timings.snapshots
            )
            supervisor.supervise_to_the_end(projection.run)
            supervisor.supervise_to_the_end(snapshots.keep)
            supervisor.at_end(snapshots.take)
    routes = Routes()
    dead_letters = DeadLetterQueue(row, ledger, clock, log, routes)
    counter = FailureCounter(ledger, clock, log, ports.timings.budget)
    consuming = Consuming(ledger, routes, counter, dead_letters, log, ports.timings.in_progress)
    around = Around(routes, consuming, Serving(log), Subscribing(log))
    facts = LedgerFacts(projection, ControlView(city, ledger), folds=row.folds)
    watch = _watch_of(row, city, ports, projection, keeps_fold=snapshots is not None)
    bus = make_bus(around, projection, supervisor)
    runtime = Runtime(
        row=row,
        city=city,
        instance=ports.instance,
        clock=clock,
        log=log,
        ledger=ledger,
        source=ports.source,
        projection=projection,
        snapshots=snapshots,
        facts=facts,
        bus=bus,
        supervisor=supervisor,
        health=health(row, ports.instance, clock, bus, facts, projection, watch, ledger.alarms),
        watch=watch,
        dead_letters=dead_letters,
        around=around,
        looks=ports.timings.looks,
    )
    runtime.health.not_stored = lambda: ledger.not_stored
    return runtime, bus


def _watch_of(
    row: flow.Service, city: City, ports: Ports, projection: Projection, *, keeps_fold: bool
) -> IntegrityWatch:
    """Return a service's watch over the ledger. One process folds once, and has one mark, which all of it look at.

    Who posts has its own, which outlives a restore.
    """
    keeps_mark, sharing = row.posts or keeps_fold, projection.sharing
    own_path = city.ledger_seen_path if row.posts else ports.mark_path if keeps_fold else None
    sharing.mark_path = sharing.mark_path or own_path
    path = own_path or sharing.mark_path
    return IntegrityWatch(row, city, ports.ledger, ports.log, lambda: projection.newest, path, keeps_mark=keeps_mark)


def on_nats(
    row: flow.Service,
    city: City,
    wire: Wire,
    *,
    genesis: Genesis | None = None,
    url: str | None = None,
    ledger: Ledger | None = None,
    shared: Projection | None = None,
    timings: Timings | None = None,
) -> tuple[Runtime, FastStream]:
    """Return a service's runtime and its FastStream application; nothing is started.

    Starting it waits for the broker and the manifest, registers the handlers and takes up work; stopping it finishes
    what is in hand. Starting raises Drift when the broker is not provisioned as ``schemas.streams`` says.

    Args:
        row: the service.
        city: the city and realm that it runs for.
        wire: registers the service's handlers.
        genesis: what the registry does to begin the ledger; others wait for it.
        url: the broker, if not as in city.toml.
        ledger: what appends and reads; by default the real one.
        shared: the projection of another service of this process, instead of its own.
        timings: what tests change.
    """
    ledger = ledger or Ledger()
    log = logs.logger(service=row.name, realm=city.realm).bind()  # once, and not anew for each line
    ports = Ports(
        instance=f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(4)}",
        clock=SystemClock(),
        log=log,
        ledger=ledger,
        source=NatsSource(ledger),
        snapshot_path=city.snapshot_path(row.user),
        mark_path=city.mark_path(row.user),
        shared=shared,
        timings=timings or Timings(),
    )

    def make_bus(around: Around, projection: Projection, supervisor: Supervisor) -> FastStreamBus:
        return FastStreamBus(
            row, around, make_broker(row, city, url, _link_of(log, projection, supervisor, ledger)), log
        )

    runtime, bus = assemble(row, city, ports, make_bus)
    watch = DurableWatch(ledger, runtime.around.routes, runtime.supervisor, ports.timings.durable_check)
    for work in (runtime.health.run, watch.run, runtime.watch.run):
        runtime.supervisor.supervise(work)
    return runtime, _application(runtime, bus, wire, genesis)


def _application(runtime: Runtime, bus: FastStreamBus, wire: Wire, genesis: Genesis | None) -> FastStream:
    """Return what starts and stops a runtime, in FastStream's four steps."""
    supervisor = runtime.supervisor

    async def prepare() -> None:
        load_key(runtime.city.service_key_path(runtime.row.name))
        supervisor.begin()
        runtime.ledger.bind(await bus.connect())
        await _refuse_drift(runtime)
        await begin(runtime, genesis)
        register(runtime, wire)

    async def take_up() -> None:
        await bus.listening()
        supervisor.start()
        runtime.log.info("ready", instance=runtime.instance, control_seq=runtime.control.seq)

    async def wind_down() -> None:
        runtime.log.info("stopping")
        await supervisor.stop()

    async def end() -> None:
        await supervisor.end()
        runtime.log.info("stopped")

    return FastStream(
        bus.broker,
        logger=None,
        on_startup=[prepare],
        after_startup=[take_up],
        on_shutdown=[wind_down],
        after_shutdown=[end],
    )


def _link_of(log: Any, projection: Projection, supervisor: Supervisor, ledger: Ledger) -> ConnectionEvents:
    """Return what is done when the connection to the broker changes."""

    async def on_error(error: Exception) -> None:
        log.warning("the broker says", error=str(error) or type(error).__name__)

    async def on_disconnected() -> None:
        projection.disconnected()
        if not supervisor.stopping:
            log.warning("the broker is gone, waiting for it")

    async def on_reconnected() -> None:
        projection.reconnected()
        ledger.not_stored = ""  # what failed while it was away says nothing of now
        if not supervisor.stopping:
            log.warning("the broker is back")

    return ConnectionEvents(on_error, on_disconnected, on_reconnected)


async def _refuse_drift(runtime: Runtime) -> None:
    differences = await drift(runtime.ledger.js, runtime.row, again=True)
    if differences:
        for difference in differences:
            runtime.log.error("drift", difference=difference)
        raise Drift(
            "broker.drift",
            f"{runtime.row.name} refuses to run: {'; '.join(differences)}",
            "have it put right by the provisioning user: onevoice provision",
        )
