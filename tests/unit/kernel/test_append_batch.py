"""Appends that share a batch: each caller gets the answer that its own append would have got alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.js import api

from services.kernel.ledger.append_batch import (
    MOST,
    AppendQueue,
    BatchRefused,
    BatchUnknown,
    PendingAppend,
    StaleCondition,
    Stood,
    Wire,
)
from services.kernel.ledger.client import Conflict
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT, MESSAGE_ID, Entry
from services.kernel.ledger.pending import PendingAppends
from tests.support.mission import PATIENCE

CONTROL = "ledger.control"
AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class Away(Exception):
    """No ack of a single append."""


@dataclass
class Server:
    """Stores entries as nats-server does: a batch whole or not at all, a repeat by its message id never twice.

    ``faults`` are used up one by one, one for each call: ``ok``, ``lost`` (stored, and the ack is lost), ``away``
    (nothing arrives), ``refused`` (a batch is turned away for a reason of its own), ``change`` (control changes
    right before it), ``mute`` (stored, and no answer ever comes). ``feed`` is told of each entry as it is stored.
    """

    faults: list[str] = field(default_factory=list)
    stored: list[PendingAppend] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)
    feed: PendingAppends = field(default_factory=PendingAppends)

    def last(self, subject: str, beside: list[PendingAppend] | None = None) -> int:
        found = [*self.stored, *(beside or [])]
        return max((seq for seq, one in enumerate(found, 1) if one.subject == subject), default=0)

    def stands(self, item: PendingAppend) -> int:
        name = item.headers.get(MESSAGE_ID)
        return next((seq for seq, one in enumerate(self.stored, 1) if name and one.headers.get(MESSAGE_ID) == name), 0)

    def change_control(self) -> None:
        self.store(entry(CONTROL, f"control-{len(self.stored)}"))

    def store(self, *items: PendingAppend) -> None:
        for item in items:
            self.stored.append(item)
            self.feed.folded(Entry(len(self.stored), item.subject, AT, item.raw, item.headers))

    def refuses(self, item: PendingAppend, beside: list[PendingAppend]) -> bool:
        if EXPECTED not in item.headers:
            return False
        return str(self.last(item.headers.get(FENCE_SUBJECT, item.subject), beside)) != item.headers[EXPECTED]

    async def _fault(self, what: str, size: int) -> str:
        self.calls.append((what, size))
        await asyncio.sleep(0)
        fault = self.faults.pop(0) if self.faults else "ok"
        if fault == "change":
            self.change_control()
        return fault

    async def single(self, item: PendingAppend) -> api.PubAck:
        fault = await self._fault("single", 1)
        if fault == "away":
            raise Away
        seq = self.stands(item)
        if seq:
            return api.PubAck(stream="LEDGER", seq=seq, duplicate=True)
        if self.refuses(item, []):
            raise Conflict("wrong last sequence")
        self.store(item)
        if fault == "lost":
            raise Away
        if fault == "mute":
            await asyncio.Event().wait()
        return api.PubAck(stream="LEDGER", seq=len(self.stored))

    async def batch(self, items: list[PendingAppend]) -> api.PubAck:
        assert 2 <= len(items) <= MOST
        fault = await self._fault("batch", len(items))
        if fault == "away":
            raise BatchUnknown
        staged: list[PendingAppend] = []
        for item in items:
            if fault == "refused" or self.stands(item) or self.refuses(item, staged):
                raise BatchRefused
            staged.append(item)
        self.store(*staged)
        if fault == "lost":
            raise BatchUnknown
        if fault == "mute":
            await asyncio.Event().wait()
        return api.PubAck(stream="LEDGER", seq=len(self.stored))

    async def last_of(self, subject: str) -> int:
        fault = await self._fault("last", 1)
        if fault == "away":
            raise Away
        return self.last(subject)

    @property
    def wire(self) -> Wire:
        return Wire(self.single, self.batch, self.last_of)


def entry(subject: str, name: str, expected: int | None = None, fence: str | None = None) -> PendingAppend:
    headers = {MESSAGE_ID: name}
    if expected is not None:
        headers[EXPECTED] = str(expected)
    if fence is not None:
        headers[FENCE_SUBJECT] = fence
    return PendingAppend(subject, name.encode(), headers, asyncio.get_running_loop().create_future())


Answer = api.PubAck | Stood | BaseException


async def answers(items: list[PendingAppend]) -> list[Answer]:
    async with asyncio.timeout(PATIENCE):
        return list(await asyncio.gather(*(item.done for item in items), return_exceptions=True))


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


async def put(server: Server, items: list[PendingAppend]) -> list[Answer]:
    queue = AppendQueue(server.wire)
    for item in items:
        queue.put(item)
    return await answers(items)


def seqs(found: list[Answer]) -> list[Any]:
    return [one.seq if isinstance(one, api.PubAck | Stood) else type(one) for one in found]


async def put_and_fold(server: Server, items: list[PendingAppend]) -> list[Answer]:
    """As the ledger client does it: the fold answers what it shows, too."""
    queue = AppendQueue(server.wire)
    for item in items:
        server.feed.add(item)
        queue.put(item)
    return await answers(items)


async def test_what_is_appended_in_one_turn_is_one_commit_in_its_order() -> None:
    server = Server()
    items = [entry(f"s{number}", f"m{number}") for number in range(20)]
    assert seqs(await put(server, items)) == list(range(1, 21))
    assert server.calls == [("batch", 20)]
    assert server.stored == items


async def test_one_alone_is_appended_as_it_always_was() -> None:
    server = Server()
    assert seqs(await put(server, [entry("s", "m")])) == [1]
    assert server.calls == [("single", 1)]


async def test_a_thousand_cost_a_handful_of_commits() -> None:
    server = Server()
    assert seqs(await put(server, [entry(f"s{n}", f"m{n}") for n in range(1_000)])) == list(range(1, 1_001))
    assert len(server.calls) == -(-1_000 // MOST)


async def test_what_comes_while_a_batch_is_under_way_goes_with_the_next_one() -> None:
    server, queue = Server(), None
    queue = AppendQueue(server.wire)
    first = [entry(f"a{n}", f"a{n}") for n in range(3)]
    for item in first:
        queue.put(item)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = [entry(f"b{n}", f"b{n}") for n in range(4)]
    for item in second:
        queue.put(item)
    await answers([*first, *second])
    assert server.calls == [("batch", 3), ("batch", 4)]


async def test_a_subject_stands_once_in_a_batch_and_its_entries_keep_their_order() -> None:
    """The second one's compare-and-set is on the first one."""
    server = Server()
    items = [entry("a", "a1", 0), entry("b", "b1", 0), entry("a", "a2", 1), entry("c", "c1", 0), entry("a", "a3", 4)]
    assert seqs(await put(server, items)) == [1, 2, 4, 3, 5]


