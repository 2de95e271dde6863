"""What people send to a city that is being broken, and what they were told."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import nats.js.errors

from schemas import canonical, subjects
from schemas.events.control import RULE, Hold, Ordered
from schemas.events.requests import ALL_DEPARTMENTS, Request, SubmissionEvent
from services.kernel.authority.signing import load_key
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.client import Conflict
from tests.faults.harness import SQUARES, FaultCity
from tests.support.mission import Writer, an_approval, eventually, now, sign_order


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
        """Sign the request as it is in the ledger, and hand the signature in until that is acked."""
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


async def move_fence(writer: Writer, *, push: bool = False) -> bool:
    """Push or release the stop button, as eoc_state does; return whether it was told that it moved.

    ``push``: it is pushed, again and again, without a condition. On a cluster one that has a condition is refused while
    others' fenced appends are on their way.
    """
    try:
        state = None if push else await writer.state()
        held = state.hold_seq if state is not None and state.hold else None
        signer = load_key(writer.city.key_path("pio"))
        order = sign_order(writer.city, signer, "pio", Hold(on=held is None, hold=held))
        last = None if state is None else state.seq
        await writer.ledger.append(subjects.CONTROL, Ordered(at=now(), order=order, rule=RULE), expect_last=last)
    except (Conflict, Unreachable, nats.errors.Error, nats.js.errors.Error):
        return False
    return True
