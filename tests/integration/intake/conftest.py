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
from schemas.events.control import Action
from schemas.events.desk import PreviewReply
from schemas.events.requests import SUBMITTED_TYPE, Request
from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City
from services.kernel.control.control_view import ControlView
from services.kernel.control.naming import named
from services.kernel.runtime.service import Runtime
from tests.support.mission import PATIENCE, Desk, Mission, copy_city, now, sign_order
from tests.support.people import approval_of


@dataclass
class IntakeCity:
    """The running city, as people and systems see it; ``intake`` is the service itself."""

    mission: Mission
    intake: Runtime
    _desks: dict[str, Desk] = field(default_factory=dict)

    @property
    def city(self) -> City:
        return self.mission.city

    def now(self) -> datetime:
        return now()

    def signer(self, name: str) -> Signer:
        return load_key(self.city.key_path(name))

    async def desk(self, name: str) -> Desk:
        """Return the one connection of a person or system."""
        if name not in self._desks:
            self._desks[name] = await self.mission.desk(name)
        return self._desks[name]

    async def user(self, name: str) -> Client:
        return (await self.desk(name)).client

    async def ask(self, base: str, name: str, body: bytes) -> dict[str, Any]:
        """Send bytes as a user; return the reply as it came."""
        return await (await self.desk(name)).ask(base, body)

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
        envelope = sign_order(self.city, self.signer(name), name, named(state, wanted))
        return await self.ask(base, name, envelope.to_bytes())

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
async def town(made_city: City, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[IntakeCity]:
    async with Mission(copy_city(made_city, tmp_path_factory.mktemp("intake") / "mission")) as mission:
        *_, intake = await mission.run("registry", "eoc_state", "intake")
        yield IntakeCity(mission, intake)