async def test_entries_of_a_subject_keep_their_order_across_full_batches() -> None:
    server = Server()
    mine = [entry("a", f"a{number}") for number in range(3)]
    others = [entry(f"s{number}", f"m{number}") for number in range(MOST)]
    await put(server, [*mine[:2], *others, mine[2]])
    assert [one for one in server.stored if one.subject == "a"] == mine


async def test_a_message_id_stands_once_in_a_batch_so_that_the_repeat_is_told_as_one() -> None:
    server = Server()
    found = await put(server, [entry("a", "same"), entry("b", "other"), entry("c", "same")])
    assert seqs(found) == [1, 2, 1]
    assert isinstance(found[2], api.PubAck)
    assert found[2].duplicate


async def test_a_stale_fence_is_told_to_its_own_caller_and_the_others_go_as_one_batch() -> None:
    server = Server()
    server.change_control()
    server.change_control()
    items = [entry(f"s{n}", f"m{n}", 1 if n == 2 else 2, CONTROL) for n in range(6)]
    assert seqs(await put(server, items)) == [3, 4, StaleCondition, 5, 6, 7]
    assert server.calls == [("batch", 6), ("last", 1), ("batch", 5)]


async def test_when_all_fences_are_stale_nothing_is_sent_again() -> None:
    server = Server()
    server.change_control()
    assert seqs(await put(server, [entry(f"s{n}", f"m{n}", 0, CONTROL) for n in range(3)])) == [StaleCondition] * 3
    assert server.calls == [("batch", 3), ("last", 1)]


