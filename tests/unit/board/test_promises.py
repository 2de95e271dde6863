"""Promised updates: who is reminded, from when, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.requests import Act, Request, digest_of
from services.board.domain.notices import NoticeSchedule, Step, body, due
from services.board.domain.promises import KEPT, WARN_BEFORE, Promises
from services.board.promises import PromiseWatch
from services.kernel.base.clock import ManualClock
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.entry import Entry
from tests.support.messages import renderings_of
from tests.unit.fanout.world import NOW, request
from tests.unit.kernel.test_projection_reads import Leader

BY = NOW + timedelta(hours=1)
MADE = request(next_update=BY)
ID = MADE.request_id


def promised(*, cleared: bool = True) -> Promises:
    """A message that promises an update within the hour."""
    made = Promises()
    made.note_request(MADE)
    if cleared:
        made.note_cleared(ID, ())
    return made


def follower(name: str, act: Act, **changes: Any) -> Request:
    """A message that comes after it."""
    said = renderings_of("More of it.", ("mastodon",), NOW, act=act, about=ID)
    return request(request_id=name, follows=ID, renderings=said, digest=digest_of(name, 1, said), **changes)


def open_at(made: Promises, when: timedelta, withdrawn: tuple[str, ...] = ()) -> list[str]:
    """What is reminded of, that long after the promised time."""
    return [one.request_id for one in made.open(withdrawn, BY + when)]


def test_it_is_spoken_of_from_a_while_before_until_a_day_after() -> None:
    made = promised()
    assert open_at(made, -WARN_BEFORE - timedelta(seconds=1)) == []
    assert open_at(made, -WARN_BEFORE) == open_at(made, timedelta(hours=5)) == [ID]
    assert open_at(made, KEPT) == []


def test_what_is_not_out_or_withdrawn_promises_nothing() -> None:
    assert open_at(promised(cleared=False), timedelta(0)) == []
    assert open_at(promised(), timedelta(0), (ID,)) == []


@pytest.mark.parametrize("act", ["update", "correct", "all_clear", "recall"])
def test_what_comes_after_it_keeps_it(act: Act) -> None:
    made = promised()
    made.note_request(follower("rnext", act))
    made.note_cleared("rnext", (ID,))
    assert open_at(made, timedelta(0)) == []


def test_a_repost_says_nothing_new_and_a_revision_may_promise_otherwise() -> None:
    made = promised()
    made.note_request(follower("ragain", "repost"))
    made.note_cleared("ragain", (ID,))
    assert open_at(made, timedelta(0)) == [ID]
    made.note_request(request(revision=2))
    assert open_at(made, timedelta(0)) == []


def test_a_revision_of_what_was_cleared_promises_what_it_says_itself() -> None:
    made = promised()
    made.note_request(request(revision=2, next_update=BY + timedelta(hours=1)))
    assert open_at(made, -WARN_BEFORE) == []
    assert open_at(made, timedelta(hours=1) - WARN_BEFORE) == [ID]


def test_what_is_not_spoken_of_any_more_leaves_memory() -> None:
    """Before, the board kept each message that ever promised an update, and looked through all of them each 5 s."""
    over, kept, gone = (request(request_id=name, next_update=BY) for name in ("rover", "rkept", "rgone"))
    repost = follower("ragain", "repost", expires_at=BY)
    made = Promises()
    for one in (over, kept, gone, repost, request(request_id="rlater", next_update=BY + timedelta(seconds=1))):
        made.note_request(one)
    made.note_cleared("rupdate", ("rkept",))
    assert set(made.made) == {"rover", "rgone", "rlater"}
    made.forget(("rgone",), BY + KEPT - timedelta(seconds=1))
    assert (set(made.made), set(made.reposts)) == ({"rover", "rlater"}, {"ragain"})
    made.forget((), BY + KEPT)
    assert (set(made.made), made.reposts) == ({"rlater"}, {})


def test_its_author_is_told_beside_the_officers() -> None:
    schedule = NoticeSchedule(
        ("pio@a.example",), (), timedelta(minutes=10), timedelta(minutes=20), {"clerk": "clerk@a.example"}
    )
    waiting = list(promised().open((), BY))
    (notice,) = due(waiting, (), None, schedule, BY)
    assert (notice.step, notice.to) == (Step.FIRST, ("pio@a.example", "clerk@a.example"))
    said = body(notice, [("17:00", "18:00")])
    assert "asked for by clerk, promised more by 18:00" in said
    assert f"onevoice update {ID}" in said
    told = {waiting[0].key(Step.FIRST)}
    (again,) = due(waiting, told, BY, schedule, BY + timedelta(seconds=1))
    assert again.step is Step.REMINDER


class _Begun(Leader):
    """A ledger with nothing in it, and who is told of what is folded."""

    told: Any = None

    async def server_time(self) -> datetime:
        """Say that it is now."""
        return NOW

    async def first_since(self, _at: datetime) -> int:
        """Nothing is there."""
        return 1

    def listen(self, listener: Any, *_kinds: str) -> None:
        """Remember who is told."""
        self.told = listener


async def test_the_board_forgets_while_entries_come() -> None:
    ledger, clock = _Begun(), ManualClock(NOW)
    control = SimpleNamespace(settings=SimpleNamespace(request_seconds=3_600), withdrawn=())
    runtime: Any = SimpleNamespace(projection=ledger, ledger=ledger, source=ledger, clock=clock, control=control)
    watch = PromiseWatch(runtime)
    await watch.take_up()

    def fold(one: Request) -> None:
        ledger.told(Entry(1, subjects.request(one.request_id), NOW, one.to_bytes(), {}), Applied(1, "request"))

    fold(MADE)
    clock.time = BY + KEPT
    fold(request(request_id="rnext", next_update=BY + KEPT))
    assert set(watch.promises.made) == {"rnext"}


class _Ahead(ManualClock):
    """A machine's clock that is two days ahead."""

    def now(self) -> datetime:
        """Return the wrong time."""
        return super().now() + 2 * KEPT


