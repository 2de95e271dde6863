"""The ledger when its broker is killed, and when its connection is closed."""

from __future__ import annotations

import os
import signal

import pytest

from schemas import subjects
from schemas.events.control import EocActive
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.asking import USUAL, AskLimits
from tests.support.mission import Mission, eventually, now


async def test_a_broker_that_is_gone_is_unreachable_and_what_was_acked_is_there_after(mission: Mission) -> None:
    """kill -9 of the broker: reads and appends fail clearly, and go on once it is back."""
    await mission.begin()
    intake = await mission.writer("intake")
    requests = [await intake.submit() for _ in range(5)]
    intake.ledger.asks = AskLimits(0.3, 2)
    assert mission.broker.pid is not None
    os.kill(mission.broker.pid, signal.SIGKILL)
    with pytest.raises(Unreachable) as read:
        await intake.ledger.last_seq()
    assert read.value.code == "broker.unreachable"
    with pytest.raises(Unreachable) as appended:
        await intake.ledger.append(subjects.request(requests[0].request_id), requests[0])
    assert appended.value.exit_status == 6
    assert intake.ledger.not_stored == "the broker stores nothing, and does not say why"
    intake.ledger.asks = USUAL
    await mission.restart()

    async def connected() -> bool:
        return bool(intake.client.is_connected)

    await eventually(connected)
    for request in requests:
        entry = await intake.ledger.last(subjects.request(request.request_id))
        assert entry is not None
        assert entry.data == request.to_bytes()
    assert (await intake.ledger.append(subjects.request(requests[0].request_id), requests[0])).duplicate is False
    assert intake.ledger.not_stored == ""


async def test_a_closed_connection_is_unreachable(mission: Mission) -> None:
    intake = await mission.writer("intake")
    await intake.client.close()
    with pytest.raises(Unreachable):
        await intake.ledger.last_seq()
    with pytest.raises(Unreachable):
        await intake.ledger.append(subjects.CONTROL, EocActive(at=now(), activating_seq=1))