async def test_one_whose_compare_and_set_fails_gets_the_conflict_and_the_others_stand() -> None:
    server = Server()
    server.stored.append(entry("b", "earlier"))
    found = await put(server, [entry("a", "a", 0), entry("b", "b", 0), entry("c", "c", 0)])
    assert [type(one) for one in found] == [api.PubAck, Conflict, api.PubAck]
    assert [one.subject for one in server.stored] == ["b", "a", "c"]


async def test_after_a_lost_ack_each_is_repeated_with_its_message_id_and_stands_once() -> None:
    server = Server(["lost"])
    items = [entry(f"s{n}", f"m{n}", 0) for n in range(4)]
    assert seqs(await put(server, items)) == [1, 2, 3, 4]
    assert server.stored == items


async def test_a_batch_that_never_arrived_is_sent_one_by_one_in_order() -> None:
    server = Server(["away"])
    items = [entry(f"s{n}", f"m{n}") for n in range(4)]
    assert seqs(await put(server, items)) == [1, 2, 3, 4]


async def test_an_error_belongs_to_its_own_caller() -> None:
    server = Server(["refused", "ok", "away", "ok"])
    found = await put(server, [entry("a", "a"), entry("b", "b")])
    assert [type(one) for one in found] == [Away, api.PubAck]


async def test_who_gives_up_before_the_batch_goes_is_left_out_and_after_it_harms_nobody() -> None:
    server = Server()
    queue = AppendQueue(server.wire)
    early, late, kept, too = (entry(name, name) for name in ("early", "late", "kept", "too"))
    for item in (early, late, kept, too):
        queue.put(item)
    early.done.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late.done.cancel()
    assert seqs(await answers([kept, too])) == [2, 3]
    assert [one.subject for one in server.stored] == ["late", "kept", "too"]


async def test_a_lane_that_was_at_rest_goes_on() -> None:
    server = Server()
    queue = AppendQueue(server.wire)
    for number in range(1, 4):
        item = entry("s", f"m{number}")
        queue.put(item)
        assert seqs(await answers([item])) == [number]


# --- what the fold shows ------------------------------------------------------------------------------------


async def test_what_the_fold_shows_is_an_answer_although_the_ack_never_comes() -> None:
    server = Server(["mute"])
    items = [entry(f"s{n}", f"m{n}") for n in range(4)]
    assert await put_and_fold(server, items) == [Stood(seq, same=True) for seq in range(1, 5)]
    assert server.calls == [("batch", 4)], "nothing is repeated"


async def test_a_lane_whose_ack_never_comes_goes_on_with_the_next_batch() -> None:
    server = Server(["mute"])
    queue = AppendQueue(server.wire)
    for name in ("a", "b"):
        items = [entry(f"{name}{n}", f"{name}{n}") for n in range(3)]
        for item in items:
            server.feed.add(item)
            queue.put(item)
        assert len(seqs(await answers(items))) == 3
    assert server.calls == [("batch", 3), ("batch", 3)]


async def test_one_known_message_id_does_not_send_the_others_singly() -> None:
    """Another copy made one of 256 attempts a moment before: the other 255 go again as one batch, in order."""
    server = Server()
    items = [entry(f"s{n}", f"m{n}", 0, CONTROL) for n in range(MOST)]
    for item in items:
        server.feed.add(item)
    server.store(PendingAppend(items[7].subject, b"of another copy", items[7].headers, asyncio.Future()))
    queue = AppendQueue(server.wire)
    for item in items:
        queue.put(item)
    found = await answers(items)
    assert found[7] == Stood(1, same=False)
    assert server.calls == [("batch", MOST - 1)]
    assert server.stored[1:] == [item for item in items if item is not items[7]]


async def test_a_known_message_id_that_is_folded_after_the_refusal_costs_one_more_batch() -> None:
    server = Server()
    items = [entry(f"s{n}", f"m{n}", 0, CONTROL) for n in range(20)]
    other = PendingAppend(items[7].subject, b"of another copy", items[7].headers, asyncio.Future())
    server.stored.append(other)
    real = server.last_of

    async def last_of(subject: str) -> int:
        server.feed.folded(Entry(1, other.subject, AT, other.raw, other.headers))
        return await real(subject)

    queue = AppendQueue(Wire(server.single, server.batch, last_of))
    for item in items:
        server.feed.add(item)
        queue.put(item)
    found = await answers(items)
    assert found[7] == Stood(1, same=False)
    assert server.calls == [("batch", 20), ("last", 1), ("batch", 19)]


