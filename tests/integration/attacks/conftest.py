"""A whole city with its real permissions, an attacker with one stolen key, and the four places where it is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import structlog

from schemas.events.requests import Request
from services.audit.proof import Report, verify_record
from services.audit.record.folder import LEDGER
from services.kernel.base.line_files import count_lines
from services.kernel.runtime.compose import Timings
from tests.support.mission import Mission, Writer, eventually, now
from tests.support.running import said_up
from tests.support.shell import Shell

WEB = "fire-website"
SERVICES = ("eoc_state", "registry", "intake", "gatekeeper", "fanout", "board", "audit")


@dataclass
class AttackedCity:
    """A city under attack. ``logs`` is what its services log from the start on."""

    mission: Mission
    intake: Writer
    logs: list[Any] = field(default_factory=list)

    async def thief(self, service: str) -> Writer:
        """Connect with a service's stolen key."""
        return await self.mission.writer(service)

    async def approved(self, **changes: Any) -> Request:
        """A genuine request to the fire department's page, with a genuine approval."""
        request = await self.intake.submit(targets=(WEB,), **changes)
        await self.intake.approve(request, "mcpe")
        return request

    async def outcome(self, request: Request) -> str:
        """How a request is on its page by the board, once it has ended there."""
        clerk = await self.mission.desk("clerk")

        async def look() -> str:
            (view,) = (await clerk.board("status", request.request_id))["requests"]
            done = [one for one in view["deliveries"] if one["profile"] == WEB and one.get("final")]
            return str(done[0]["outcome"]) if done else ""

        return str(await eventually(look))

    async def logged(self, words: str) -> None:
        """Wait until a service has said something in its log, as an alarm."""

        async def look() -> bool:
            said = [f"{one['event']} {one.get('reason', '')}" for one in self.logs]
            return any(one.casefold().startswith("alarm") and words in one for one in said)

        await eventually(look)

    async def shown(self, words: str) -> None:
        """Wait until ``doctor`` and ``pending`` show it to a person."""
        for command in ("doctor", "pending"):
            await self.said(words, command)

    async def said(self, words: str, *command: str) -> None:
        """Give a command until it says something: the board hears of an entry a moment after the ledger has it."""

        async def look() -> bool:
            return words in " ".join((await self.command(*command)).split())

        await eventually(look, every=0.5)

    async def command(self, *words: str) -> str:
        """Give a command at the desk; return what it prints, on both outputs."""
        done = await asyncio.to_thread(Shell(self.mission.city.folder), *words, TERM="dumb", COLUMNS="400")
        return done.out + done.err

    async def verified(self) -> Report:
        """Verify the second copy once it has everything."""
        last = await self.intake.ledger.last_seq()

        async def copied() -> bool:
            return count_lines(self.mission.city.audit_folder / LEDGER) >= last

        await eventually(copied)
        return verify_record(self.mission.city, now())


@pytest.fixture
def timings() -> Timings | None:
    """As in a real city; a file of tests may have others."""
    return None


@pytest_asyncio.fixture
async def city(mission: Mission, timings: Timings | None) -> AsyncIterator[AttackedCity]:
    """A city whose services all run, each with its own key and permissions."""
    with said_up(mission.city, nats_url=mission.url), structlog.testing.capture_logs() as logs:
        await mission.run(*SERVICES, timings=timings)
        intake = await mission.writer("intake")

        async def begun() -> bool:
            return (await intake.state()).seq > 0

        await eventually(begun)
        yield AttackedCity(mission, intake, logs)
