"""What every ledger does, real or simulated: one suite, run on nats-server and on the simulation's server.

A subclass gives ``stage``: a ledger that may append anything, the control state as it has it, and the source of a
projection.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import nats.errors
import pytest

from schemas import canonical, subjects
from schemas.events.requests import Request
from services.kernel.control.control_state import ControlState
from services.kernel.ledger.client import Conflict, Entry, Ledger
from services.kernel.projection.source import Source
from tests.support.mission import PATIENCE, a_request


@dataclass
class Stage:
    """A ledger that has begun: ``intake`` appends requests and pictures, ``state`` is its control.

    ``source`` is where a projection of the same connection gets the ledger from.
    """

    intake: Ledger
    state: ControlState
    source: Source

    def request(self, name: str | None = None, text: str = "one") -> Request:
        """A request with an id of its own."""
        return a_request(self.state, name, text=f"{text} https://mission.example")


class LedgerContract:
    """The suite. Each test uses ids of its own, so that they can share a ledger."""

    async def test_what_is_appended_stands_as_it_was_given(self, stage: Stage) -> None:
        event = stage.request()
        subject = subjects.request(event.request_id)
        appended = await stage.intake.append(subject, event)
        entry = await stage.intake.get(appended.seq)
        assert entry is not None
        assert (entry.seq, entry.subject, entry.data) == (appended.seq, subject, event.to_bytes())
        assert entry.headers["Nats-Msg-Id"] == canonical.sha256(subject.encode() + b"\n" + entry.data)
        assert not appended.duplicate

    async def test_compare_and_set_lets_one_through_and_stores_nothing_of_the_other(self, stage: Stage) -> None:
        one = stage.request()
        other = stage.request(one.request_id, "other")
        subject = subjects.request(one.request_id)
        first = await stage.intake.append(subject, one, expect_last=0)
        last = await stage.intake.last_seq()
        for wrong in (0, first.seq + 1):
            with pytest.raises(Conflict):
                await stage.intake.append(subject, other, expect_last=wrong)
        assert await stage.intake.last_seq() == last
        second = await stage.intake.append(subject, other, expect_last=first.seq)
        assert [entry.seq for entry in await stage.intake.history(subject)] == [first.seq, second.seq]

    async def test_many_writers_at_once_make_one_chain(self, stage: Stage) -> None:
        name = "r" + secrets.token_hex(5)

        async def write(number: int) -> bool:
            try:
                await stage.intake.append(subjects.request(name), stage.request(name, str(number)), expect_last=0)
            except Conflict:
                return False
            return True

        assert sum(await asyncio.gather(*(write(number) for number in range(20)))) == 1
        assert len(await stage.intake.history(subjects.request(name))) == 1

    async def test_what_is_appended_at_once_shares_a_batch_and_each_has_its_own_ack(self, stage: Stage) -> None:
        events = [stage.request() for _ in range(30)]
        acks = await asyncio.gather(
            *(stage.intake.append(subjects.request(event.request_id), event, expect_last=0) for event in events)
        )
        for event, appended in zip(events, acks, strict=True):
            entry = await stage.intake.get(appended.seq)
            assert entry is not None
            assert (entry.subject, entry.data) == (subjects.request(event.request_id), event.to_bytes())

    async def test_a_batch_with_one_stale_condition_stores_the_others(self, stage: Stage) -> None:
        """Whoever's own condition does not hold gets the refusal; nobody else does."""
        taken = stage.request()
        await stage.intake.append(subjects.request(taken.request_id), taken, expect_last=0)
        other = stage.request(taken.request_id, "other")
        fenced, good, stale = stage.request(), [stage.request() for _ in range(3)], stage.state.seq + 1
        appends = [
            stage.intake.append(subjects.request(other.request_id), other, expect_last=0),
            *(stage.intake.append(subjects.request(one.request_id), one, expect_last=0) for one in good),
            stage.intake.append(subjects.request(fenced.request_id), fenced, fence=(subjects.CONTROL, stale)),
            stage.intake.append(subjects.request(fenced.request_id), fenced, fence=(subjects.CONTROL, stage.state.seq)),
        ]
        refused, *stored, too_late, in_time = await asyncio.gather(*appends, return_exceptions=True)
        assert isinstance(refused, Conflict)
        assert isinstance(too_late, Conflict) or too_late == in_time
        for event, done in zip((*good, fenced), (*stored, in_time), strict=True):
            assert not isinstance(done, BaseException)
            entry = await stage.intake.last(subjects.request(event.request_id))
            assert entry is not None
            assert entry.seq == done.seq

    async def test_a_batch_with_a_known_message_id_stores_the_others_and_nothing_twice(self, stage: Stage) -> None:
        known, new = stage.request(), [stage.request() for _ in range(3)]
        first = await stage.intake.append(subjects.request(known.request_id), known)
        again, *rest = await asyncio.gather(
            *(stage.intake.append(subjects.request(one.request_id), one) for one in (known, *new))
        )
        assert (again.seq, again.duplicate) == (first.seq, False)
        for event, done in zip((known, *new), (again, *rest), strict=True):
            history = await stage.intake.history(subjects.request(event.request_id))
            assert [entry.seq for entry in history] == [done.seq]

    async def test_a_batch_whose_ack_was_lost_stands_once(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        client: Any = stage.intake.client
        real, lost = client.request, list[str]()

        async def losing(subject: str, *args: Any, **options: Any) -> Any:
            answer = await real(subject, *args, **options)
            if "Nats-Batch-Commit" in (options.get("headers") or {}):
                lost.append(subject)
                raise nats.errors.TimeoutError
            return answer

        monkeypatch.setattr(client, "request", losing)
        events = [stage.request() for _ in range(5)]
        acks = await asyncio.gather(
            *(stage.intake.append(subjects.request(event.request_id), event, expect_last=0) for event in events)
        )
        assert lost
        for event, appended in zip(events, acks, strict=True):
            history = await stage.intake.history(subjects.request(event.request_id))
            assert [entry.seq for entry in history] == [appended.seq]
            assert not appended.duplicate

    async def test_the_feed_brings_each_entry_as_it_stands_in_order(self, stage: Stage) -> None:
        heard: list[Entry] = []
        more = asyncio.Event()

        def hear(entry: Entry) -> None:
            heard.append(entry)
            more.set()

        await stage.source.subscribe(hear)
        first = await stage.intake.last_seq()
        mine = [stage.request() for _ in range(12)]
        await asyncio.gather(*(stage.intake.append(subjects.request(one.request_id), one) for one in mine))
        last = await stage.intake.last_seq()
        async with asyncio.timeout(PATIENCE):
            while not heard or heard[-1].seq < last:
                more.clear()
                await more.wait()
        here = [entry for entry in heard if entry.seq > first]
        assert [entry.seq for entry in here] == list(range(first + 1, last + 1))
        read = [entry async for batch in stage.source.entries(first) for entry in batch]
        assert read[: len(here)] == here

    async def test_reads_in_batches_by_filter(self, stage: Stage) -> None:
        newest = await stage.source.last(subjects.LEDGER_ALL)
        assert newest is not None
        mine = [stage.request() for _ in range(5)]
        seqs = [(await stage.intake.append(subjects.request(one.request_id), one)).seq for one in mine]
        found = [entry async for batch in stage.source.entries(newest.seq, subjects.REQUESTS) for entry in batch]
        assert [entry.seq for entry in found] == seqs
        second = await stage.source.last(subjects.request(mine[1].request_id))
        assert second is not None
        assert second.seq == seqs[1]
        assert await stage.source.last(subjects.request("r-none")) is None
        nothing = [batch async for batch in stage.source.entries(0, subjects.request("r-none"))]
        assert nothing == []
        shape = await stage.source.shape()
        assert (shape.first, shape.last, shape.messages, shape.deleted) == (1, seqs[-1], seqs[-1], 0)

    async def test_the_fence_is_another_subjects_last_sequence(self, stage: Stage) -> None:
        event = stage.request()
        subject, fence = subjects.request(event.request_id), (subjects.CONTROL, stage.state.seq)
        for wrong in (stage.state.seq - 1, stage.state.seq + 1):
            with pytest.raises(Conflict):
                await stage.intake.append(subject, event, fence=(subjects.CONTROL, wrong))
        assert await stage.intake.last(subject) is None
        assert (await stage.intake.append(subject, event, fence=fence)).seq > stage.state.seq

    async def test_a_repeat_of_the_same_bytes_is_the_same_entry(self, stage: Stage) -> None:
        """Also behind a compare-and-set that does not hold any more: it was stored when it did."""
        event = stage.request()
        subject = subjects.request(event.request_id)
        first = await stage.intake.append(subject, event, expect_last=0)
        for again in (
            await stage.intake.append(subject, event),
            await stage.intake.append(subject, event, expect_last=0),
        ):
            assert (again.seq, again.duplicate) == (first.seq, False)
        assert len(await stage.intake.history(subject)) == 1

    async def test_another_body_under_the_same_message_id_is_told_as_a_duplicate(self, stage: Stage) -> None:
        one = stage.request()
        subject, message_id = subjects.request(one.request_id), secrets.token_hex(8)
        first = await stage.intake.append(subject, one, msg_id=message_id)
        second = await stage.intake.append(subject, stage.request(one.request_id, "other"), msg_id=message_id)
        assert (second.seq, second.duplicate) == (first.seq, True)
        stored = await stage.intake.last(subject)
        assert stored is not None
        assert stored.data == one.to_bytes()

    async def test_reads_by_subject(self, stage: Stage) -> None:
        made = [stage.request() for _ in range(3)]
        seqs = [(await stage.intake.append(subjects.request(one.request_id), one)).seq for one in made]
        assert await stage.intake.last(subjects.request("r-none")) is None
        assert await stage.intake.get(seqs[-1] + 10_000) is None
        following = await stage.intake.next(subjects.REQUESTS, seqs[0])
        assert following is not None
        assert following.seq == seqs[1]
        assert [entry.seq for entry in await stage.intake.history(subjects.REQUESTS, seqs[0] - 1)] == seqs
        assert await stage.intake.next(subjects.REQUESTS, seqs[-1]) is None
        assert await stage.intake.last_seq() == seqs[-1]

    async def test_a_picture_is_kept_once_under_its_hash(self, stage: Stage) -> None:
        """Also when several put the same one at the same time, or again when the deduplication has forgotten it."""
        raw = secrets.token_bytes(5_000)
        digests = await asyncio.gather(*(stage.intake.put_media(raw) for _ in range(4)))
        assert set(digests) == {canonical.sha256(raw)}
        assert await stage.intake.get_media(digests[0]) == raw
        assert await stage.intake.put_media(raw) == digests[0]
        assert len(await stage.intake.history(subjects.media(digests[0]))) == 1
        with pytest.raises(LookupError):
            await stage.intake.get_media("0" * 64)

    async def test_times_never_go_back(self, stage: Stage) -> None:
        """The server's time of storing grows with the sequence."""
        entries = await stage.intake.history(subjects.LEDGER_ALL)
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)

    async def test_the_leader_tells_the_time_that_it_stamps_entries_with(self, stage: Stage) -> None:
        before = await stage.intake.server_time()
        event = stage.request()
        entry = await stage.intake.get((await stage.intake.append(subjects.request(event.request_id), event)).seq)
        assert entry is not None
        assert before <= entry.at <= await stage.intake.server_time()