async def test_a_clock_that_is_ahead_forgets_no_promise() -> None:
    ledger, clock = _Begun(), _Ahead(NOW)
    control = SimpleNamespace(settings=SimpleNamespace(request_seconds=3_600), withdrawn=())
    runtime: Any = SimpleNamespace(projection=ledger, ledger=ledger, source=ledger, clock=clock, control=control)
    watch = PromiseWatch(runtime)
    await watch.take_up()
    ledger.told(Entry(1, subjects.request(ID), NOW, MADE.to_bytes(), {}), Applied(1, "request"))
    watch.promises.made[ID].cleared = True
    clock.time = BY
    ledger.told(Entry(2, subjects.request("r2"), BY, request(request_id="r2").to_bytes(), {}), Applied(2, "request"))
    assert [one.request_id for one in watch.waiting()] == [ID]


async def test_what_comes_while_the_past_is_read_is_noted_behind_it() -> None:
    """Else an older revision, read later, would count; and of a past that is read in part nothing is told."""
    old = request(request_id="rold", next_update=BY)
    ledger = _Begun(f"ledger.request.{old.request_id}")
    ledger.held = [Entry(1, subjects.request(old.request_id), NOW, old.to_bytes(), {})]
    control = SimpleNamespace(settings=SimpleNamespace(request_seconds=3_600), withdrawn=())
    runtime: Any = SimpleNamespace(
        projection=ledger, ledger=ledger, source=ledger, clock=ManualClock(NOW), control=control
    )
    watch = PromiseWatch(runtime)
    newer = request(request_id="rold", next_update=None)
    for one in (newer, MADE):
        entry = Entry(2, subjects.request(one.request_id), NOW, one.to_bytes(), {})
        ledger.told(entry, Applied(2, "request"))
    assert watch.promises.made == {}
    await watch.take_up()
    assert set(watch.promises.made) == {ID}
