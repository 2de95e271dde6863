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
from schemas.events.desk import BoardReply
from schemas.subjects import place_of
from services.board.changes import BEHIND, FEWEST, MOST, TOGETHER_BYTES, Changes, as_event, next_together, of_message
from services.kernel.fold.applied import Applied
from services.kernel.fold.reading import keys_of
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
        self.told: list[dict[str, Any]] = []
        self.asked = asyncio.Event()

    async def publish(self, _subject: str, payload: bytes) -> None:
        """Take an event, or raise."""
        self.asked.set()
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        assert len(payload) <= streams.MAX_PAYLOAD
        told = canonical.loads(payload)
        self.told += told.get("events", [told])
        self.took = [one["seq"] for one in self.told]


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

    def fold(self, *seqs: int, data: bytes = b"{}", subject: str = "ledger.verdict.r1", void: str = "") -> None:
        """Fold entries."""
        kind, request_id, profile = place_of(subject)
        for seq in seqs:
            self._told(Entry(seq, subject, AT, data, {}), Applied(seq, kind, keys_of(kind, request_id, profile), void))

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


def nested(levels: int) -> bytes:
    """A body of so many levels."""
    return b'{"a":' * levels + b"1" + b"}" * levels


TWICE = b'{"outcome":"blocked","outcome":"cleared"}'


@pytest.mark.parametrize("data", [TWICE, nested(16), b"[1]", b'{"a":NaN}', b"\xff"])
@pytest.mark.parametrize("subject", ["ledger.verdict.r1", "ledger.seal"])
@pytest.mark.parametrize("beside", [0, FEWEST])
async def test_what_does_not_count_spoils_no_message(data: bytes, subject: str, beside: int) -> None:
    """Before, its bytes went out as they were: no reader could take the message, nor what came together with it."""
    broker = Broker()
    folding = Folding(broker)
    folding.fold(1, data=data, subject=subject, void="it cannot be read")
    folding.fold(*range(2, 2 + beside), data=b'{"outcome":"cleared"}')
    await folding.broadcast()
    assert [one["body"] for one in broker.told] == [{"unreadable": True}, *[{"outcome": "cleared"}] * beside]


async def test_what_does_not_count_and_can_be_read_is_told_as_it_is() -> None:
    broker = Broker()
    folding = Folding(broker)
    folding.fold(1, data=b'{"b": 1, "a": 2}', void="the attempt is not effective")
    await folding.broadcast()
    assert [one["body"] for one in broker.told] == [{"a": 2, "b": 1}]


@pytest.mark.parametrize("levels", range(10, 18))
async def test_an_entry_nested_ever_so_deep_leaves_answers_and_broadcasts_readable(levels: int) -> None:
    """Before, all that was asked for with it could not be read either, and the pages asked for it for ever."""
    entry = Entry(1, "ledger.verdict.r1", AT, nested(levels), {})
    reply = BoardReply(changes=(as_event(entry),))
    assert BoardReply.from_bytes(reply.to_bytes()) == reply
    broker = Broker()
    folding = Folding(broker)
    folding.fold(*range(1, FEWEST + 1), data=nested(levels), void="it cannot be read")
    await folding.broadcast()
    assert len(broker.took) == FEWEST