async def test_a_condition_that_the_fold_shows_stale_is_not_sent() -> None:
    """The fence moved, or another receipt came, while they waited for their batch."""
    server = Server()
    fenced = [entry(f"s{n}", f"m{n}", 0, CONTROL) for n in range(3)]
    own = [entry("r1", "mine", 0), entry("r2", "too", 0)]
    for item in (*fenced, *own):
        server.feed.add(item)
    server.change_control()
    server.store(entry("r1", "another"))
    queue = AppendQueue(server.wire)
    for item in (*fenced, *own):
        queue.put(item)
    found = await answers([*fenced, *own])
    assert seqs(found) == [*[StaleCondition] * 4, 3]
    assert server.calls == [("single", 1)]


async def test_an_entry_that_stood_before_the_condition_proves_nothing() -> None:
    """A fold that is behind passes older entries of the same subject."""
    pending = PendingAppends()
    item = entry("r1", "mine", 5)
    pending.add(item)
    pending.folded(Entry(5, "r1", AT, b"older", {}))
    assert not item.done.done()
    pending.folded(Entry(6, "r1", AT, b"newer", {}))
    assert isinstance(item.done.exception(), StaleCondition)
    pending.discard(item)
    assert pending._by_id == pending._by_condition == {}


# --- whatever happens -----------------------------------------------------------------------------------------

faults = st.lists(st.sampled_from(["ok", "ok", "lost", "away", "refused", "change"]), max_size=12)
kinds = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.sampled_from(["free", "own", "fence"]), st.integers(0, 2)),
    min_size=1,
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(kinds, faults, st.integers(0, 3), st.booleans())
def test_each_caller_gets_the_answer_that_it_would_have_got_alone(
    told: list[tuple[int, int, str, int]], happen: list[str], pause: int, folds: bool
) -> None:
    async def story() -> None:
        server = Server(list(happen))
        server.change_control()
        queue, items = AppendQueue(server.wire), []
        for number, (subject, name, kind, behind) in enumerate(told):
            if kind == "fence":
                item = entry(f"s{subject}", f"m{name}", max(0, server.last(CONTROL) - behind), CONTROL)
            else:
                item = entry(f"s{subject}", f"m{name}", server.last(f"s{subject}") if kind == "own" else None)
            items.append(item)
            if folds:
                server.feed.add(item)
            queue.put(item)
            if pause and number % pause == 0:
                await asyncio.sleep(0)
        found = await answers(items)
        names = [one.headers[MESSAGE_ID] for one in server.stored]
        assert len(set(names)) == len(names), "nothing is there twice"
        for item, answer in zip(items, found, strict=True):
            _check(server, item, answer)

    play(story)


def _check(server: Server, item: PendingAppend, answer: Answer) -> None:
    stands = server.stands(item)
    if isinstance(answer, Stood):
        assert answer.seq == stands, "it is where the fold shows it"
        assert answer.same is (
            (server.stored[stands - 1].subject, server.stored[stands - 1].raw) == (item.subject, item.raw)
        )
    elif isinstance(answer, api.PubAck):
        assert answer.seq == stands, "it is where its caller was told"
        if not answer.duplicate:
            assert server.stored[stands - 1].headers[MESSAGE_ID] == item.headers[MESSAGE_ID]
    elif isinstance(answer, StaleCondition | Conflict):
        subject = item.headers.get(FENCE_SUBJECT, item.subject)
        assert str(server.last(subject)) != item.headers[EXPECTED], "its condition does not hold"
        assert not stands or server.stored[stands - 1] is not item, "nothing of it was stored"
    else:
        assert isinstance(answer, Away), "nobody is told of another one's refusal"


@pytest.mark.parametrize("fault", ["lost", "away", "refused", "change"])
def test_nobody_waits_for_ever_whichever_call_fails(fault: str) -> None:
    for place in range(6):

        async def story(place: int = place) -> None:
            server = Server(["ok"] * place + [fault])
            server.change_control()
            items = [entry(f"s{n}", f"m{n}", n % 2, CONTROL) for n in range(5)]
            found = await put(server, items)
            assert len(found) == 5

        play(story)
