"""Who is told that something waits, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.events.broadcasts import LatePost
from services.board.domain.notices import Notice, NoticeSchedule, Step, Waiting, body, due, late_post_waits, title

NOW = datetime(2026, 11, 26, 23, 0, tzinfo=UTC)
SCHEDULE = NoticeSchedule(("pio@a.example",), ("mcpe@a.example",), timedelta(minutes=10), timedelta(minutes=20))
ONE = Waiting("r1", NOW, "clerk", "Road closed.", False, "an approval is missing", "onevoice show r1", NOW)


def after(minutes: float, *told: Step, one: Waiting = ONE, last: datetime | None = None) -> list[Step]:
    keys = {one.key(step) for step in told}
    return [notice.step for notice in due([one], keys, last, SCHEDULE, NOW + timedelta(minutes=minutes))]


@pytest.mark.parametrize(
    ("minutes", "told", "steps"),
    [
        (0, (), [Step.FIRST]),
        (9, (Step.FIRST,), []),
        (10, (Step.FIRST,), [Step.REMINDER]),
        (19, (Step.FIRST, Step.REMINDER), []),
        (20, (Step.FIRST, Step.REMINDER), [Step.DEPUTIES]),
        (20, (Step.FIRST,), [Step.DEPUTIES]),
        (27, (Step.FIRST, Step.DEPUTIES), []),
        (27, (), [Step.FIRST]),
    ],
)
def test_at_once_then_a_reminder_then_the_deputies(minutes: float, told: tuple[Step, ...], steps: list[Step]) -> None:
    """Once each; whoever is first is told first, also after a long outage."""
    assert after(minutes, *told) == steps


def test_what_waits_anew_is_told_anew() -> None:
    again = replace(ONE, since=NOW + timedelta(minutes=5))
    assert [one.step for one in due([again], {ONE.key(Step.FIRST)}, None, SCHEDULE, again.since)] == [Step.FIRST]


def test_a_flood_is_one_notice_a_minute_and_what_is_urgent_does_not_wait() -> None:
    many = [replace(ONE, request_id=f"r{number}") for number in range(500)]
    [notice] = due(many, (), None, SCHEDULE, NOW)
    assert len(notice.waiting) == 500
    assert due(many, (), NOW, SCHEDULE, NOW + timedelta(seconds=59)) == []
    [notice] = due([*many, replace(ONE, urgent=True)], (), NOW, SCHEDULE, NOW + timedelta(seconds=1))
    assert notice.waiting[0].urgent
    text = body(notice, [("then", "until")] * len(notice.waiting))
    assert text.count("onevoice show") == 20
    assert "And 481 more." in text


def test_nobody_to_tell_is_no_notice() -> None:
    schedule = replace(SCHEDULE, deputies=())
    told = {ONE.key(Step.FIRST), ONE.key(Step.REMINDER)}
    assert due([ONE], told, None, schedule, NOW + timedelta(hours=9)) == []


def test_the_title_is_one_line_and_says_what_is_urgent() -> None:
    urgent = replace(ONE, urgent=True)
    assert (
        title(Notice(Step.FIRST, (), (ONE,)), "City\nof Mission") == "City of Mission: 1 message waits for an officer"
    )
    assert title(Notice(Step.REMINDER, (), (ONE, urgent)), "Mission") == (
        "URGENT: Mission: 2 messages wait still for an officer"
    )


def test_a_post_that_is_out_though_it_was_taken_back_is_told_at_once_and_once() -> None:
    since = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    late = LatePost(profile="fire-x", request_id="r2", attempt_seq=9, address="https://x.example/2", attempted_at=since)
    one = late_post_waits(late)
    assert (one.urgent, one.once, one.since) == (True, True, since)
    said = body(Notice(Step.FIRST, ("pio@mission.example",), (one,)), [("12:00", "")])
    assert "it stands at https://x.example/2" in said
    assert "onevoice recall r2" in said
    missed = late_post_waits(late.model_copy(update={"replaced_by": "r3"}))
    said = body(Notice(Step.FIRST, ("pio@mission.example",), (missed,)), [("12:00", "")])
    assert "somebody deletes it on fire-x" in said
    assert "onevoice show r3" in said
    assert "onevoice recall r2" not in said
