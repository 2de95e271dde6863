"""The same words to the same profile a moment ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.requests import Rendering, Request
from services.intake.domain.findings.twins import MOST, WINDOW, Twins
from tests.unit.intake.world import NOW, request


def asked(number: int, text: str = "Road closed.", seconds: float = 0, **data: Any) -> Request:
    made = request(text=text, now=NOW + timedelta(seconds=seconds), **data)
    return made.model_copy(update={"request_id": f"r{number}"})


@pytest.mark.parametrize("again", ["Road closed.", "ROAD  closed. ", "Ｒoad closed."])
def test_the_same_words_on_the_same_profile_are_a_finding_with_who_and_when(again: str) -> None:
    """Also from another sender, in other capitals and white space."""
    twins = Twins()
    twins.note(asked(1))
    [found] = twins.find(asked(2, again, seconds=10))
    assert found.code == "twin"
    assert "10 s ago (r1)" in found.reason


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("Don't go near - stay home.", "Don’t go near – stay home!"),
        ("Road closed: Hwy. 7", "Road closed - Hwy 7"),
        ("ਸੜਕ ਬੰਦ ਹੈ।", "ਸੜਕ ਬੰਦ ਹੈ"),
    ],
)
def test_signs_make_no_other_words(first: str, again: str) -> None:
    twins = Twins()
    twins.note(asked(1, first))
    assert twins.find(asked(2, again, seconds=10))


@pytest.mark.parametrize(
    ("first", "other"), [("Bridge ✅", "Bridge ❌"), ("-20 °C", "20 °C"), ("!!!", "???"), ("ਸੜਕ ਬੰਦ", "ਸੜਕ ਬੰਦੂ")]
)
def test_other_pictographs_signs_alone_and_marks_are_others(first: str, other: str) -> None:
    twins = Twins()
    twins.note(asked(1, first))
    assert not twins.find(asked(2, other, seconds=10))


def test_other_words_profiles_links_and_times_are_none() -> None:
    twins = Twins()
    twins.note(asked(1))
    assert not twins.find(asked(1, seconds=10))
    assert not twins.find(asked(2, "Road open.", seconds=10))
    assert not twins.find(asked(3, seconds=10, link="https://mission.example/x"))
    assert not twins.find(asked(4, seconds=WINDOW.total_seconds() + 1))
    other = asked(5, seconds=10).model_copy(update={"targets": ("elsewhere",)})
    assert not twins.find(other)


def test_what_is_over_is_forgotten() -> None:
    """By time, and the oldest first by number."""
    twins = Twins()
    twins.note(asked(1))
    twins.note(asked(2, "Other words.", seconds=WINDOW.total_seconds() + 1))
    assert list(twins._asked) == ["r2"]
    one = asked(3, seconds=WINDOW.total_seconds() + 2)
    for number in range(MOST + 5):
        twins.note(one.model_copy(update={"request_id": f"x{number}"}))
    assert len(twins._asked) == MOST
    assert "r2" not in twins._asked


@pytest.mark.parametrize("act", ["recall", "all_clear"])
def test_usual_words_about_two_messages_are_no_twins(act: str) -> None:
    """Two recalls within a minute say the same, each of its own message."""
    twins = Twins()
    twins.note(asked(1, "This message is withdrawn."))
    again = asked(2, "This message is withdrawn.", seconds=30)
    assert twins.find(again)
    renderings = tuple(
        Rendering.of(one.content().model_copy(update={"act": act, "about": "r9"})) for one in again.renderings
    )
    assert twins.find(again.model_copy(update={"renderings": renderings, "follows": "r9"})) == ()
