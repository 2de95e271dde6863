"""The whole city on one screen: what matters most is at the top, whatever room there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rich.console import Console

from schemas.events.broadcasts import LatePost
from schemas.events.control import Posture, UnknownPost
from schemas.events.verdicts import Outcome
from services.desk.views.state.overview import Overview, screen
from services.desk.views.timetext import read_in
from services.kernel.base.zones import zone_of
from tests.unit.desk import views
from tests.unit.desk.views import NOW


def drawn(seen: Overview, rows: int = 40, after: float = 0.0) -> str:
    console = Console(width=100, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(screen(seen, NOW + timedelta(seconds=after), rows))
    return captured.get()


def overview(count: int = 1) -> Overview:
    return Overview(NOW, views.eoc(), [views.view(Outcome.BLOCKED) for _ in range(count)])


def test_it_says_the_posture_what_waits_and_who_serves() -> None:
    said = drawn(overview())
    assert views.ID in said
    assert "blocked" in said
    assert "1 waiting" in said
    assert "GONE" in said  # no service of the view has a heartbeat


def test_it_is_as_of_a_time_in_the_citys_zone_whatever_that_of_the_machine_is() -> None:
    """A desk in UTC showed an hour of UTC beside times of the city, and without a zone."""
    zone = zone_of("Asia/Kathmandu")
    read_in(zone)
    try:
        said = drawn(overview())
    finally:
        read_in(None)
    assert f"as of {NOW.astimezone(zone):%H:%M:%S} +0545" in said


def test_what_does_not_fit_is_counted() -> None:
    said = drawn(overview(50), rows=20)
    assert "more: onevoice pending" in said
    assert len(said.splitlines()) <= 20


def test_a_city_that_does_not_answer_is_not_shown_as_live() -> None:
    assert "NOT LIVE" not in drawn(overview(), after=5)
    assert "NOT LIVE for" in drawn(overview(), after=60)


def test_hold_and_unknown_posts_stand_at_the_top() -> None:
    seen = overview(30)
    unknown = (UnknownPost(request_id="r1", profile="fire-mastodon", attempt_seq=9),)
    late = LatePost(profile="fire-x", request_id="r2", attempt_seq=9, address="https://x.example/2", attempted_at=NOW)
    said = {"hold": True, "unknown": unknown, "late_posts": (late,), "posture": Posture.EOC_ACTIVE}
    eoc = seen.eoc.model_copy(update=said)
    head = drawn(replace(seen, eoc=eoc), rows=12).splitlines()[:4]
    assert "HOLD" in head[1]
    assert "fire-mastodon" in head[2]
    assert "OUT: r2 is public on fire-x" in head[3]
