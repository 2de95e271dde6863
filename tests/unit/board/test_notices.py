"""Who is told that something waits, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.events.broadcasts import LatePost
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import PlatformContent, Rendering
from schemas.events.verdicts import Finding, FindingOutcome
from services.board.domain.notices import (
    Notice,
    NoticeSchedule,
    Step,
    Waiting,
    body,
    due,
    late_post_waits,
    title,
    waits_of,
)
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.fold.state import RequestState
from tests.support.people import resolution_of
from tests.unit.fanout.world import NOW, receipt, request, verdict
from tests.unit.states import ended_target, state, undecided_state

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


def blocked(clause: str = "3(iv)(c)") -> RequestState:
    """A request that a clause blocks."""
    missing = Finding(clause=clause, outcome=FindingOutcome.BLOCKED, reason="an approval is missing")
    return state(said=verdict(request(), outcome="blocked", valid_until=None, findings=(missing,)))


def waiting_of(of: RequestState, now: datetime) -> Waiting | None:
    """All that it waits for, which is one thing or none."""
    found = list(waits_of(of, now))
    assert len(found) <= 1
    return found[0] if found else None


def unconfirmed(**changes: Any) -> Receipt:
    return receipt(outcome=ReceiptOutcome.UNCONFIRMED, final=True, **changes)


def test_what_nobody_knows_the_end_of_waits_also_when_its_request_has_expired() -> None:
    """Before, the end of the request ended the notices and reminders, and it may be what made it unconfirmed."""
    ended = request().expires_at
    of = state(targets={"fire-social": ended_target(unconfirmed(at=ended))})
    one = waiting_of(of, ended)
    assert one is not None
    assert waiting_of(of, ended + timedelta(days=30)) == one
    assert (one.since, one.missing) == (ended, "nobody knows whether it is out on fire-social")
    said = body(Notice(Step.FIRST, (), (one,)), [("12:00", "never")])
    assert said.startswith(f"{of.request_id}: asked for by {of.request.author}, since 12:00\n")
    assert "not posted after" not in said


def test_of_a_recall_it_is_told_what_may_be_left() -> None:
    """Nothing of it was to be posted there."""
    content = PlatformContent(platform="mastodon", parts=("It is over.",), created_at=NOW, act="recall", about="r1")
    recall = request(replaces="r1", renderings=(Rendering.of(content),))
    one = waiting_of(state(recall, targets={"fire-social": ended_target(unconfirmed())}), NOW)
    assert one is not None
    assert one.missing == "what it takes back may still be on fire-social"


def test_it_is_told_anew_though_people_were_told_that_the_same_request_was_blocked() -> None:
    """And not once more for each of its posts that somebody has found out about."""
    first = waiting_of(blocked(), NOW)
    profiles = ("fire-social", "parks-social")
    targets = {
        name: ended_target(unconfirmed(profile=name, at=NOW + timedelta(minutes=1 + number)))
        for number, name in enumerate(profiles)
    }
    of = state(request(targets=profiles), targets=targets)
    later = waiting_of(of, NOW)
    assert first is not None
    assert later is not None
    assert first.key(Step.FIRST) != later.key(Step.FIRST)
    found = receipt(profile="parks-social", outcome=ReceiptOutcome.DELIVERED, final=True, at=NOW + timedelta(hours=1))
    targets["parks-social"].receipt = found
    targets["parks-social"].receipts.append((60, found))
    of.note("parks-social")
    still = waiting_of(of, NOW)
    assert still is not None
    assert (still.missing, still.since) == ("nobody knows whether it is out on fire-social", later.since)


def test_what_is_blocked_waits_until_it_expires() -> None:
    ends = request().expires_at
    last = waiting_of(blocked(), ends - timedelta(seconds=1))
    assert last is not None
    assert (last.ends, last.about, waiting_of(blocked(), ends)) == (ends, "", None)


def test_what_needs_no_person_waits_for_none() -> None:
    for one in (undecided_state(), state(), blocked("setting: hold")):
        assert waiting_of(one, NOW) is None


def many(unsure: int, *, of: int = 26, apart: timedelta = timedelta(seconds=2)) -> RequestState:
    """A request to many profiles: some are unconfirmed, one after the other, and the others still to be posted."""
    names = tuple(f"p{number:02d}" for number in range(of))
    targets = {
        name: ended_target(unconfirmed(profile=name, at=NOW + n * apart), seq=51 + 10 * n)
        for n, name in enumerate(names[:unsure])
    }
    asked = request(targets=names)
    return state(asked, verdict(asked, targets=names), targets=targets)


def test_what_is_typed_for_the_exercise_names_it() -> None:
    said = body(Notice(Step.FIRST, (), (ONE,)), [("12:00", "never")], "exercise")
    assert "  onevoice --realm exercise show r1\n" in said
    assert said.endswith("All that waits: onevoice --realm exercise inbox\n")


def test_a_few_unconfirmed_posts_of_many_are_told_once_while_the_others_are_not_done() -> None:
    """Before, an officer was told when the last of all posts had ended; one in trouble may hold it up for hours."""
    of = many(3)
    assert of.phase == "cleared"
    one = waiting_of(of, NOW)
    assert one is not None
    assert (one.since, one.missing) == (NOW, "nobody knows whether it is out on p00, p01, p02")
    later = waiting_of(many(12), NOW)
    assert later is not None
    assert later.key(Step.FIRST) == one.key(Step.FIRST)
    assert later.missing == "nobody knows whether it is out on p00, p01, p02, p03, p04 and 7 more"
    assert after(10, Step.FIRST, one=later) == [Step.REMINDER]


def test_what_becomes_unconfirmed_long_after_or_once_more_is_told_anew() -> None:
    late = waiting_of(many(2, apart=timedelta(minutes=5)), NOW)
    assert late is not None
    assert late.since == NOW + timedelta(minutes=5)
    again = ended_target(unconfirmed(at=NOW))
    again.receipts.append((60, unconfirmed(at=NOW + timedelta(minutes=1))))
    once_more = waiting_of(state(targets={"fire-social": again}), NOW)
    assert once_more is not None
    assert once_more.since == NOW + timedelta(minutes=1)


def test_what_nobody_knows_is_told_though_people_were_told_that_another_is_to_be_done_by_hand() -> None:
    of = many(2)
    by_hand = of.target("p00").receipts[0][1].model_copy(update={"platform": "manual"})
    of.targets["p00"] = ended_target(by_hand)
    one = waiting_of(of, NOW)
    assert one is not None
    assert one.since == NOW + timedelta(seconds=2)
    assert one.missing == "it is to be done by hand for p00; nobody knows whether it is out on p01"


def test_what_is_to_be_done_by_hand_once_more_is_told_anew() -> None:
    again = ended_target(unconfirmed(platform="manual", at=NOW))
    again.receipts.append((60, unconfirmed(platform="manual", at=NOW + timedelta(hours=1))))
    one = waiting_of(state(targets={"fire-social": again}), NOW)
    assert one is not None
    assert one.since == NOW + timedelta(hours=1)


def test_what_was_taken_back_waits_for_an_approval_and_for_a_look() -> None:
    of = many(1)
    missing = Finding(clause="3(iv)(c)", outcome=FindingOutcome.BLOCKED, reason="an approval is missing")
    of.verdict = verdict(of.request, outcome="blocked", valid_until=None, findings=(missing,), at=NOW)
    assert [one.missing for one in waits_of(of, NOW)] == [
        "an approval is missing",
        "nobody knows whether it is out on p00",
    ]


@pytest.mark.parametrize(("seqs", "minutes"), [((), 0), ((62,), 0), ((50,), 0), ((50, 60), 2)])
def test_what_comes_after_the_decision_on_all_that_was_told_is_told_at_once(
    seqs: tuple[int, ...], minutes: int
) -> None:
    """Within five minutes of the first it was told by the reminder, to people who took it for done.

    A decision that comes later, or was on an earlier post, changes nothing of when it is told.
    """
    of = many(2, apart=timedelta(minutes=2))
    said = resolution_of((of.request_id, "p00", 51), "give_up", "pio", Signer(new_seed()), NOW)
    of.target("p00").resolutions += [(seq, said) for seq in seqs]
    one = waiting_of(of, NOW)
    assert one is not None
    assert one.since == NOW + timedelta(minutes=minutes)
