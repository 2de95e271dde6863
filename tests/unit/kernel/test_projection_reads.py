"""What a projection reads is whole: a replica may be behind its leader, and an answer may leave something out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from nats.aio.msg import Msg

from schemas import subjects
from services.fanout.connectors.contract import Posted
from services.fanout.domain import receipts
from services.kernel.base import logs
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Unreachable
from services.kernel.fold.applied import Void
from services.kernel.fold.ledger_fold import Applied, Authority, LedgerFold
from services.kernel.fold.reopening import reopen
from services.kernel.fold.state import RequestState
from services.kernel.ledger.client import Entry, Ledger
from services.kernel.ledger.integrity.checks import Shape
from services.kernel.projection.past import FEW, past
from services.kernel.projection.projection import Projection
from services.kernel.projection.request_entries import entries_on
from services.kernel.projection.source import BATCH, OnEntry
from tests.support.virtual_time import LoopClock, in_virtual_time
from tests.unit.fanout.world import attempt, request

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Leader:
    """A source whose reads are answered by replicas: each answer is cut as ``cuts`` says, then they are whole."""

    def __init__(self, *entries: str) -> None:
        self.held = [Entry(seq, subject, AT, self._data(subject), {}) for seq, subject in enumerate(entries, 1)]
        self.asked: list[str] = []
        self.cuts: list[set[int]] = []
        self.meanwhile: dict[str, list[Entry]] = {}

    @staticmethod
    def _data(subject: str) -> bytes:
        if ".request." in subject:
            return request(request_id="r1", targets=("fire",)).to_bytes()
        return attempt().to_bytes() if ".attempt." in subject else b"{}"

    async def subscribe(self, on_entry: OnEntry) -> None:
        """The feed brings nothing."""

    async def entries(
        self, after: int, pattern: str = subjects.LEDGER_ALL, size: int = BATCH
    ) -> AsyncIterator[list[Entry]]:
        """Answer without what the next cut leaves out."""
        self.asked.append(pattern)
        cut = self.cuts.pop(0) if self.cuts else set()
        found = [e for e in self.held if e.seq > after and e.seq not in cut and subjects.matches(pattern, e.subject)]
        if found:
            for start in range(0, len(found), size):
                yield found[start : start + size]

    async def counts(self, pattern: str) -> dict[str, int]:
        self.asked.append(pattern)
        self.held += self.meanwhile.pop(pattern, [])
        return dict(Counter(e.subject for e in self.held if subjects.matches(pattern, e.subject)))

    async def newest(self, names: Sequence[str], up_to: int) -> list[Entry]:
        """Answer without what the next cut leaves out."""
        cut = self.cuts.pop(0) if self.cuts else set()
        last = {e.subject: e for e in self.held if e.subject in names and e.seq <= up_to and e.seq not in cut}
        return list(last.values())

    async def shape(self) -> Shape:
        return Shape(1, len(self.held), len(self.held))

    async def get(self, seq: int) -> Entry | None:
        return self.held[seq - 1] if 0 < seq <= len(self.held) else None

    async def last(self, pattern: str) -> Entry | None:
        self.asked.append(pattern)
        return next((e for e in reversed(self.held) if subjects.matches(pattern, e.subject)), None)


class Noting(LedgerFold):
    """Notes what it is given; all requests are over."""

    def __init__(self) -> None:
        super().__init__(Authority("live", frozenset(), 1), frozenset({"approval"}))
        self.seen: list[int] = []
        self.reopened: list[int] = []
        self.attempted: list[str] = []

    def apply(self, entry: Entry, boot: float) -> Applied:
        self.seq = entry.seq
        self.seen.append(entry.seq)
        return Applied(entry.seq, "approval")

    def fold_entry(self, entry: Entry, boot: float) -> None:
        self.reopened.append(entry.seq)

    def state_of(self, request_id: str) -> RequestState:
        self.attempted.append(request_id)
        raise Void("all requests are over")


def follow(leader: Leader) -> tuple[Projection, Noting]:
    fold = Noting()
    return Projection(leader, fold, Ledger(), SystemClock(), logs.logger()), fold


async def test_catching_up_reaches_what_the_leader_has_though_a_replica_is_behind() -> None:
    leader = Leader("ledger.seal", "ledger.seal", "ledger.seal")
    leader.cuts = [{2, 3}, {2, 3}, {3}]
    follower, fold = follow(leader)
    assert await follower.catch_up() == 3
    assert fold.seen == [1, 2, 3]


async def test_a_listener_that_fails_at_an_entry_keeps_nobody_from_going_on() -> None:
    follower, fold = follow(Leader("ledger.approval.r1.pio", "ledger.seal"))
    heard: list[int] = []

    def faulty(entry: Entry, _: Applied) -> None:
        raise OverflowError(entry.seq)

    follower.listen(faulty)
    follower.listen(lambda entry, _: heard.append(entry.seq))
    waiter = asyncio.create_task(follower.at_least(2))
    await asyncio.sleep(0)
    await follower.catch_up()
    await waiter
    assert (fold.seen, heard) == ([1, 2], [1, 2])


@in_virtual_time
async def test_a_replica_that_stays_behind_is_told() -> None:
    leader = Leader("ledger.seal", "ledger.seal")
    leader.cuts = [{2}] * 1_000
    follower, _ = follow(leader)
    with pytest.raises(Unreachable, match="ledger could not be read up to 2"):
        await follower.catch_up()


async def test_what_an_answer_left_out_in_the_middle_is_asked_of_the_leader() -> None:
    leader = Leader("ledger.seal", "ledger.seal", "ledger.seal", "ledger.seal")
    leader.cuts = [{2, 3}]
    follower, fold = follow(leader)
    await follower.catch_up()
    assert fold.seen == [1, 2, 3, 4]


async def test_a_request_that_is_over_is_reopened_with_all_its_entries_though_a_replica_is_behind() -> None:
    """Seed 18 of the simulation: each service had reopened it with what its own replica knew."""
    mine = ("ledger.request.r1", "ledger.approval.r1.mcpe", "ledger.attempt.fire.r1", "ledger.receipt.fire.r1")
    leader = Leader(*mine, "ledger.approval.r1.pio")
    leader.cuts = [set(), *[{1, 2, 3, 4, 5}, {1, 5}, {5}, {3, 4}] * 2]
    follower, fold = follow(leader)
    await follower.catch_up()
    assert fold.reopened == [1, *(1, 2, 4)], "before the first approval one entry stood, before the second four"
    assert fold.attempted == ["r1"], "the attempt, 3, is looked at by a rule of its own"
    assert leader.cuts == [], "each answer was cut that could be"


async def test_a_request_is_read_in_few_looks_and_no_filter_makes_the_server_look_through_others() -> None:
    """Of a filter the server is asked for its counts alone: it has them at hand."""
    once = ("ledger.request.r1", "ledger.attempt.fire.r1", "ledger.receipt.fire.r1", "ledger.approval.r1.pio")
    others = ("ledger.verdict.r2", "ledger.delivery.fire.r1", "ledger.approval.r2.r1")
    leader = Leader(*once, "ledger.verdict.r1", *others, "ledger.verdict.r1")
    follower, _ = follow(leader)
    found = await entries_on("r1", follower, 9)
    assert sorted(entry.seq for entry in found) == [1, 2, 3, 4, 5, 9]
    counted = ["ledger.*.r1", "ledger.approval.r1.*", "ledger.*.*.r1"]
    assert leader.asked == [*counted, "ledger.verdict.r1", "ledger.verdict.r1"]


async def test_what_comes_while_a_request_is_read_hides_nothing_before_it() -> None:
    leader = Leader("ledger.request.r1", "ledger.receipt.fire.r1", "ledger.seal")
    later = [Entry(4, "ledger.receipt.fire.r1", AT, b"{}", {}), Entry(5, "ledger.verdict.r1", AT, b"{}", {})]
    for moment in ("ledger.*.r1", "ledger.approval.r1.*", "ledger.*.*.r1"):
        leader.meanwhile = {moment: later}
        follower, _ = follow(leader)
        assert sorted(entry.seq for entry in await entries_on("r1", follower, 3)) == [1, 2], moment
        del leader.held[3:]


async def test_what_a_replica_lacks_is_read_up_to_the_leader() -> None:
    leader = Leader("ledger.request.r1", "ledger.verdict.r1", "ledger.receipt.fire.r1")
    leader.cuts = [{1, 2}, {1}]
    follower, _ = follow(leader)
    assert sorted(entry.seq for entry in await entries_on("r1", follower, 3)) == [1, 2, 3]


async def test_of_a_request_that_there_is_not_nothing_is_read() -> None:
    leader = Leader("ledger.attempt.fire.r1", "ledger.receipt.fire.r1")
    follower, _ = follow(leader)
    assert await entries_on("r1", follower, 2) == []
    assert leader.asked == ["ledger.*.r1"]


def test_a_request_that_is_reopened_leaves_the_profile_to_who_holds_it() -> None:
    """Seed 135 of the simulation: an approval of a message that was over freed the profile of another one's attempt."""
    fold = LedgerFold(Authority("live", frozenset(), 1), frozenset({"request", "attempt", "receipt"}))
    of, made = request(), attempt().model_copy(update={"rule": None})
    place = (made.profile, of.request_id)
    ended = receipts.of_result(made, 6, Posted("https://x.example/1", "1"), AT)
    was_over = [
        Entry(5, subjects.request(of.request_id), AT, of.to_bytes(), {}),
        Entry(6, subjects.attempt(*place), AT, made.to_bytes(), {}),
        Entry(7, subjects.receipt(*place), AT, ended.to_bytes(), {}),
    ]
    fold.busy[made.profile] = (8, "r-other")
    reopen(fold, of.request_id, was_over, 0.0)
    assert fold.busy == {made.profile: (8, "r-other")}
    assert fold.requests[of.request_id].target(made.profile).is_final


