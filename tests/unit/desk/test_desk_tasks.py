"""What an officer is told to do by hand, and when it may not be done any more."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.desk import DeliveryView, RequestView
from schemas.events.requests import PlatformContent, Rendering
from schemas.events.verdicts import Outcome
from services.desk.views.message import tasks, unconfirmed
from services.desk.views.message.pending import pending_table
from tests.unit.desk.views import ID, NOW, delivery, eoc, view

PLACE = "https://alerts.example/console"
ALERTS = Profile(id="city-alerts", department="city", platform="manual", account=PLACE, official=True)
TEXT = "Boil water.\n\n[1] https://mission.example/water"


def task_item() -> DeliveryView:
    return delivery("city-alerts", "unconfirmed", True).model_copy(update={"platform": "manual", "receipt_seq": 44})


def handed(**changes: Any) -> RequestView:
    found = view(Outcome.CLEARED, task_item())
    content = PlatformContent(platform="manual", parts=(TEXT,), created_at=NOW)
    asked = found.request.model_copy(
        update={"renderings": (Rendering.of(content),), "expires_at": NOW + timedelta(hours=2)}
    )
    return found.model_copy(update={"request": asked} | changes)


def shown(found: list[tasks.Task]) -> str:
    out = io.StringIO()
    tasks.show(Console(file=out, width=60, highlight=False, emoji=False), found, NOW)
    return out.getvalue()


def test_a_task_shows_the_very_text_where_it_goes_and_what_to_type() -> None:
    """The text stands alone on its lines, unwrapped and with nothing of it taken for markup."""
    [task] = tasks.of(handed(), {"city-alerts": ALERTS}, eoc(), NOW)
    page = shown([task])
    assert f"\n{TEXT}\n" in page
    assert f"Enter this text at {PLACE}, exactly as it stands" in page
    assert f"onevoice resolve {ID} city-alerts --done --as OFFICER" in page
    assert task.stop == ""


@pytest.mark.parametrize(
    ("changes", "posture", "why"),
    [
        ({"withdrawn": True}, {}, "withdrawn"),
        ({"replaced_by": "rnewer"}, {}, "rnewer"),
        ({"verdict": view(Outcome.BLOCKED).verdict}, {}, "blocked"),
        ({}, {"hold": True}, "HOLD"),
        ({}, {"posture": Posture.EOC_ACTIVE, "began_seq": 1_000}, "before the EOC"),
    ],
)
def test_what_may_not_be_entered_any_more_hides_its_text(
    changes: dict[str, Any], posture: dict[str, Any], why: str
) -> None:
    found = tasks.of(handed(**changes), {"city-alerts": ALERTS}, eoc().model_copy(update=posture), NOW)
    page = shown(found)
    assert f"DO NOT enter it: {found[0].stop}" in " ".join(page.split())
    assert why in found[0].stop
    assert TEXT not in page


def test_a_task_that_is_over_or_whose_profile_is_suspended_is_stopped() -> None:
    [late] = tasks.of(handed(), {"city-alerts": ALERTS}, eoc(), NOW + timedelta(hours=2))
    assert "missed, not late" in late.stop
    [away] = tasks.of(handed(), {"city-alerts": ALERTS.model_copy(update={"official": False})}, eoc(), NOW)
    assert "not sanctioned" in away.stop
    [gone] = tasks.of(handed(), {}, eoc(), NOW)
    assert gone.stop


def test_what_was_decided_under_the_eoc_goes_on() -> None:
    posture = eoc().model_copy(update={"posture": Posture.EOC_ACTIVE, "began_seq": 1})
    assert tasks.of(handed(), {"city-alerts": ALERTS}, posture, NOW)[0].stop == ""


def test_a_doubtful_post_is_no_task_and_a_task_is_not_doubtful() -> None:
    doubtful = delivery("fire-townsquare", "unconfirmed", True)
    both = handed(deliveries=(task_item(), doubtful))
    assert [task.profile for task in tasks.of(both, {"city-alerts": ALERTS}, eoc(), NOW)] == ["city-alerts"]
    assert unconfirmed.lines(handed()) == ["An officer has to do it by hand: onevoice tasks"]
    assert len(unconfirmed.lines(both)) == 3
    out = io.StringIO()
    pending_table(Console(file=out, width=100, highlight=False, emoji=False), (handed(),), NOW)
    assert f"{ID} waits for a person:" in out.getvalue()
    assert "unconfirmed" not in out.getvalue()


def test_nothing_to_do_is_said() -> None:
    assert shown([]) == "Nothing is to be done by hand.\n"
