"""Appends in batches on a real nats-server: many writers, a fence that moves, lost acks, and how many commits it takes.

What each caller was told is held against all that the ledger has (tests.support.batches).
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import Hold
from schemas.events.deliveries import Attempt
from services.kernel.base.clock import SystemClock
from services.kernel.base.logs import logger
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.ledger.append_batch import MOST, PendingAppend
from services.kernel.ledger.asking import AskLimits
from services.kernel.ledger.client import Appended, Conflict, Ledger
from services.kernel.projection.projection import Projection
from services.kernel.projection.source import NatsSource
from tests.support.batches import BadLine, Sent, Told, attempts, everything, fenced, halves, subject_of
from tests.support.mission import PATIENCE, Mission, Writer, a_request, eventually

WRITERS = 4
PATIENT = AskLimits(PATIENCE)
"""Where no answer is lost each one is waited for: what is asked again is sent again, by itself."""


async def test_many_writers_at_once_each_find_their_own_bytes_at_their_own_sequence(mission: Mission) -> None:
    control = await mission.begin()
    writers = [await mission.writer("fanout") for _ in range(WRITERS)]
    told = Told()
    await asyncio.gather(*(told.append(one.ledger, attempts(control, 150)) for one in writers for _ in range(2)))
    entries = await everything(writers[0].ledger)
    assert told.against(entries) == []
    assert len(told.stored) == WRITERS * 2 * 150
    assert len({answer.seq for _, answer in told.stored}) == len(told.stored)
    whole, partial = halves(entries)
    assert partial == []
    assert whole >= WRITERS


async def test_a_fence_that_moves_in_the_middle_refuses_the_stale_ones_and_no_others(mission: Mission) -> None:
    """Writers that are behind and such as are not, in the same batches; nothing is there past the fence or twice."""
    newest = await mission.begin()
    known = [newest]
    writers = [await mission.writer("fanout") for _ in range(WRITERS)]
    sent = [Sent(one.ledger) for one in writers]
    told, over = Told(), asyncio.Event()

    async def write(number: int) -> None:
        while not over.is_set():
            mixed = [*attempts(known[-1], 20), *attempts(known[max(0, len(known) - 2)], 20)]
            await told.append(writers[number].ledger, mixed)

    async def stored() -> bool:
        return any(attempt.control_seq == known[-1] for attempt, _ in told.stored)

    async def move() -> None:
        for number in range(8):
            await asyncio.sleep(0.05)
            known.append(await mission.order("cao", Hold(on=number % 2 == 0)))
            await eventually(stored)
        over.set()

    await asyncio.gather(move(), *map(write, range(WRITERS)))
    assert told.against(await everything(writers[0].ledger)) == []
    assert told.unknown == []
    assert told.conflicts
    assert {attempt.control_seq for attempt, _ in told.stored} >= set(known[1:]), (
        "the fence moved while they were appended"
    )
    assert all(max(one.batches) > 20 for one in sent), "good and stale ones shared batches"


async def test_the_good_half_of_a_refused_batch_goes_again_as_one_batch(mission: Mission) -> None:
    stale = await mission.begin()
    good = await mission.order("cao", Hold(on=True))
    fanout = await mission.writer("fanout", asks=PATIENT)
    mixed = [one for pair in zip(attempts(good, 100), attempts(stale, 100), strict=True) for one in pair]
    sent, told = Sent(fanout.ledger), Told()
    await asyncio.gather(*(_quietly(fanout.ledger, one, told) for one in mixed))
    assert sent.batches == [200, 100]
    assert sent.requests["commit"] == 2
    assert sent.requests["append"] == 0, "nothing went by itself"
    assert {one.control_seq for one in told.conflicts} == {stale}
    assert [one for one, _ in told.stored] == [one for one in mixed if one.control_seq == good]
    assert sorted(a.seq for _, a in told.stored) == [a.seq for _, a in told.stored], "in the order in which they came"
    assert told.against(await everything(fanout.ledger)) == []


async def _quietly(ledger: Ledger, attempt: object, told: Told) -> None:
    """Append without looking after a refusal, as a service does whose fold shows it."""
    try:
        answer: Appended | BaseException = await ledger.append(
            subject_of(attempt),  # type: ignore[arg-type]
            attempt,  # type: ignore[arg-type]
            fence=(subjects.CONTROL, attempt.control_seq),  # type: ignore[attr-defined]
            look=False,
        )
    except Conflict as error:
        answer = error
    told.answers.append((attempt, answer))  # type: ignore[arg-type]


async def test_one_known_message_id_costs_one_more_batch(mission: Mission) -> None:
    """Another copy makes one of 256 attempts right before the batch arrives: the fold shows it, the others go again."""
    control = await mission.begin()
    mine = attempts(control, MOST)
    names = [f"attempt:{number}" for number in range(MOST)]
    fanout, copy = await mission.writer("fanout", asks=PATIENT), await mission.writer("fanout", asks=PATIENT)
    source = NatsSource(fanout.ledger)
    fold = LedgerFold(authority_of(fanout.city), frozenset({"control"}))
    projection = Projection(source, fold, fanout.ledger, SystemClock(), logger(service="test"))
    await projection.start()
    sent = Sent(fanout.ledger)
    commit = fanout.ledger._fenced._wire.batch

    async def after_the_other(items: list[PendingAppend]) -> Any:
        if len(sent.batches) == 0:
            await append(copy, mine[7].model_copy(update={"worker": "the-other"}), names[7])
        return await commit(items)

    async def append(who: Writer, attempt: Attempt, name: str) -> Appended:
        fence = (subjects.CONTROL, attempt.control_seq)
        return await who.ledger.append(subject_of(attempt), attempt, msg_id=name, fence=fence, look=False)

    object.__setattr__(fanout.ledger._fenced._wire, "batch", after_the_other)
    found = await asyncio.gather(*(append(fanout, one, name) for one, name in zip(mine, names, strict=True)))
    assert [number for number, one in enumerate(found) if one.duplicate] == [7]
    assert sent.batches == [MOST, MOST - 1]
    assert sent.requests["append"] == 0, "nothing went by itself"
    good = [one.seq for one in found if not one.duplicate]
    assert good == list(range(good[0], good[0] + MOST - 1)), "one after the other, in the order in which they came"


async def test_a_thousand_appends_take_a_handful_of_commits(mission: Mission) -> None:
    """Counted in requests to the broker, whatever the time that each of them takes."""
    control = await mission.begin()
    fanout = await mission.writer("fanout", asks=PATIENT)
    sent, told = Sent(fanout.ledger), Told()
    await told.append(fanout.ledger, attempts(control, 1_000))
    assert sum(sent.requests.values()) == sent.requests["commit"] == -(-1_000 // MOST)
    assert sum(sent.batches) == 1_000
    assert max(sent.batches) <= MOST
    entries = await everything(fanout.ledger)
    assert len(told.stored) == 1_000
    assert told.against(entries) == []
    assert halves(entries) == (len(sent.batches), [])


async def test_appends_that_come_one_by_one_share_what_is_on_its_way(mission: Mission) -> None:
    """Nobody waits for a batch to fill: what comes while one is on its way makes the next one."""
    control = await mission.begin()
    fanout = await mission.writer("fanout", asks=PATIENT)
    sent, told = Sent(fanout.ledger), Told()

    async def later(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await told.append(fanout.ledger, attempts(control, 1))

    await asyncio.gather(*(later(number) for number in range(300)))
    assert len(told.stored) == 300
    assert sum(sent.requests.values()) < 100
    assert told.against(await everything(fanout.ledger)) == []


@pytest.mark.parametrize("cut", [False, True], ids=["only the ack", "the connection with it"])
@pytest.mark.parametrize("moved", [False, True], ids=["the fence stands", "the fence moved meanwhile"])
async def test_after_a_lost_commit_ack_the_repeat_finds_its_own_bytes(mission: Mission, cut: bool, moved: bool) -> None:
    control = await mission.begin()
    async with BadLine(mission.port, cut=cut) as line:
        fanout = await mission.writer("fanout", line.url, AskLimits(3.0))
        line.armed = True
        told, sent, mine = Told(), Sent(fanout.ledger), attempts(control, 60)
        work = asyncio.create_task(told.append(fanout.ledger, mine))
        async with asyncio.timeout(PATIENCE):
            await line.lost.wait()
            if moved:
                await mission.order("cao", Hold(on=True))
            line.mended.set()
            await work
        assert sent.batches == [60]
        assert len(told.stored) == 60
        reader = await mission.writer("board")
        entries = await everything(reader.ledger)
        assert told.against(entries) == []
        assert halves(entries) == (1, [])
        assert len(entries) == 61 + moved


async def test_a_lost_ack_of_conditions_on_own_subjects_is_no_conflict(mission: Mission) -> None:
    """The repeat is refused by its own condition (10071), and finds that it is there."""
    await mission.begin()
    async with BadLine(mission.port, cut=False) as line:
        intake = await mission.writer("intake", line.url)
        state = await intake.state()
        intake.ledger.asks = AskLimits(1.0)
        events = [a_request(state) for _ in range(40)]
        line.armed = True
        acks = await asyncio.gather(
            *(intake.ledger.append(subjects.request(one.request_id), one, expect_last=0) for one in events)
        )
        assert line.lost.is_set()
        entries = {entry.seq: entry for entry in await everything(intake.ledger)}
        assert len(entries) == 41
        for event, ack in zip(events, acks, strict=True):
            assert (entries[ack.seq].data, ack.duplicate) == (event.to_bytes(), False)


async def test_an_append_that_was_cancelled_while_it_waited_takes_nobody_along(mission: Mission) -> None:
    control = await mission.begin()
    fanout = await mission.writer("fanout")
    told, mine = Told(), attempts(control, 30)
    given_up = [asyncio.create_task(fenced(fanout.ledger, one)) for one in attempts(control, 5)]
    work = asyncio.create_task(told.append(fanout.ledger, mine))
    await asyncio.sleep(0)
    for one in given_up:
        one.cancel()
    await work
    await asyncio.gather(*given_up, return_exceptions=True)
    assert len(told.stored) == 30
    assert told.against(await everything(fanout.ledger)) == []


async def test_twice_the_same_bytes_at_once_stand_once(mission: Mission) -> None:
    """The same message id twice among what waits: the second one is told the place of the first."""
    control = await mission.begin()
    fanout = await mission.writer("fanout")
    mine = attempts(control, 10)
    told = Told()
    await told.append(fanout.ledger, [*mine, *mine])
    assert len(told.stored) == 20
    first, second = told.stored[:10], told.stored[10:]
    assert [answer for _, answer in first] == [answer for _, answer in second]
    assert told.against(await everything(fanout.ledger)) == []
