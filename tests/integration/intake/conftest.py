"""A demonstration city on a real nats-server with registry and intake running, once per module."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client
from pydantic import TypeAdapter

from schemas import canonical, subjects
from schemas.events.approvals import Approval
from schemas.events.control import Action, Order
from schemas.events.desk import PreviewReply
from schemas.events.envelope import ORDER_TYPE
from schemas.events.requests import SUBMITTED_TYPE, Request
from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City
from services.kernel.control.control_view import ControlView
from services.kernel.control.naming import named
from services.kernel.runtime.run import running
from services.kernel.runtime.service import Runtime
from services.provision import EmbeddedBroker, demo_plan, make_city, provision
from tests.support.broker import connect
from tests.support.mission import PATIENCE
from tests.support.people import approval_of
from tests.support.ports import free_port


@dataclass
class IntakeCity:
    """The running city, and one connection per person or system, as that NATS user."""

    city: City
    broker: EmbeddedBroker
    runtimes: list[Runtime]
    users: dict[str, Client] = field(default_factory=dict)

    @property
    def intake(self) -> Runtime:
        return next(runtime for runtime in self.runtimes if runtime.row.name == "intake")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def signer(self, name: str) -> Signer:
        return load_key(self.city.key_path(name))

    async def user(self, name: str) -> Client:
        if name not in self.users:
            self.users[name] = await connect(self.broker.url, self.city.key_path(name), name, max_reconnect_attempts=1)
        return self.users[name]

    async def ask(self, base: str, name: str, body: bytes) -> dict[str, Any]:
        """Send bytes as a user; return the reply as it came."""
        client = await self.user(name)
        reply = await client.request(subjects.desk(base, name), body, timeout=PATIENCE)
        answer: dict[str, Any] = canonical.loads(reply.data)
        return answer

    async def submit(self, name: str, event: dict[str, Any] | bytes) -> dict[str, Any]:
        raw = event if isinstance(event, bytes) else canonical.dumps(event)
        return await self.ask(subjects.DESK_REQUEST_SUBMIT, name, raw)

    async def preview(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        return await self.ask(subjects.DESK_REQUEST_PREVIEW, name, canonical.dumps(event))

    async def decide(self, name: str, approval: Approval) -> dict[str, Any]:
        return await self.ask(subjects.DESK_APPROVAL_SUBMIT, name, approval.to_bytes())

    async def order(self, name: str, **action: Any) -> dict[str, Any]:
        base = subjects.DESK_EOC_ORDER
        if action["action"] in ("designate", "revoke", "profile_add", "profile_suspend"):
            base = subjects.DESK_REGISTRY_ORDER
        state = await ControlView(self.city, self.intake.ledger).refresh()
        wanted: Action = TypeAdapter(Action).validate_python(action)
        order = Order.from_value(
            {
                "realm": "live",
                "officer": name,
                "action": named(state, wanted).model_dump(mode="json", exclude_none=True),
                "issued_at": self.now(),
                "expires_at": self.now() + timedelta(minutes=2),
                "nonce": secrets.token_hex(16),
            }
        )
        return await self.ask(base, name, self.signer(name).sign(ORDER_TYPE, order).to_bytes())

    async def stored(self, request_id: str) -> Request:
        entry = await self.intake.ledger.last(subjects.request(request_id))
        assert entry is not None
        return Request.from_bytes(entry.data)

    async def history(self, subject: str) -> list[bytes]:
        return [entry.data for entry in await self.intake.ledger.history(subject)]

    async def wait_for_posture(self, posture: str) -> None:
        for _ in range(int(PATIENCE / 0.05)):
            if (await self.intake.catch_up()).posture == posture:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"the posture never became {posture}")


async def brief(town: IntakeCity, name: str) -> tuple[dict[str, Any], dict[str, Any], datetime]:
    """Submit an event that expires in a moment, a longer one on a slow machine; return it, the answer, and when."""
    for seconds in (2, 8, 32):
        expires = town.now() + timedelta(seconds=seconds)
        made = event(expires=expires.isoformat())
        answer = await town.submit(name, made)
        if "error" not in answer:
            return made, answer, expires
        assert answer["error"]["code"] == "expires.past"
    pytest.fail("a submission takes longer than half a minute")


async def passed(town: IntakeCity, when: datetime) -> None:
    """Wait until a time is over."""
    await asyncio.sleep(max((when - town.now()).total_seconds(), 0.0) + 0.1)


def event(**data: Any) -> dict[str, Any]:
    """A CloudEvent with an id of its own; ``id``, ``source`` and ``time`` belong to the envelope."""
    envelope = {key: data.pop(key) for key in ("id", "source", "time", "type", "specversion") if key in data}
    submission = {
        "text": "Highway 7 is closed at the bridge. https://mission.example/roads",
        "targets": ["fire-townsquare"],
        "crisis": False,
    }
    base = {"specversion": "1.0", "id": secrets.token_hex(8), "source": "tests", "type": SUBMITTED_TYPE}
    return base | envelope | {"data": submission | data}


def approval_now(request: Request | PreviewReply, name: str, signer: Signer, **changes: Any) -> Approval:
    """An approval signed now, genuine but for what is changed."""
    return approval_of(request, name, signer, datetime.now(UTC), **changes)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[IntakeCity]:
    city = make_city(tmp_path_factory.mktemp("intake") / "mission", demo_plan())
    broker = EmbeddedBroker()
    await broker.start(city, free_port())
    try:
        await provision(city, broker.url)
        async with running(["registry", "eoc_state", "intake"], city, broker.url) as runtimes:
            made = IntakeCity(city, broker, runtimes)
            yield made
            for client in made.users.values():
                await client.close()
    finally:
        await broker.stop()