ERROR = (
    b'{"type":"io.nats.jetstream.api.v1.stream_info_response","error":{"code":404,"err_code":10059,'
    b'"description":"stream not found"},"total":0,"offset":0,"limit":0}'
)
"""nats-server 2.15.1: an error has a total of its own."""


class Refusing:
    """A client of nats-py whose server refuses each question."""

    async def request(self, *_: Any, **__: Any) -> Msg:
        return Msg(_client=None, data=ERROR)  # type: ignore[arg-type]

    def jetstream(self, **_: Any) -> None:
        """Not asked."""


async def test_a_server_that_refuses_does_not_say_that_there_is_no_such_request() -> None:
    ledger, client = Ledger(), Refusing()
    ledger.bind(client)  # type: ignore[arg-type]
    with pytest.raises(Unreachable):
        await ledger.subjects_like(subjects.REQUESTS, subjects.request("rnone"))
    with pytest.raises(Unreachable, match="does not tell its time"):
        await ledger.server_time()


@in_virtual_time
async def test_a_long_past_is_passed_at_the_pace_that_is_wished_whatever_is_between() -> None:
    """So the server holds little of it at a time; a stretch without anything on the filter is not waited for."""
    leader = Leader(*["ledger.seal", "ledger.control"] * FEW * 2, *["ledger.seal"] * 1_000, "ledger.control")
    began = LoopClock().monotonic()
    found = [entry.seq async for entry in past(leader, "ledger.control", a_second=500)]
    assert found == [*range(2, FEW * 4 + 1, 2), FEW * 4 + 1_001]
    assert LoopClock().monotonic() - began == pytest.approx(FEW * 4 / 500), "and not behind the last one"
    assert [entry.seq async for entry in past(leader, "ledger.control")] == found
    assert LoopClock().monotonic() - began == pytest.approx(FEW * 4 / 500)
