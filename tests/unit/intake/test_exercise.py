"""The wall between the realms, in the words: each post of an exercise says so, and a live one that does is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.platforms import LIMITS, overrun
from services.intake.domain.findings.screening import ScreeningRules, screen
from services.intake.domain.rendering import render
from tests.unit.intake.world import SITE, city, draft


def found(text: str, *, exercise: bool) -> bool:
    made = replace(draft(text=text), exercise=exercise)
    state = city()
    departments = {target: state.profiles[target].department for target in made.targets}
    codes = {one.code for one in screen(made, render(made, LIMITS), ScreeningRules(SITE), departments)}
    return "realm" in codes


@pytest.mark.parametrize(
    "text", ["Leave now.", "Leave by road. " * 200, "EXERCISE Leave now.", "\u6d2a\u6c34\u3002" * 200]
)
def test_each_post_of_an_exercise_begins_with_the_word_and_fits(text: str) -> None:
    """Each part of a thread too: people see one of them alone."""
    made = replace(draft(text=text.strip()), exercise=True)
    for rendering in render(made, LIMITS):
        for part in rendering.content().parts:
            assert part.startswith("EXERCISE")
            assert overrun(part, LIMITS[rendering.platform]) is None


def test_a_live_post_says_nothing_of_it() -> None:
    assert all(
        "EXERCISE" not in part for one in render(draft(text="Leave now."), LIMITS) for part in one.content().parts
    )


@pytest.mark.parametrize(
    "text",
    [
        "This is a test of the alerting system.",
        "TEST: please ignore.",
        "Exercise: evacuation order for Hatzic.",
        "Evacuation order for Hatzic. EXERCISE EXERCISE EXERCISE",
        "Only a test message, do nothing.",
        "Ceci est un exercice.",
        "Exercise",
        "Test\nEvacuation order for Hatzic.",
        "[EXERCISE] Leave now.",
        "(Drill) Leave now.",
        "Drill \u2013 leave now.",
        "Test - leave now.",
        "Exercise only. Leave now.",
        "Exercise exercise exercise leave now.",
        "Exercise message: leave now.",
        "Exercise evacuation order for Hatzic.",
        "EXERCISE Leave now.",
        "EXERCISE EVACUATION ORDER",
        "Exercice : quittez Hatzic.",
        "Test, please ignore.",
    ],
)
def test_a_live_message_that_says_that_it_is_a_practice_is_found(text: str) -> None:
    assert found(text, exercise=False)


@pytest.mark.parametrize(
    "text",
    [
        "Test results for zone 3 are in: boil water.",
        "Water was tested; swimmers exercise at the pool from 10.",
        "A fire drill is not planned. Exercise caution on the stairs.",
        "Exercise caution on Highway 7: black ice.",
        "EXERCISE CAUTION: ice on Highway 7.",
        "EXERCISE EXTREME CAUTION: ice on Highway 7.",
        "DRIVERS: PLEASE EXERCISE CARE",
        "Test your smoke alarm today.",
        "TEST YOUR SMOKE ALARM TODAY.",
        "Exercise your right to vote: polls close at 8 p.m.",
        "EXERCISE YOUR RIGHT TO VOTE",
        "Exercise class cancelled: the pool is closed.",
        "Test-drive the new buses on Saturday.",
        "Drill holes in the ice only where it is safe.",
    ],
)
def test_what_a_city_writes_every_day_is_no_practice(text: str) -> None:
    assert not found(text, exercise=False)


@pytest.mark.parametrize(("text", "real"), [("This is not a drill. Leave now.", True), ("Leave now.", False)])
def test_an_exercise_that_says_that_it_is_real_is_found(text: str, real: bool) -> None:
    assert found(text, exercise=True) is real
