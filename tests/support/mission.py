"""The demonstration city on a real nats-server: its broker, connections as any of its users, its services.

``Mission`` is a city with its broker; ``Desk`` a person at it, who signs with the officer's own key; ``Writer`` a
client with a service's key, for tests that stand in for a service that does not run.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faststream import FastStream
from nats.aio.client import Client
from nats.js import JetStreamContext

from schemas import canonical, flow, streams, subjects
from schemas.events.approvals import Approval
from schemas.events.authority import Realm
from schemas.events.base import Contract
from schemas.events.control import RULE, EocActivate, EocStandDown, Genesis, Ordered
from schemas.events.deliveries import Attempt, ReceiptOutcome
from schemas.events.desk import BoardQuery
from schemas.events.envelope import ORDER_TYPE, Envelope
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from schemas.platforms import MIRROR
from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City, load_city
from services.kernel.base.network.tls import client_context
from services.kernel.control.control_state import ControlState
from services.kernel.control.control_view import ControlView, authority_of
from services.kernel.control.naming import field_of, named
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.asking import USUAL, AskLimits
from services.kernel.ledger.client import Ledger
from services.kernel.projection.source import NatsSource
from services.kernel.runtime.compose import Timings, on_nats
from services.kernel.runtime.run import build
from services.kernel.runtime.service import Runtime
from services.provision import EmbeddedBroker, provision, read_envelope
from services.provision.broker.connection import as_provisioner
from tests.support.broker import PATIENCE as PATIENCE
from tests.support.broker import connect, jetstream
from tests.support.broker import flushed as flushed
from tests.support.messages import receipt_on, renderings_of, request_of
from tests.support.people import approval_of, order_of
from tests.support.ports import free_port

ACTIVATE = EocActivate(level=2, incident="Freshet")
STAND_DOWN = EocStandDown()
FIRE = "fire-townsquare"
PARKS = "parks-townsquare"


def now() -> datetime:
    """The time, as the services see it."""
    return datetime.now(UTC)


def copy_city(made: City, folder: Path, realm: Realm = "live") -> City:
    """Copy a city folder, with the modes of its keys and what its broker holds."""
    shutil.copytree(made.folder, folder)
    return load_city(folder, realm)


async def eventually(look: Callable[[], Awaitable[Any]], seconds: float = PATIENCE, every: float = 0.05) -> Any:
    """Look until something is true, and return it; fail when the time is over."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s: {found!r}"
        await asyncio.sleep(every)


async def provisioned_city(city: City) -> None:
    """Provision a city once, so that copies of it need not be."""
    broker = EmbeddedBroker()
    await broker.start(city, free_port())
    try:
        await provision(city, broker.url)
    finally:
        await broker.stop()


@dataclass
class Desk:
    """A person (or system) connected with its own key.

    ``newest`` asks for the last sequence of the ledger, ``control`` for the state of control.
    """

    city: City
    user: str
    client: Client
    signer: Signer
    newest: Callable[[], Awaitable[int]]
    control: Callable[[], Awaitable[ControlState]]

    async def ask(self, base: str, body: Contract | bytes, seconds: float = PATIENCE) -> dict[str, Any]:
        """Send under the own name and return the answer as JSON."""
        raw = body if isinstance(body, bytes) else body.to_bytes()
        answer = await self.client.request(subjects.desk(base, self.user), raw, timeout=seconds)
        parsed: dict[str, Any] = canonical.loads(answer.data)
        return parsed

    def signed_order(self, action: Any, *, signer: Signer | None = None, **changes: Any) -> Envelope:
        """Sign an order, changed as told."""
        return sign_order(self.city, signer or self.signer, self.user, action, **changes)

    async def order(self, action: Any, base: str = subjects.DESK_EOC_ORDER, **changes: Any) -> dict[str, Any]:
        """Sign an order, which names what is there now if it names nothing, and send it."""
        return await self.ask(base, self.signed_order(await self.named(action), **changes))

    async def named(self, action: Any) -> Any:
        """An order that names what it ends or changes, as the desk makes it."""
        return action if field_of(action) is None else named(await self.control(), action)

    async def register(self, action: Any, **changes: Any) -> dict[str, Any]:
        """Sign an order to the registry and send it."""
        return await self.order(action, subjects.DESK_REGISTRY_ORDER, **changes)

    async def board(self, query: str, request_id: str | None = None, **more: Any) -> dict[str, Any]:
        """Ask the board, which answers once it has folded what is in the ledger now."""
        question = BoardQuery(query=query, request_id=request_id, at_least=await self.newest() or None, **more)

        async def answered() -> dict[str, Any] | None:
            answer = await self.ask(subjects.DESK_BOARD_QUERY, question)
            return None if answer.get("error", {}).get("code") == "ledger.behind" else answer

        answer: dict[str, Any] = await eventually(answered)
        return answer


def sign_order(city: City, signer: Signer, name: str, action: Any, **changes: Any) -> Envelope:
    """An officer's signed order, changed as told."""
    return signer.sign(ORDER_TYPE, order_of(name, action, now(), **({"realm": city.realm} | changes)))


