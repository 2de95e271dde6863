"""Promised updates: who is reminded, from when, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.board.domain.notices import NoticeSchedule, Step, body, due
from services.board.domain.promises import KEPT, WARN_BEFORE, Promises
from tests.unit.fanout.world import NOW, request

BY = NOW + timedelta(hours=1)
MADE = request(next_update=BY)
ID = MADE.request_id


def book(*, cleared: bool = True) -> Promises:
    """A message that promises an update within the hour."""
    made = Promises()
    made.note_request(MADE)
    if cleared:
        made.note_cleared(ID, (), None)
    return made


def open_at(made: Promises, when: timedelta, withdrawn: tuple[str, ...] = ()) -> list[str]:
    """What is reminded of, that long after the promised time."""
    return [one.request_id for one in made.open(withdrawn, BY + when)]


def test_it_is_spoken_of_from_a_while_before_until_a_day_after() -> None:
    made = book()
    assert open_at(made, -WARN_BEFORE - timedelta(seconds=1)) == []
    assert open_at(made, -WARN_BEFORE) == open_at(made, timedelta(hours=5)) == [ID]
    assert open_at(made, KEPT) == []


def test_what_is_not_out_or_withdrawn_promises_nothing() -> None:
    assert open_at(book(cleared=False), timedelta(0)) == []
    assert open_at(book(), timedelta(0), (ID,)) == []


@pytest.mark.parametrize("act", ["update", "correct", "all_clear", "recall"])
def test_what_comes_after_it_keeps_it(act: str) -> None:
    made = book()
    made.note_cleared("rnext", (ID,), act)
    assert open_at(made, timedelta(0)) == []


def test_a_repost_says_nothing_new_and_a_revision_may_promise_otherwise() -> None:
    made = book()
    made.note_cleared("ragain", (ID,), "repost")
    assert open_at(made, timedelta(0)) == [ID]
    made.note_request(request(revision=2))
    assert open_at(made, timedelta(0)) == []


def test_its_author_is_told_beside_the_officers() -> None:
    schedule = NoticeSchedule(
        ("pio@a.example",), (), timedelta(minutes=10), timedelta(minutes=20), {"clerk": "clerk@a.example"}
    )
    waiting = list(book().open((), BY))
    (notice,) = due(waiting, (), None, schedule, BY)
    assert (notice.step, notice.to) == (Step.FIRST, ("pio@a.example", "clerk@a.example"))
    said = body(notice, [("17:00", "18:00")])
    assert "asked for by clerk, promised more by 18:00" in said
    assert f"onevoice update {ID}" in said
    told = {waiting[0].key(Step.FIRST)}
    (again,) = due(waiting, told, BY, schedule, BY + timedelta(seconds=1))
    assert again.step is Step.REMINDER
