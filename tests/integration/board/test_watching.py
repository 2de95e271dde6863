"""Who follows the stream of changes goes on from the last sequence when the broker was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas import subjects
from schemas.events.control import Hold, Posture, Withdraw
from schemas.events.desk import BoardQuery
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.desk.connection.follow import fetch, follow
from services.desk.connection.link import Link
from services.desk.views.message import outcome
from services.kernel.base.errors import Unreachable
from tests.integration.board.test_sign_in import signing_in
from tests.support.mission import ACTIVATE, FIRE, PATIENCE, STAND_DOWN, Mission, Writer, eventually

WAIT_SECONDS = 2.0


@pytest.fixture
async def link(mission: Mission) -> AsyncIterator[Link]:
    """A clerk's connection to a city that decides, and posts nothing."""
    await mission.run("registry", "gatekeeper", "board")
    opened = Link("clerk", mission.url)
    await opened.open(mission.city)
    yield opened
    await opened.close()


async def _cleared(mission: Mission, link: Link) -> Request:
    intake = await mission.writer("intake")
    request = await intake.submit("rwatched")
    await intake.approve(request, "fire-publisher")

    async def cleared() -> bool:
        verdict = (await fetch(link, request.request_id)).verdict
        return verdict is not None and verdict.outcome is Outcome.CLEARED

    await eventually(cleared)
    return request


async def _deliver(fanout: Writer, request: Request) -> None:
    for profile in (FIRE, MIRROR):
        await fanout.receipt(request, await fanout.attempt(request, profile), profile)


async def test_who_waits_for_posts_sees_what_landed_after_the_broker_was_restarted(
    mission: Mission, link: Link, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before, it ended with broker.lost although the city was back."""
    request = await _cleared(mission, link)
    following = asyncio.ensure_future(follow(link, request.request_id, 0, 2 * PATIENCE, lambda _view: None))
    await mission.broker.stop()
    said = ""

    async def lost() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "broker.lost" in said

    await eventually(lost)
    await mission.restart()
    await _deliver(await mission.writer("fanout"), request)
    async with asyncio.timeout(PATIENCE):
        view = await following
    assert outcome.finished(view)
    told = (said + capsys.readouterr().err).splitlines()
    assert [line for line in told if "tried again" in line and "broker.lost" in line]
    assert told.count("The city answers again.") == 1


async def test_a_wait_is_over_in_time_while_the_broker_stays_away(mission: Mission, link: Link) -> None:
    request, loop = await _cleared(mission, link), asyncio.get_running_loop()
    async with signing_in(mission, denials=0) as (cut_off, broker):
        await cut_off.open(mission.city)
        begun = loop.time()
        following = asyncio.ensure_future(follow(cut_off, request.request_id, 0, WAIT_SECONDS, lambda _view: None))
        await asyncio.sleep(0.2)
        broker.closed = True
        await broker.cut_off()
        with pytest.raises(Unreachable, match="is on record") as lost:
            await following
    assert lost.value.code == "broker.lost"
    assert WAIT_SECONDS <= loop.time() - begun < 2 * WAIT_SECONDS


async def test_the_board_knows_each_posture_above_a_revision_and_none_that_does_not_count(
    mission: Mission, link: Link
) -> None:
    """An order that is void changes nothing, and what changes no posture is not among them."""
    begun = (await link.board(BoardQuery(query="eoc"))).eoc
    assert begun is not None
    first = await mission.order("eoc-director", ACTIVATE)
    service = await mission.writer("eoc_state")
    await service.js.publish(subjects.CONTROL, b'{"type":"eoc_active"}')
    held = await mission.order("pio", Hold(on=True))
    await mission.order("cao", Withdraw(request_id="rnone"))
    last = await mission.order("eoc-director", STAND_DOWN)
    reply = await link.board(BoardQuery(query="eoc", since=begun.control_seq, at_least=last))
    found = [(one.seq, one.posture, one.level, one.hold) for one in reply.postures or ()]
    assert found == [
        (first, Posture.EOC_ACTIVATING, 2, False),
        (held, Posture.EOC_ACTIVATING, 2, True),
        (last, Posture.ROUTINE, None, True),
    ]
    again = await link.board(BoardQuery(query="eoc", since=held))
    assert [one.seq for one in again.postures or ()] == [last]
