"""A thief with a service's key takes its messages out of the durables, acks or holds them: the work is done anyway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from nats.aio.msg import Msg

from schemas import streams, subjects
from schemas.events.dead import DeadLetter, DeadLetterCause
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from services.fanout import overlooked as workers
from services.gatekeeper import overlooked as gate
from tests.integration.attacks.conftest import WEB, AttackedCity
from tests.support.mission import Mission, Writer, eventually, flushed, now


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after what was taken away at once: how long that may take is not what these tests are about."""
    monkeypatch.setattr(gate, "AFTER_SECONDS", 0.2)
    monkeypatch.setattr(workers, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(workers, "AGAIN_SECONDS", 0.5)


@contextlib.asynccontextmanager
async def swallowing(thief: Writer, *durables: str, word: bytes = b"+ACK") -> AsyncIterator[list[Msg]]:
    """Answer whatever a thief is handed, with so many requests waiting that the service gets nothing."""
    taken: list[Msg] = []

    async def ack(message: Msg) -> None:
        if message.reply.startswith("$JS.ACK"):
            taken.append(message)
            await thief.client.publish(message.reply, word)

    inbox = thief.client.new_inbox()
    await thief.client.subscribe(inbox, cb=ack)
    for durable in durables:
        for _ in range(400):
            subject = f"{streams.SERVICE_API}.CONSUMER.MSG.NEXT.{streams.LEDGER}.{durable}"
            await thief.client.publish(subject, b'{"batch": 1, "expires": 20000000000}', reply=inbox)
    await flushed(thief.client)

    async def hold() -> None:
        while True:
            await asyncio.sleep(2.0)  # well before the durable would hand it out again
            for message in taken:
                await thief.client.publish(message.reply, word)

    holding = asyncio.create_task(hold())
    try:
        yield taken
    finally:
        holding.cancel()


async def test_who_takes_the_gates_messages_away_stops_no_decision(city: AttackedCity) -> None:
    thief = await city.thief("gatekeeper")
    async with swallowing(thief, "gatekeeper-requests", "gatekeeper-approvals") as taken:
        for _ in range(3):
            request = await city.approved()
            assert await city.outcome(request) == "delivered"
    assert taken, "the thief got some of them"


@pytest.mark.parametrize("word", [b"+ACK", b"+WPI"])
async def test_who_takes_the_workers_messages_away_stops_no_post(city: AttackedCity, word: bytes) -> None:
    thief = await city.thief("fanout")
    async with swallowing(thief, "fanout-verdicts", word=word) as taken:
        for _ in range(3):
            request = await city.approved()
            assert await city.outcome(request) == "delivered"
    assert taken, "the thief got some of them"


async def test_a_verdict_with_a_dead_letter_is_left_to_its_officer(mission: Mission) -> None:
    """Also after a restart, and while other verdicts are taken up that nobody was handed."""
    await mission.begin()
    intake, gatekeeper, fanout = await asyncio.gather(*map(mission.writer, ("intake", "gatekeeper", "fanout")))
    await mission.run("gatekeeper")

    async def cleared() -> int:
        request = await intake.submit(targets=(WEB,))
        await intake.approve(request, "mcpe")
        requests.append(request)
        return int(await eventually(lambda: seq_of(request)))

    async def seq_of(request: Request) -> int:
        found = [seq for seq, one in await gatekeeper.verdicts(request.request_id) if one.outcome is Outcome.CLEARED]
        return found[-1] if found else 0

    async def begun(request: Request) -> bool:
        return await fanout.ledger.last(subjects.attempt(WEB, request.request_id)) is not None

    requests: list[Request] = []
    async with swallowing(fanout, "fanout-verdicts") as taken:
        seq = await cleared()
        letter = DeadLetter(
            at=now(),
            service="fanout",
            subject=subjects.verdict(requests[0].request_id),
            seq=seq,
            error="its process ended while it was handled, 8 times",
            data_base64="",
            durable="fanout-verdicts",
            cause=DeadLetterCause.KILLED,
        )
        await fanout.ledger.keep("dead.fanout", letter)
        await cleared()
        await mission.run("fanout")
        await eventually(lambda: begun(requests[1]))
    assert taken, "the thief got them"
    assert not await begun(requests[0])