def a_request(state: ControlState, name: str | None = None, **changes: Any) -> Request:
    """A request as intake would append it in this state; the digest fits its renderings."""
    name = name or "r" + secrets.token_hex(6)
    targets = tuple(changes.pop("targets", (FIRE,)))
    if changes.get("scope") == "all-departments":
        targets = state.departmental_profiles()
    platforms = sorted({state.profiles[t].platform for t in targets} | {"website"})
    text = str(changes.pop("text", f"Road closed ({name}). https://mission.example/roads"))
    earlier = changes.get("replaces") or changes.get("follows")
    about = {"act": changes.pop("act"), "about": earlier} if "act" in changes else {}
    renderings = renderings_of(text, platforms, now(), **about)
    fields = {"realm": state.realm, "targets": targets, "submitted_posture": str(state.posture)}
    return request_of(name, text, renderings, now(), **(fields | changes))


def an_approval(city: City, request: Request, officer: str, **changes: Any) -> Approval:
    """An officer's approval of a request, signed now with the officer's key."""
    signer = load_key(city.key_path(officer))
    return approval_of(request, officer, signer, now(), **({"realm": city.realm} | changes))


def an_attempt(control_seq: int, name: str | None = None, profile: str = FIRE, **changes: Any) -> Attempt:
    """An attempt as fanout would append it at this control revision; by default on a request that is not there."""
    name = name or "r" + secrets.token_hex(6)
    fields: dict[str, Any] = {
        "at": now(),
        "request_id": name,
        "revision": 1,
        "profile": profile,
        "platform": "townsquare",
        "number": 1,
        "worker": f"test-{secrets.token_hex(2)}",
        "verdict_seq": 1,
        "control_seq": control_seq,
        "digest": canonical.sha256(name.encode()),
        "rendering_sha256": canonical.sha256(name.encode()),
        "idempotency_key": f"{name}.1.{profile}",
    }
    return Attempt(**(fields | changes))


@dataclass
class Writer:
    """A connection with a service's key: it appends what that service may append, and reads.

    ``js`` is for what a test asks once; ``ledger`` asks again, as in a service.
    """

    city: City
    client: Client
    ledger: Ledger
    js: JetStreamContext
    denials: list[str] = field(default_factory=list)

    async def state(self) -> ControlState:
        """The control state as the ledger has it now."""
        return await ControlView(self.city, self.ledger).refresh()

    async def submit(self, name: str | None = None, **changes: Any) -> Request:
        """Append a request in the present posture."""
        request = a_request(await self.state(), name, **changes)
        await self.ledger.append(subjects.request(request.request_id), request)
        return request

    async def approve(self, request: Request, officer: str, **changes: Any) -> int:
        """Append an officer's approval; return its sequence."""
        approval = an_approval(self.city, request, officer, **changes)
        return (await self.ledger.append(subjects.approval(request.request_id, officer), approval)).seq

    async def verdicts(self, request_id: str) -> list[tuple[int, Verdict]]:
        """All verdicts of a request with their sequences."""
        entries = await self.ledger.history(subjects.verdict(request_id))
        return [(entry.seq, Verdict.from_bytes(entry.data)) for entry in entries]

    async def verdict(self, request_id: str) -> Verdict | None:
        """The last verdict of a request."""
        entry = await self.ledger.last(subjects.verdict(request_id))
        return Verdict.from_bytes(entry.data) if entry else None

    async def attempt(self, request: Request, profile: str = FIRE, control_seq: int | None = None) -> int:
        """Append an attempt as fanout does, fenced on the control revision; return its sequence."""
        state = await self.state()
        at = state.seq if control_seq is None else control_seq
        event = an_attempt(
            at,
            request.request_id,
            profile,
            platform="website" if profile == MIRROR else state.profiles[profile].platform,
            digest=request.digest,
            rendering_sha256=request.renderings[0].sha256,
        )
        subject = subjects.attempt(profile, request.request_id)
        return (await self.ledger.append(subject, event, fence=(subjects.CONTROL, at))).seq

    async def receipt(
        self,
        request: Request,
        attempt_seq: int,
        profile: str = FIRE,
        outcome: ReceiptOutcome = ReceiptOutcome.DELIVERED,
        final: bool = True,
        worker: str | None = None,
    ) -> int:
        """Append how an attempt ended, by its own worker unless another is named; return its sequence."""
        url = "http://127.0.0.1/post" if outcome is ReceiptOutcome.DELIVERED else None
        how = {"outcome": outcome, "final": final, "url": url, "worker": worker}
        event = receipt_on(request.request_id, profile, attempt_seq, now(), **how)
        return (await self.ledger.append(subjects.receipt(profile, request.request_id), event)).seq


