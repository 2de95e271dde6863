"""A thief with a service's key takes its messages out of the durables and acks them: the work is done all the same."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from nats.aio.msg import Msg

from schemas import streams
from services.fanout import overlooked as workers
from services.gatekeeper import overlooked as gate
from tests.integration.attacks.conftest import AttackedCity
from tests.support.mission import Writer, flushed


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after what was taken away at once: how long that may take is not what these tests are about."""
    monkeypatch.setattr(gate, "AFTER_SECONDS", 0.2)
    monkeypatch.setattr(workers, "LOOK_SECONDS", 0.2)


@contextlib.asynccontextmanager
async def swallowing(thief: Writer, *durables: str) -> AsyncIterator[list[bytes]]:
    """Ack whatever a thief is handed, with so many requests waiting that the service gets nothing."""
    taken: list[bytes] = []

    async def ack(message: Msg) -> None:
        if message.reply.startswith("$JS.ACK"):
            taken.append(message.data)
            await thief.client.publish(message.reply, b"+ACK")

    inbox = thief.client.new_inbox()
    await thief.client.subscribe(inbox, cb=ack)
    for durable in durables:
        for _ in range(400):
            subject = f"{streams.SERVICE_API}.CONSUMER.MSG.NEXT.{streams.LEDGER}.{durable}"
            await thief.client.publish(subject, b'{"batch": 1, "expires": 20000000000}', reply=inbox)
    await flushed(thief.client)
    yield taken


async def test_who_takes_the_gates_messages_away_stops_no_decision(city: AttackedCity) -> None:
    thief = await city.thief("gatekeeper")
    async with swallowing(thief, "gatekeeper-requests", "gatekeeper-approvals") as taken:
        for _ in range(3):
            request = await city.approved()
            assert await city.outcome(request) == "delivered"
    assert taken, "the thief got some of them"


async def test_who_takes_the_workers_messages_away_stops_no_post(city: AttackedCity) -> None:
    thief = await city.thief("fanout")
    async with swallowing(thief, "fanout-verdicts") as taken:
        for _ in range(3):
            request = await city.approved()
            assert await city.outcome(request) == "delivered"
    assert taken, "the thief got some of them"
