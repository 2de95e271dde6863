"""What posts wait for, as people are shown it in the heartbeat."""

from __future__ import annotations

from datetime import timedelta

from schemas.events.desk import ServiceHealth
from services.fanout.delivery.waits import SHOWN, Waits
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
