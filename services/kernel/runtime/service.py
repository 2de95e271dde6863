"""What each service runs on: its broker, ledger, control view, and how handlers are registered.

A service's ``wiring.wire(runtime)`` registers handlers as FastStream subscribers; ``ServiceMiddleware`` surrounds
each. Streams and durables are only compared with ``schemas.streams``, never declared here.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib.metadata import version
from typing import Any

import nats.errors
import nats.js.errors
from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.security import NatsNKey
from nats.aio.msg import Msg

from schemas import flow, streams, subjects
from schemas.events.base import Contract
from schemas.events.dead import SendAgain
from schemas.events.desk import EocBroadcast, PostWait, ServiceHealth
from services.kernel.authority.signing import load_key
from services.kernel.base import logs
from services.kernel.base.city import City, servers_of
from services.kernel.base.clock import Clock, SystemClock
from services.kernel.base.errors import Drift, OneVoiceError
from services.kernel.base.tasks import cancel_all
from services.kernel.base.tls import client_context
from services.kernel.control.control_state import ControlState
from services.kernel.control.control_view import ControlView, authority_of
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.drift import drift
from services.kernel.projection.projection import Projection
from services.kernel.projection.snapshots import Snapshots
from services.kernel.projection.source import NatsSource, Source
from services.kernel.runtime.dead_letters import Letters
from services.kernel.runtime.failure_counter import Counter
from services.kernel.runtime.messages import EntryOf, Sender, desk_json, raw_bytes, strict_json, to_entry
from services.kernel.runtime.middleware import RetryLater, ServiceMiddleware
from services.kernel.runtime.watch import LedgerWatch

__all__ = ["EntryOf", "RetryLater", "Runtime", "Sender", "to_entry"]

HEARTBEAT_SECONDS = 2.0
FIRST_HEARTBEAT_SECONDS = 0.3
DURABLE_CHECK_SECONDS = 10.0
FETCH_SECONDS = 2.5
"""How long one fetch stands open. A broker that was killed forgets it, and the client waits it out: so long takes it at
most after a reconnection until messages flow again.
"""

GRACEFUL_SECONDS = 20.0
_VERSION = version("onevoice")

Work = Callable[[], Awaitable[None]]


class Runtime:
    """One running service instance."""

    def __init__(self, row: flow.Service, city: City, clock: Clock | None = None, url: str | None = None) -> None:
        self.row = row
        self.city = city
        self.clock: Clock = clock or SystemClock()
        self.ledger = Ledger()
        self.instance = f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(2)}"
        self.log = logs.logger(service=row.name, realm=city.realm)
        self.source: Source = NatsSource(self.ledger)
        self.projection = Projection(
            self.source, LedgerFold(authority_of(city), EVERYTHING), self.ledger, self.clock, self.log
        )
        self._own_projection = True
        self._control = ControlView(city, self.ledger)
        self.beat_seconds = 3.0
        self.durable_check_seconds = DURABLE_CHECK_SECONDS
        self.lease_seconds = streams.LEASE_SECONDS
        self.failed: asyncio.Future[None] | None = None
        self.trouble: str | None = None
        self.troubles: dict[str, str] = {}
        self.waits: Callable[[], tuple[PostWait, ...]] = tuple
        self.watch = LedgerWatch(self)
        self.snapshots = Snapshots(self)
        self._stopping = False
        self._wire: Callable[[Runtime], None] = lambda _runtime: None
        self._work: list[Work] = []
        self._last_work: list[Work] = []
        self._stop_work: list[Work] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._following: list[asyncio.Task[None]] = []
        self._durables: list[streams.Consumer] = []
        self._turns: dict[str, asyncio.Lock] = {}
        self.tries = Counter(self.ledger, self.clock, self.log)
        self.letters = Letters(self)
        self.broker = self._broker(url)

    def _broker(self, url: str | None) -> NatsBroker:
        key = self.city.service_key_path(self.row.name)
        middleware: Any = type("BoundMiddleware", (ServiceMiddleware,), {"runtime": self})
        return NatsBroker(
            servers_of(url or self.city.settings.nats.address),
            name=f"onevoice-{self.row.user}",
            security=NatsNKey.from_file(key, ssl_context=client_context(self.city)),
            inbox_prefix=f"_INBOX_{self.row.user}".encode(),
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            connect_timeout=5,
            drain_timeout=int(GRACEFUL_SECONDS),
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            middlewares=[middleware],
            graceful_timeout=GRACEFUL_SECONDS,
            logger=None,
            js_options={"prefix": streams.SERVICE_API},
        )

    def share(self, other: Runtime) -> None:
        """Use the projection of another service of this process instead of one's own."""
        other.projection.share(self.ledger)
        self.projection, self._own_projection = other.projection, False

    # --- what is known ------------------------------------------------------------------------------------

    @property
    def fold(self) -> LedgerFold:
        """What this service knows of the ledger (only of a row that ``folds``)."""
        return self.projection.fold

    @property
    def control(self) -> ControlState:
        """The state of control as this service knows it."""
        return self.projection.fold.control if self.row.folds else self._control.state

    @property
    def orders(self) -> dict[str, int]:
        """The orders that were carried out: their hash, and where each stands."""
        return (self.projection.fold if self.row.folds else self._control.fold).orders

    async def catch_up(self) -> ControlState:
        """Learn what the ledger has now; return the state of control. Raises Unreachable."""
        if not self.row.folds:
            return await self._control.refresh()
        await self.projection.catch_up()
        return self.projection.fold.control

    # --- registering handlers -----------------------------------------------------------------------------

    def consume(self, consumer: streams.Consumer, *, workers: int = 1, title: str | None = None) -> Any:
        """Return FastStream's subscriber decorator for a provisioned durable.

        A dead letter that is sent again goes to the same handler.

        One message is fetched at a time: nats-py's fetch of several waits its whole time-out for the rest.
        """
        options: dict[str, Any] = {"max_workers": workers} if workers > 1 else {}
        if consumer.max_ack_pending == 1:
            self._turns[consumer.durable] = asyncio.Lock()
        subscriber = self._durable(
            consumer, PullSub(batch_size=1, timeout=FETCH_SECONDS), title, decoder=strict_json, **options
        )
        self.letters.route(consumer.durable, subscriber)
        return subscriber

    def _durable(self, consumer: streams.Consumer, pull_sub: Any, title: str | None, **options: Any) -> Any:
        self._durables.append(consumer)
        return self.broker.subscriber(
            consumer.filter_subject,
            durable=consumer.durable,
            stream=JStream(consumer.stream, declare=False),
            pull_sub=pull_sub,
            inbox_prefix=f"_INBOX_{self.row.user}.".encode(),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            title=title or consumer.durable,
            **options,
        )

    def serve(self, base: str, *, workers: int = 8, raw: bool = False, title: str | None = None) -> Any:
        """Return FastStream's subscriber decorator for a desk subject, shared by all copies of the service."""
        return self.broker.subscriber(
            subjects.every_user(base),
            queue=self.row.user,
            max_workers=workers,
            ack_policy=AckPolicy.MANUAL,
            decoder=raw_bytes if raw else desk_json,
            title=title or base,
        )

    def hear(self, subject: str, *, title: str | None = None) -> Any:
        """Return FastStream's subscriber decorator for a broadcast (core NATS, each copy hears it)."""
        return self.broker.subscriber(
            subject, ack_policy=AckPolicy.MANUAL, decoder=strict_json, no_reply=True, title=title or subject
        )

    def one_at_a_time(self, raw: Msg) -> AbstractAsyncContextManager[Any]:
        """Return what to hold while a message is handled: where the server hands out one at a time, so do letters."""
        return self._turns.get(raw.metadata.consumer) or nullcontext()

    def background(self, work: Work) -> None:
        """Run a task from start to stop of the service; it is started again when it raises."""
        self._work.append(work)

    def at_stop(self, work: Work) -> None:
        """Run once when the service is told to stop, before its handlers are waited for."""
        self._stop_work.append(work)

    def at_end(self, work: Work) -> None:
        """Run once when the service stops, after the last handler has finished; for letting go of connections."""
        self._last_work.append(work)

    # --- sending ------------------------------------------------------------------------------------------

    async def broadcast(self, subject: str, event: Contract) -> None:
        """Publish to whoever listens now (core NATS); a hint, never a record."""
        await self.ledger.client.publish(subject, event.to_bytes())

    async def heartbeat(self) -> None:
        """Say that this instance lives, and which control revision it has seen."""
        state = self.control
        await self.broadcast(
            self.row.heartbeat,
            ServiceHealth(
                service=self.row.name,
                instance=self.instance,
                at=self.clock.now(),
                control_seq=state.seq,
                posture=state.posture if state.seq else None,
                version=_VERSION,
                trouble="; ".join(self._all_troubles()) or None,
                waits=self.waits(),
            ),
        )

    def _all_troubles(self) -> list[str]:
        found = [self.trouble or self.watch.trouble, *self.troubles.values()]
        if self.projection.void_count:
            seq, reason = self.projection.voids[-1]
            found.append(f"{self.projection.void_count} entries of the ledger are void, the newest at {seq}: {reason}")
        return [one for one in found if one]

    # --- life ---------------------------------------------------------------------------------------------

    def app(self, wire: Callable[[Runtime], None], *, genesis: Work | None = None) -> FastStream:
        """Return the FastStream application of this instance.

        Starting it waits for the broker, compares its streams, waits for the manifest, registers the handlers,
        and takes up work; stopping it finishes what is in hand.

        Args:
            wire: registers the service's handlers.
            genesis: what the registry does to begin the ledger; others wait for it.

        Raises:
            Drift: at start, when the broker is not provisioned as ``schemas.streams`` says.
        """

        self._wire = wire

        async def prepare() -> None:
            await self._prepare(genesis)
            self._register()

        return FastStream(
            self.broker,
            logger=None,
            on_startup=[prepare],
            after_startup=[self._take_up],
            on_shutdown=[self._wind_down],
            after_shutdown=[self._tell_stopped],
        )

    async def _prepare(self, genesis: Work | None) -> None:
        load_key(self.city.service_key_path(self.row.name))
        self.failed = asyncio.get_running_loop().create_future()
        self.ledger.bind(await self._connect())
        await self._refuse_drift()
        await self.watch.begin()
        if self.row.folds:
            await (self._start_projection() if self._own_projection else self.projection.started())
        await self._await_manifest(genesis)

    async def _start_projection(self) -> None:
        self.watch.heed(await self.snapshots.resume())
        await self.projection.start()

    def _register(self) -> None:
        if subjects.EOC_STATE in self.row.hears:
            self.hear(subjects.EOC_STATE, title=f"posture, heard by {self.row.name}")(self._on_posture)
        if subjects.AUDIT_STANDING in self.row.hears:
            title = f"the ledger's standing, heard by {self.row.name}"
            self.hear(subjects.AUDIT_STANDING, title=title)(self.watch.on_standing)
        self._wire(self)
        if self.row.again is not None:
            pull = PullSub(batch_size=1, timeout=FETCH_SECONDS)
            self._durable(self.row.again, pull, f"dead letters again, {self.row.name}", decoder=strict_json)(
                self._on_again
            )

    async def _on_again(self, event: SendAgain, entry: EntryOf) -> None:
        await self.letters.on_again(event, entry.seq)

    def register_for_schema(self) -> None:
        """Register the handlers without a broker, for the AsyncAPI document."""
        self._register()

    async def _take_up(self) -> None:
        if self.row.folds and self._own_projection:
            following = (self.projection.run, self.snapshots.keep)
            self._following = [asyncio.create_task(self._keep(work)) for work in following]
        for work in (*self._work, self._beat, self._watch_durables, self.watch.keep):
            self._tasks.append(asyncio.create_task(self._keep(work)))
        self.log.info("ready", instance=self.instance, control_seq=self.control.seq)

    async def _wind_down(self) -> None:
        self._stopping = True
        self.log.info("stopping")
        for work in self._stop_work:
            await work()
        await cancel_all(*self._tasks)
        self._tasks.clear()

    async def _tell_stopped(self) -> None:
        if self._following:  # handlers that finish what is in hand go by the ledger until their end
            await cancel_all(*self._following)
            self._following.clear()
            await self.snapshots.take()
        for work in self._last_work:
            try:
                await work()
            except Exception:  # told loudly; the others are let go of all the same
                self.log.exception("could not let go", work=getattr(work, "__name__", ""))
        self.log.info("stopped")

    async def _connect(self) -> Any:
        waiting = False
        while True:
            try:
                return await asyncio.wait_for(self.broker.connect(), timeout=5)
            except (TimeoutError, nats.errors.Error, OSError) as error:
                if not waiting:
                    self.log.warning("waiting for the broker", error=str(error) or type(error).__name__)
                waiting = True
                await asyncio.sleep(0.5)

    async def _refuse_drift(self) -> None:
        differences = await drift(self.ledger.js, self.row)
        if differences:
            for difference in differences:
                self.log.error("drift", difference=difference)
            raise Drift(
                "broker.drift",
                f"{self.row.name} refuses to run: {'; '.join(differences)}",
                "have it put right by the provisioning user: onevoice provision",
            )

    async def _await_manifest(self, genesis: Work | None) -> None:
        if self.watch.judges_itself:
            return  # it has to tell of a ledger that lost its manifest, too
        state = await self.catch_up()
        if state.seq == 0 and genesis is not None:
            self.watch.refuse_new_beginning()
            await genesis()
        told = False
        while (await self.catch_up()).seq == 0:
            if not told:
                self.log.info("waiting for the authority manifest")
            told = True
            await asyncio.sleep(0.1)

    async def _on_posture(self, event: EocBroadcast) -> None:
        await self.projection.at_least(event.control_seq) if self.row.folds else await self.catch_up()
        state = self.control
        self.log.info("sees the posture", posture=str(state.posture), control_seq=state.seq, hold=state.hold)
        await self.heartbeat()

    async def _beat(self) -> None:
        # Quicker at first: a board that starts a moment later is to know of everybody soon.
        pause = FIRST_HEARTBEAT_SECONDS
        while True:
            if not self.row.folds:
                await self.catch_up()
            await self.heartbeat()
            await asyncio.sleep(pause)
            pause = min(pause * 1.25, HEARTBEAT_SECONDS)

    async def _watch_durables(self) -> None:
        """A deleted durable is fetched from in vain, thousands of times a second and in silence: stop instead."""
        while True:
            await asyncio.sleep(self.durable_check_seconds)
            for consumer in self._durables:
                try:
                    await self.ledger.js.consumer_info(consumer.stream, consumer.durable)
                except nats.js.errors.NotFoundError:
                    self._fail(Drift("broker.drift", f"the durable {consumer.durable} is gone", "onevoice provision"))
                    return

    async def _keep(self, work: Work) -> None:
        while True:
            try:
                await work()
            except OneVoiceError as error:
                self.log.warning("again soon", work=getattr(work, "__name__", ""), code=error.code, error=error.message)
            except (nats.errors.Error, OSError) as error:
                self.log.warning("again soon", work=getattr(work, "__name__", ""), error=str(error))
            except Exception:
                self.log.exception("background work failed", work=getattr(work, "__name__", ""))
            else:
                return
            await asyncio.sleep(1.0)

    def _fail(self, error: OneVoiceError) -> None:
        self.log.error("stops", code=error.code, error=error.message)
        if self.failed is not None and not self.failed.done():
            self.failed.set_exception(error)

    async def _on_error(self, error: Exception) -> None:
        self.log.warning("the broker says", error=str(error) or type(error).__name__)

    async def _on_disconnected(self) -> None:
        self.projection.disconnected()
        await self._on_link("the broker is gone, waiting for it")

    async def _on_reconnected(self) -> None:
        self.projection.reconnected()
        await self._on_link("the broker is back")

    async def _on_link(self, what: str) -> None:
        if not self._stopping:
            self.log.warning(what)
