"""What posts wait for, as people are shown it in the heartbeat."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

from schemas.events.desk import ServiceHealth
from schemas.events.shown import PostWait
from schemas.streams import MAX_PAYLOAD
from services.fanout.delivery.waits import ALIKE, NAMED, SHOWN, Waits
from services.fanout.domain.step import Place, Wait
from services.kernel.base.clock import ManualClock
from services.kernel.fold.state import TargetState
from tests.unit.fanout.world import CONTROL_SEQ, NOW, VERDICT_SEQ, request
from tests.unit.states import state


def place(request_id: str = "r1", profile: str = "fire-social", severity: str | None = None, seq: int = 30) -> Place:
    of = state(request(request_id=request_id, severity=severity), seq=seq)
    return Place(VERDICT_SEQ, profile, of, TargetState(), CONTROL_SEQ)


def test_a_wait_says_for_what_and_until_when() -> None:
    waits = Waits(ManualClock(NOW))
    waits.note(place(), Wait(9.0, "the host is away", shown=True))
    (found,) = waits.shown()
    assert (found.request_id, found.profile, found.reason) == ("r1", "fire-social", "the host is away")
    assert found.until == NOW + timedelta(seconds=9)


def test_a_newer_wait_takes_the_place_of_the_one_before_it_and_goes_when_it_is_over() -> None:
    waits = Waits(ManualClock(NOW))
    for reason in ("the host is away", "the quota is used up"):
        waits.note(place(), Wait(9.0, reason, shown=True))
    waits.note(place(profile="parks-social"), Wait(1.0, "not let in", shown=True))
    assert [wait.reason for wait in waits.shown()] == ["the quota is used up", "not let in"]
    waits.over("r1", "fire-social")
    waits.over("r1", "fire-social")
    assert [wait.profile for wait in waits.shown()] == ["parks-social"]


def test_the_most_urgent_are_shown_first_and_not_more_than_a_heartbeat_carries() -> None:
    waits = Waits(ManualClock(NOW))
    for number in range(SHOWN + 20):
        waits.note(place(f"r{number}", seq=number), Wait(5.0, "away", shown=True))
    waits.note(place("r-urgent", severity="extreme", seq=10_000), Wait(5.0, "away", shown=True))
    found = waits.shown()
    assert [wait.request_id for wait in found][:3] == ["r-urgent", "r0", "r1"]
    assert len(found) == SHOWN
    health = ServiceHealth(
        service="fanout", instance="i", at=NOW, control_seq=1, posture=None, version="0", waits=found
    )
    assert len(health.to_bytes()) < 64 * 1024


def test_a_wait_without_an_end_is_looked_at_again_within_the_hour() -> None:
    waits = Waits(ManualClock(NOW))
    waits.note(place(), Wait(10**9, "for ever", shown=True))
    assert waits.shown()[0].until == NOW + timedelta(hours=1)


def beat(waits: Waits) -> ServiceHealth:
    return ServiceHealth(
        service="fanout",
        instance="i",
        at=NOW,
        control_seq=1,
        posture=None,
        version="0",
        waits=waits.shown(),
        waiting=waits.count(),
    )


def test_the_posts_of_a_message_that_wait_for_the_same_are_one_line_and_all_are_counted() -> None:
    """Before, 50 of 900 were told, and the 50 of the urgent message left no room for another one's."""
    waits = Waits(ManualClock(NOW))
    quota = Wait(5.0, "the quota is used up", shown=True, over_in=900.0)
    for number in range(900):
        waits.note(place("r-large", f"p{number:03}", severity="extreme"), quota)
    waits.note(place("r-large", "q", severity="extreme"), Wait(5.0, "not let in", shown=True))
    waits.note(place("r-other", seq=31), quota)
    large, credential, other = waits.shown()
    assert (large.request_id, large.posts, len(large.profiles), large.profiles[:2]) == (
        "r-large",
        900,
        900,
        ("p000", "p001"),
    )
    assert (credential.profile, credential.reason, credential.count, credential.also) == ("q", "not let in", None, None)
    assert (other.request_id, other.profiles) == ("r-other", ("fire-social",))
    assert beat(waits).posts_waiting == 902


def test_until_is_when_the_quota_gives_and_not_the_next_look() -> None:
    waits = Waits(ManualClock(NOW))
    waits.note(place(), Wait(5.0, "the quota is used up", shown=True, over_in=9_000.0))
    assert waits.shown()[0].until == NOW + timedelta(seconds=9_000)


def test_posts_that_wait_until_other_times_are_told_apart_and_those_within_seconds_are_not() -> None:
    clock = ManualClock(NOW)
    clock.time = NOW - timedelta(seconds=NOW.timestamp() % ALIKE)
    waits = Waits(clock)
    for name, seconds in (("fire", 0.0), ("parks", ALIKE - 1.0), ("police", 600.0)):
        waits.note(place(profile=name), Wait(seconds, "the quota is used up", shown=True))
    soon, late = waits.shown()
    assert (soon.profiles, late.profiles) == (("fire", "parks"), ("police",))
    assert soon.until == clock.time + timedelta(seconds=ALIKE - 1.0)


def test_each_message_has_a_line_before_any_has_its_second() -> None:
    waits = Waits(ManualClock(NOW))
    for number in range(2 * SHOWN):
        waits.note(place("r-urgent", f"p{number:03}", severity="extreme"), Wait(5.0, f"reason {number}", shown=True))
    waits.note(place("r-routine", seq=31), Wait(5.0, "away", shown=True))
    found = waits.shown()
    assert len(found) == SHOWN
    assert [wait.request_id for wait in found] == ["r-urgent"] * (SHOWN - 1) + ["r-routine"]
    assert beat(waits).posts_waiting == 2 * SHOWN + 1


def test_a_heartbeat_is_bounded_whatever_waits_and_each_line_has_its_part_of_the_names() -> None:
    waits = Waits(ManualClock(NOW))
    for seq in range(SHOWN + 1):
        for number in range(1 if seq % 2 else 20):
            waits.note(place(f"r{seq:062}", f"p{number:062}", seq=seq), Wait(5.0, "y" * 400, shown=True))
    found = waits.shown()
    assert sum(len(wait.profiles) for wait in found) == NAMED
    assert [_named(wait) for wait in found[:4]] == [(20, 9), (1, 1), (20, 9), (1, 1)]
    assert len(beat(waits).to_bytes()) < MAX_PAYLOAD // 4


def _named(wait: PostWait) -> tuple[int, int]:
    return wait.posts, len(wait.profiles)


def test_what_an_earlier_version_says_counts_one_post_a_line() -> None:
    said = [{"request_id": "r1", "profile": name, "reason": "away", "until": "2026-01-01T00:00:00Z"} for name in "ab"]
    old = ServiceHealth.from_value(
        {"service": "fanout", "instance": "i", "at": NOW, "control_seq": 1, "version": "0", "waits": said}
    )
    assert old.posts_waiting == 2
    assert tuple(chain.from_iterable(wait.profiles for wait in old.waits)) == ("a", "b")
    assert b"waiting" not in old.to_bytes(), "and it keeps its bytes"
