"""A thief with a service's key takes its messages out of the durables, acks or holds them: the work is done anyway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from nats.aio.msg import Msg

from schemas import streams, subjects
from schemas.events.dead import DeadLetter, DeadLetterCause
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from services.desk.statements import resolution_statement, resolved
from services.kernel.authority.signing import load_key
from services.kernel.authority.statements import signed
from services.kernel.runtime.compose import Timings
from services.kernel.runtime.service import LookPace
from tests.integration.attacks.conftest import WEB, AttackedCity
from tests.support.mission import Mission, Writer, eventually, flushed, now

# What was taken away is looked after at once: how long that may take is not what these tests are about.
SOON = Timings(looks=LookPace(look=0.2, request=0.2, decision=0.2, again=0.5))


@pytest.fixture
def timings() -> Timings:
    """The attacked city's."""
    return SOON


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
            await thief.client.publish(subject, b'{"batch": 1, "expires": 600000000000}', reply=inbox)
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
    await mission.run("gatekeeper", timings=SOON)

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
        await mission.run("fanout", timings=SOON)
        await eventually(lambda: begun(requests[1]))
    assert taken, "the thief got them"
    assert not await begun(requests[0])


async def test_who_takes_decisions_away_stops_none_from_being_carried_out(mission: Mission) -> None:
    """What the officer said of an unconfirmed post is followed by its receipt, once."""
    await mission.begin()
    intake, fanout = await asyncio.gather(*map(mission.writer, ("intake", "fanout")))
    await mission.run("gatekeeper", timings=SOON)
    request = await intake.submit(targets=(WEB,))
    await intake.approve(request, "mcpe")

    async def cleared() -> bool:
        verdict = await intake.verdict(request.request_id)
        return verdict is not None and verdict.outcome is Outcome.CLEARED

    await eventually(cleared)
    attempt_seq = await fanout.attempt(request, WEB)
    seq = await fanout.receipt(request, attempt_seq, WEB, ReceiptOutcome.UNCONFIRMED)
    statement = resolution_statement(
        request, realm="live", officer="pio", profile=WEB, receipt_seq=seq, choice="give_up", url=None, now=now()
    )
    decided = resolved(statement, signed(load_key(fanout.city.key_path("pio")), statement))

    async def outcomes() -> list[ReceiptOutcome]:
        entries = await fanout.ledger.history(subjects.receipt(WEB, request.request_id))
        return [Receipt.from_bytes(entry.data).outcome for entry in entries]

    async def carried_out() -> bool:
        return (await outcomes())[1:] == [ReceiptOutcome.FAILED]

    async with swallowing(fanout, "fanout-resolutions") as taken:
        await mission.run("fanout", timings=SOON)
        await fanout.ledger.append(subjects.resolution(WEB, request.request_id), decided)
        await eventually(carried_out)
    assert taken, "the thief got it"
    await asyncio.sleep(0.5)
    assert await carried_out()
