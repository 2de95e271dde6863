"""Asking back grows with the reach of a message."""

from __future__ import annotations

import pytest

from schemas.events.control import Posture
from services.desk import confirm
from services.desk.confirm import question
from services.desk.options import PublishManner
from services.desk.views.message import advice
from services.desk.views.output import console
from services.kernel.base.errors import BadInput


def test_one_profile_takes_a_yes() -> None:
    _, answers = question(1, "profiles", None)
    assert answers == {"y", "yes"}


def test_several_profiles_take_their_number() -> None:
    prompt, answers = question(7, "profiles", "Flood")
    assert answers == {"7"}
    assert "7 profiles" in prompt


def test_all_departments_take_a_sentence_or_the_incident() -> None:
    prompt, answers = question(26, "all-departments", "Fraser Flood")
    assert answers == {"yes 26", "fraser flood"}
    assert "26" in prompt
    assert "Fraser Flood" in prompt
    assert question(26, "all-departments", None)[1] == {"yes 26"}


@pytest.mark.parametrize(
    ("posture", "scope", "crisis", "word"),
    [
        (Posture.ROUTINE, "profiles", False, "publisher of that profile"),
        (Posture.ROUTINE, "profiles", True, "2(ii)"),
        (Posture.ROUTINE, "all-departments", False, "in a crisis only"),
        (Posture.CRISIS, "profiles", True, "2(i)"),
        (Posture.EOC_ACTIVATING, "profiles", True, "2(iii)"),
        (Posture.EOC_ACTIVE, "profiles", False, "2(iii)"),
        (Posture.EOC_ACTIVE, "all-departments", True, "2(iv)"),
    ],
)
def test_the_forecast_names_the_clause(posture: Posture, scope: str, crisis: bool, word: str) -> None:
    assert word in advice.needs(posture, scope, crisis)


def test_the_posture_in_one_line() -> None:
    assert advice.posture_line(Posture.EOC_ACTIVE, 2, "Flood") == "EOC ACTIVE, level 2: Flood"
    assert advice.posture_line(Posture.ROUTINE, None, None) == "routine"


@pytest.mark.parametrize("yes", [True, False])
async def test_yes_does_not_accept_what_screening_found(yes: bool) -> None:
    """Only ``--acknowledge`` says in somebody's name that they saw it, where nobody can be asked."""
    with pytest.raises(BadInput) as fault:
        await confirm.screening(console(), ("link-missing", "profanity"), PublishManner(yes=yes))
    assert fault.value.code == "screening.unacknowledged"
    assert "link-missing, profanity" in fault.value.message
    assert "--acknowledge" in fault.value.hint
    await confirm.screening(console(), ("link-missing",), PublishManner(yes=yes, acknowledge=True))
    await confirm.screening(console(), (), PublishManner(yes=yes))


async def test_acknowledging_is_not_confirming() -> None:
    with pytest.raises(BadInput) as fault:
        await confirm.publishing(PublishManner(acknowledge=True), profiles=1, scope="profiles", incident=None)
    assert fault.value.code == "confirm.needed"
