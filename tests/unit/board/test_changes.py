"""What a list of messages is told of the past, and that each entry is broadcast once, in order, whatever breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nats.errors
import pytest
import structlog

from schemas import canonical, streams
from services.board.changes import BEHIND, FEWEST, MOST, TOGETHER_BYTES, Changes, as_event, next_together, of_message
from services.kernel.ledger.client import Entry
from tests.support.ledger_builder import LedgerBuilder, demo_city, story


def test_a_list_of_messages_gets_requests_whole_and_what_became_of_them(tmp_path: Path) -> None:
    kinds = set()
    for line in story(LedgerBuilder(demo_city(tmp_path / "city"))).entries:
        entry = Entry(line.seq, line.subject, line.at, line.data, line.headers)
        kind, found, whole = line.subject.split(".")[1], of_message(entry), as_event(entry)
        kinds.add(kind)
        if kind == "request":
            assert found == whole
        elif kind in ("verdict", "receipt"):
            assert found is not None
            assert (found.seq, found.subject, found.at) == (whole.seq, whole.subject, whole.at)
            assert found.body == {"outcome": whole.body["outcome"]}
        else:
            assert found is None
    assert {"request", "verdict", "receipt", "attempt", "control"} <= kinds


AT = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)


class Broker:
    """A connection that raises what it is told to, and otherwise takes what is published."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.took: list[int] = []
        self.asked = asyncio.Event()

    async def publish(self, _subject: str, payload: bytes) -> None:
        """Take an event, or raise."""
        self.asked.set()
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        assert len(payload) <= streams.MAX_PAYLOAD
        told = canonical.loads(payload)
        self.took += [one["seq"] for one in told.get("events", [told])]


class Folding:
    """The board's changes on a broker, and who tells them what was folded."""

    def __init__(self, broker: Broker) -> None:
        projection = SimpleNamespace(listen=self._listen)
        ledger = SimpleNamespace(client=broker)
        runtime = SimpleNamespace(projection=projection, ledger=ledger, log=structlog.get_logger())
        self._told: Any = None
        self.changes = Changes(cast(Any, runtime))

    def _listen(self, listener: Any) -> None:
        self._told = listener

    def fold(self, *seqs: int, data: bytes = b"{}", subject: str = "ledger.verdict.r1") -> None:
        """Fold entries."""
        for seq in seqs:
            self._told(Entry(seq, subject, AT, data, {}), None)

    async def broadcast(self, turns: int = 100) -> None:
        """Let the broadcast run for so many turns of the loop, one entry at most in each; raise what it raises."""
        running = asyncio.create_task(self.changes.broadcast())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_what_could_not_be_sent_goes_first_when_the_broadcast_is_begun_again() -> None:
    """Before, the entry at hand was lost, and the others waited for the next one that was folded."""
    broker = Broker(nats.errors.OutboundBufferLimitError())
    folding = Folding(broker)
    folding.fold(1, 2, 3)
    with pytest.raises(nats.errors.OutboundBufferLimitError):
        await folding.broadcast()
    await folding.broadcast()
    assert broker.took == [1, 2, 3]


async def test_what_never_goes_out_holds_nothing_up() -> None:
    broker = Broker(nats.errors.MaxPayloadError(), nats.errors.BadSubjectError())
    folding = Folding(broker)
    folding.fold(1, 2, 3)
    folding.fold(4, data=b'{"a":"%s"}' % (b"x" * streams.MAX_PAYLOAD))
    folding.fold(5, subject="ledger.request.*")
    await folding.broadcast()
    assert broker.took == [3, 4, 5], "an entry that no message holds is told of without its body"


async def test_where_too_many_wait_the_oldest_are_left_out_and_none_is_told_twice() -> None:
    broker = Broker()
    folding = Folding(broker)
    folding.fold(1)
    running = asyncio.create_task(folding.broadcast(3 * BEHIND))
    await broker.asked.wait()
    folding.fold(*range(2, BEHIND + 3))
    await running
    assert broker.took == [1, *range(3, BEHIND + 3)]


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        ([2], [1]),
        ([2] * (FEWEST - 1), [1] * (FEWEST - 1)),
        ([2] * FEWEST, [FEWEST]),
        ([2] * (2 * MOST + 1), [MOST, MOST, 1]),
        ([TOGETHER_BYTES + 1] * FEWEST, [1] * FEWEST),
        ([TOGETHER_BYTES // 2] * FEWEST, [2, *[1] * (FEWEST - 2)]),
    ],
)
def test_what_comes_close_together_is_told_in_one_message(sizes: list[int], taken: list[int]) -> None:
    """In order and once, a few one by one, and never more than the broker takes."""
    waiting = deque(Entry(seq, "ledger.receipt.p.r", AT, b"x" * size, {}) for seq, size in enumerate(sizes, 1))
    found = []
    while waiting:
        found.append([one.seq for one in next_together(waiting)])
        for _ in found[-1]:
            waiting.popleft()
    assert [len(one) for one in found] == taken
    assert [seq for one in found for seq in one] == list(range(1, len(sizes) + 1))


async def test_a_group_that_could_not_be_sent_goes_first_and_whole() -> None:
    broker = Broker(nats.errors.OutboundBufferLimitError())
    folding = Folding(broker)
    folding.fold(*range(1, 2 * FEWEST))
    with pytest.raises(nats.errors.OutboundBufferLimitError):
        await folding.broadcast()
    await folding.broadcast()
    assert broker.took == [*range(1, 2 * FEWEST)]
