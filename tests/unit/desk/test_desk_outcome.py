"""What became of a request, as exit statuses and JSON."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.authority import Grant, Officer, Role
from schemas.events.desk import DeliveryView, OfficerView
from schemas.events.verdicts import Outcome
from services.desk.views.message import outcome
from services.desk.views.timetext import utc
from services.kernel.base.errors import Exit
from tests.unit.desk.views import ID, NOW, delivery, view

A, B = "fire-townsquare", "fire-website"


@pytest.mark.parametrize(
    ("found", "deliveries", "status"),
    [
        (Outcome.CLEARED, [delivery(A, "delivered"), delivery(B, "delivered")], Exit.DONE),
        (Outcome.CLEARED, [delivery(A, "delivered"), delivery(B, "failed")], Exit.PARTLY),
        (Outcome.CLEARED, [delivery(A, "delivered"), delivery(B, "unconfirmed", False)], Exit.PARTLY),
        (Outcome.CLEARED, [delivery(A, "delivered")], Exit.PARTLY),
        (Outcome.CLEARED, [], Exit.PARTLY),
        (Outcome.BLOCKED, [], Exit.BLOCKED),
        (Outcome.REFUSED, [], Exit.REFUSED),
        (Outcome.BLOCKED, [delivery(A, "delivered")], Exit.PARTLY),
        (Outcome.REFUSED, [delivery(A, "delivered"), delivery(B, "withheld")], Exit.PARTLY),
        (Outcome.REFUSED, [delivery(A, "delivered"), delivery(B, "delivered")], Exit.DONE),
        (Outcome.CLEARED, [delivery("city-website", "delivered"), delivery(A, "delivered")], Exit.PARTLY),
        (None, [], Exit.UNREACHABLE),
    ],
)
def test_exit_statuses(found: Outcome | None, deliveries: list[DeliveryView], status: Exit) -> None:
    """0 needs every wanted profile; what is on some makes any other outcome partly."""
    assert outcome.exit_status(view(found, *deliveries)) is status


def test_a_verdict_counts_once_it_weighed_what_was_just_done() -> None:
    assert outcome.decided(view(Outcome.BLOCKED, as_of=7), 7)
    assert not outcome.decided(view(Outcome.BLOCKED, as_of=6), 7)
    assert not outcome.decided(view(None), 0)


def test_an_approval_of_what_is_posted_already_brings_no_new_verdict() -> None:
    both = (delivery(A, "delivered"), delivery(B, "delivered"))
    assert outcome.decided(view(Outcome.CLEARED, *both, as_of=6), 99)
    assert not outcome.decided(view(Outcome.CLEARED, both[0], as_of=6), 99)


@pytest.mark.parametrize(
    ("found", "deliveries", "over"),
    [
        (Outcome.BLOCKED, [], True),
        (Outcome.CLEARED, [], False),
        (Outcome.CLEARED, [delivery(A, "delivered"), delivery(B, "posting")], False),
        (Outcome.CLEARED, [delivery(A, "delivered"), delivery(B, "withheld", False)], False),
        (Outcome.CLEARED, [delivery(A, "delivered"), delivery(B, "failed")], True),
    ],
)
def test_waiting_ends_when_nothing_more_will_come(found: Outcome, deliveries: list[DeliveryView], over: bool) -> None:
    assert outcome.finished(view(found, *deliveries)) is over


@pytest.mark.parametrize(
    ("found", "deliveries", "refused"),
    [
        (None, [], False),
        (Outcome.BLOCKED, [], False),
        (Outcome.REFUSED, [], True),
        (Outcome.REFUSED, [delivery(A, "delivered"), delivery(B, "failed")], True),
        (Outcome.REFUSED, [delivery(A, "delivered"), delivery(B, "posting")], False),
        (Outcome.CLEARED, [delivery(A, "failed")], False),
    ],
)
def test_refused_for_good_is_what_has_nothing_on_its_way(
    found: Outcome | None, deliveries: list[DeliveryView], refused: bool
) -> None:
    """Of such a request there is nothing left to withdraw."""
    assert outcome.refused(view(found, *deliveries)) is refused


def test_the_json_of_a_request_has_the_promised_fields() -> None:
    said = outcome.request_json(view(Outcome.BLOCKED, delivery(A, "queued")))
    assert (said["request_id"], said["revision"]) == (ID, 1)
    assert said["verdict"]["outcome"] == "blocked"
    assert said["verdict"]["control_seq"] == 3
    assert said["verdict"]["targets"] == [A, B]
    assert said["verdict"]["findings"] == [
        {"clause": "3(iv)(c)", "outcome": "blocked", "reason": "an approval is missing"}
    ]
    assert {"profile": A, "platform": "mastodon", "outcome": "queued", "url": None}.items() <= said["deliveries"][
        0
    ].items()


def test_an_officers_validity_ends_with_the_first_current_role() -> None:
    grants = (
        Grant(role=Role.PIO, valid_until=NOW + timedelta(days=9)),
        Grant(role=Role.PUBLISHER, profiles=("b-x", "a-x"), valid_until=NOW + timedelta(days=2)),
        Grant(role=Role.EMPLOYEE),
    )
    officer = Officer(id="sam", name="Sam", public_key="U" + "A" * 55, grants=grants)
    said = outcome.officer_json(OfficerView(officer=officer, grants_now=grants, revoked=False))
    assert said["roles"] == ["pio", "publisher", "employee"]
    assert said["valid_until"] == utc(NOW + timedelta(days=2))
    assert said["profiles"] == ["a-x", "b-x"]


def test_no_end_no_date() -> None:
    officer = Officer(id="sam", name="Sam", public_key="U" + "A" * 55)
    said = outcome.officer_json(OfficerView(officer=officer, grants_now=(), revoked=True))
    assert (said["roles"], said["valid_until"], said["revoked"]) == ([], None, True)
