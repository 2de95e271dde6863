"""From when and until when a submission may be posted."""

from __future__ import annotations

from datetime import timedelta

from schemas.events.requests import SCHEDULE_GRACE
from services.intake.domain import approval as decisions
from services.intake.domain.approval import RequestContext
from tests.unit.intake.world import NOW, approval, city, code_of, draft, request

HOUR = timedelta(hours=1)


def test_a_scheduled_message_is_posted_in_its_grace_and_carries_its_own_time() -> None:
    made = request(not_before=(NOW + HOUR).isoformat())
    assert (made.not_before, made.expires_at) == (NOW + HOUR, NOW + HOUR + SCHEDULE_GRACE)
    assert {one.content().created_at for one in made.renderings} == {NOW + HOUR}
    assert {one.content().expires for one in made.renderings} == {None}


def test_the_authors_end_of_a_scheduled_message_is_what_the_website_says() -> None:
    made = request(not_before=(NOW + HOUR).isoformat(), expires=(NOW + 3 * HOUR).isoformat())
    assert made.expires_at == NOW + HOUR + SCHEDULE_GRACE
    assert made.renderings[0].content().expires == NOW + 3 * HOUR
    soon = request(not_before=(NOW + HOUR).isoformat(), expires=(NOW + HOUR + timedelta(minutes=1)).isoformat())
    assert soon.expires_at == NOW + HOUR + timedelta(minutes=1)


def test_a_schedule_is_in_the_future_and_not_too_far() -> None:
    assert code_of(draft, not_before=NOW.isoformat()) == "at.past"
    assert code_of(draft, not_before=(NOW + timedelta(days=8)).isoformat()) == "at.too_far"
    assert code_of(draft, not_before=(NOW + HOUR).isoformat(), expires=(NOW + HOUR).isoformat()) == "expires.past"


def test_an_approval_of_what_is_scheduled_may_last_until_that() -> None:
    made = request(not_before=(NOW + 5 * HOUR).isoformat())
    for late, code in ((timedelta(0), ""), (timedelta(seconds=1), "approval.too_long")):
        given = approval(made, "mcpe", expires_at=made.expires_at + late)
        statement = decisions.read_statement(given, "mcpe")
        asked = (given, statement, RequestContext(made), city(), NOW)
        if code:
            assert code_of(decisions.check, *asked) == code
        else:
            decisions.check(*asked)
