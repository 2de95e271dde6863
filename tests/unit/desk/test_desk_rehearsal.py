"""What a rehearsal's outcome is, and when none may be made."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from schemas.events.control import Posture
from schemas.events.desk import EocView
from services.desk.city.rehearsal import TEXT, why_refused
from services.desk.views.state.rehearsal import (
    RehearsalStep,
    Rehearsed,
    StepName,
    StepResult,
    exit_status,
    question,
    rehearsals,
)
from services.kernel.base.errors import Exit

WORKED, FAILED, NOT_TRIED = StepResult.WORKED, StepResult.FAILED, StepResult.NOT_TRIED


def rehearsed(*results: StepResult, left: bool = False, silent: bool = False) -> Rehearsed:
    steps = [
        RehearsalStep(name, result, "why" if result is FAILED else "", unreachable=silent and result is FAILED)
        for name, result in zip(StepName, results, strict=True)
    ]
    return Rehearsed("fire-x", tuple(steps), "https://x.example/1", left)


ALL = rehearsed(WORKED, WORKED, WORKED, WORKED)
STAYS = rehearsed(WORKED, WORKED, StepResult.NOT_OFFERED, StepResult.NOT_OFFERED, left=True)
UNREAD = rehearsed(WORKED, WORKED, FAILED, WORKED)
REFUSED = rehearsed(FAILED, NOT_TRIED, NOT_TRIED, NOT_TRIED)
SILENT = rehearsed(FAILED, NOT_TRIED, NOT_TRIED, NOT_TRIED, silent=True)
UNKNOWN = rehearsed(WORKED, FAILED, NOT_TRIED, NOT_TRIED, left=True, silent=True)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([ALL], Exit.DONE),
        ([ALL, STAYS], Exit.DONE),
        ([UNREAD], Exit.PARTLY),
        ([ALL, REFUSED], Exit.PARTLY),
        ([UNKNOWN], Exit.PARTLY),
        ([REFUSED], Exit.USAGE),
        ([REFUSED, SILENT], Exit.USAGE),
        ([SILENT, SILENT], Exit.UNREACHABLE),
    ],
)
def test_the_exit_status_says_whether_something_was_posted(found: list[Rehearsed], status: Exit) -> None:
    assert exit_status(found) == status


def test_a_person_is_told_beforehand_where_it_stays() -> None:
    assert question(1, ()) == "This posts a rehearsal on 1 practice account and deletes it."
    assert question(3, ("fire-slack",)).endswith("until somebody deletes it by hand, on fire-slack.")


def test_what_failed_and_what_is_left_is_said_in_words() -> None:
    out = io.StringIO()
    rehearsals(Console(file=out, width=120), [UNREAD, UNKNOWN], ["fire-website"])
    shown = out.getvalue()
    assert "fire-x, read-back: why" in shown
    assert shown.count("look, and delete it: https://x.example/1") == 1
    assert "No account to rehearse on: fire-website." in shown


@pytest.mark.parametrize(
    ("posture", "hold", "allowed"),
    [(Posture.ROUTINE, False, True), (Posture.ROUTINE, True, False)]
    + [(posture, False, False) for posture in Posture if posture is not Posture.ROUTINE],
)
def test_a_rehearsal_is_for_quiet_times(posture: Posture, hold: bool, allowed: bool) -> None:
    view = EocView(
        realm="exercise",
        city="Mission",
        website="https://mission.example",
        posture=posture,
        control_seq=1,
        hold=hold,
        in_flight=0,
        last_seq=1,
    )
    assert (why_refused(view) is None) is allowed


def test_the_words_say_that_nothing_has_happened() -> None:
    assert TEXT.startswith("EXERCISE. This is a rehearsal")
    assert "Nothing has happened" in TEXT