class Mission:
    """A city, its broker, and whoever connects to it; all is let go of at the end."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.broker = EmbeddedBroker()
        self.port = free_port()
        self._stack = contextlib.AsyncExitStack()
        self._started: dict[int, Started] = {}
        self._looker: Writer | None = None

    async def __aenter__(self) -> Mission:
        await self.broker.start(self.city, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        await self.broker.stop()

    @property
    def url(self) -> str:
        """Where the broker listens, also while it is down."""
        return f"nats://127.0.0.1:{self.port}"

    async def restart(self) -> None:
        """Start the broker again on the same port and store, after it was stopped or killed."""
        await self.broker.stop()
        self.broker = EmbeddedBroker()
        await self.broker.start(self.city, self.port)

    async def desk(self, user: str) -> Desk:
        """Connect as an officer or system."""
        path = self.city.key_path(user)
        client = await self._client(path, user)
        return Desk(self.city, user, client, load_key(path), self._newest, self._control)

    async def _newest(self) -> int:
        if self._looker is None:
            self._looker = await self.provisioner()
        return (await self._looker.js.stream_info(streams.LEDGER)).state.last_seq

    async def writer(self, service: str, url: str | None = None, asks: AskLimits = USUAL) -> Writer:
        """Connect with a service's key, to the broker or to what is before it; ``asks``: how patiently."""
        denials: list[str] = []
        path = self.city.service_key_path(service)
        client = await self._client(path, service.replace("_", "-"), denials, url)
        return self._writer(client, streams.SERVICE_API, denials, asks)

    async def provisioner(self) -> Writer:
        """Connect as the provisioning user."""
        return self._writer(await self._client(self.city.provision_key_path, "provision"), streams.OWN_API, [])

    def _writer(self, client: Client, api: str, denials: list[str], asks: AskLimits = USUAL) -> Writer:
        return Writer(self.city, client, _ledger(client, api, asks), jetstream(client, api), denials)

    async def _client(self, key: Path, user: str, denials: list[str] | None = None, url: str | None = None) -> Client:
        async def on_error(error: Exception) -> None:
            if denials is not None:
                denials.append(str(error))

        client = await connect(
            url or self.url,
            key,
            user,
            tls=client_context(self.city),
            error_cb=on_error,
            reconnect_time_wait=0.1,
            max_reconnect_attempts=-1,
        )
        self._stack.push_async_callback(client.close)
        return client

    async def fold(self) -> LedgerFold:
        """The ledger as it is now, folded as each service folds it."""
        async with as_provisioner(self.city, self.url) as client:
            fold = LedgerFold(authority_of(self.city), EVERYTHING)
            async for batch in NatsSource(_ledger(client, streams.OWN_API), streams.OWN_API).entries(0):
                for entry in batch:
                    fold.apply(entry, 0.0)
            return fold

    async def _control(self) -> ControlState:
        return (await self.fold()).control

    async def open_ids(self) -> list[str]:
        """The requests that are not over."""
        return sorted((await self.fold()).requests)

    async def begin(self) -> int:
        """Append the authority manifest as the registry does; return its sequence."""
        registry = await self.writer("registry")
        event = Genesis(at=now(), manifest=read_envelope(self.city), rule=RULE)
        return (await registry.ledger.append(subjects.CONTROL, event, expect_last=0)).seq

    async def order(self, officer: str, action: Any, service: str = "eoc_state") -> int:
        """Append an officer's order as eoc_state or the registry does; return its sequence."""
        writer = await self.writer(service)
        state = await writer.state()
        signer = load_key(self.city.key_path(officer))
        envelope = sign_order(self.city, signer, officer, named(state, action))
        event = Ordered(at=now(), order=envelope, rule=RULE)
        appended = await writer.ledger.append(subjects.CONTROL, event, expect_last=state.seq)
        await writer.client.close()
        return appended.seq

    async def run_with(self, name: str, wire: Callable[[Runtime], None], timings: Timings | None = None) -> Runtime:
        """Start one service with handlers of the test's own."""
        built = on_nats(flow.service(name), self.city, wire, url=self.url, timings=timings)
        await self._start([built])
        return built[0]

    async def run(
        self, *names: str, tune: Callable[[Runtime], None] | None = None, timings: Timings | None = None
    ) -> list[Runtime]:
        """Start services in this process; they stop when the test ends, or by ``stop``."""
        built = [build(name, self.city, self.url, timings=timings) for name in names]
        for runtime, _ in built:
            if tune is not None:
                tune(runtime)
        await self._start(built)
        return [runtime for runtime, _ in built]

    async def _start(self, built: list[tuple[Runtime, FastStream]]) -> None:
        for runtime, app in built:
            self._started[id(runtime)] = Started(app)
            self._stack.push_async_callback(self._started[id(runtime)].stop)
        await asyncio.gather(*(app.start() for _, app in built))

    async def stop(self, runtime: Runtime) -> None:
        """Stop one of the services that were started, finishing what is in hand."""
        await self._started[id(runtime)].stop()


class Started:
    """A service that runs, and stops once."""

    def __init__(self, app: FastStream) -> None:
        self.app: FastStream | None = app

    async def stop(self) -> None:
        """Stop it; harmless when it is stopped."""
        app, self.app = self.app, None
        if app is not None:
            await app.stop()


def _ledger(client: Client, api: str, asks: AskLimits = USUAL) -> Ledger:
    ledger = Ledger(asks)
    ledger.bind(client, api)
    return ledger
