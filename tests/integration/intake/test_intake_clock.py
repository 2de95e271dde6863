"""Intake on a machine whose clock is wrong: it refuses nothing by it, and ends nothing early."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas import canonical
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.requests import SubmissionEvent
from services.intake.decisions import Decisions
from services.intake.earlier import EarlierRequests
from services.intake.handlers import IntakeHandlers
from services.intake.preparation import Preparation
from services.intake.revisions import Revisions
from services.intake.sender_quotas import SenderQuotas
from tests.integration.intake.conftest import IntakeCity, approval_now, event
from tests.support.wrong_clock import WrongClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = [timedelta(seconds=100), timedelta(seconds=-100), timedelta(hours=7), timedelta(hours=-7)]


def handlers_of(town: IntakeCity, ahead: timedelta) -> IntakeHandlers:
    """The handlers of an intake whose clock is so much ahead, as its wiring makes them."""
    runtime = replace(town.intake, clock=WrongClock(ahead))
    preparation = Preparation(runtime, EarlierRequests(runtime))
    return IntakeHandlers(runtime, preparation, Decisions(runtime), Revisions(runtime), SenderQuotas(runtime))


def submission(**said: str) -> SubmissionEvent:
    """A message, as its author sends it."""
    return SubmissionEvent.from_bytes(canonical.dumps(event(**said)))


@pytest.mark.parametrize("ahead", WRONG)
async def test_an_approval_of_this_moment_counts(town: IntakeCity, ahead: timedelta) -> None:
    """By a clock that is behind it is one of the future, by one that is ahead it is over."""
    request = await town.stored((await town.submit("drivebc", event()))["request_id"])
    approval = approval_now(request, "mcpe", town.signer("mcpe"))
    reply = await handlers_of(town, ahead).on_approval(approval, "mcpe")
    assert reply.seq


@pytest.mark.parametrize("ahead", WRONG)
async def test_a_message_lasts_as_long_as_it_should(town: IntakeCity, ahead: timedelta) -> None:
    """By a clock that is hours behind it is over before anybody can approve it."""
    handlers = handlers_of(town, ahead)
    reply = await handlers.on_submit(submission(), "drivebc")
    request = await town.stored(reply.request_id)
    usual = timedelta(seconds=town.intake.control.settings.request_seconds)
    assert abs(request.expires_at - town.now() - usual) < CLOCK_SKEW
    preview = await handlers.on_preview(submission(), "clerk")
    assert abs(preview.created_at - town.now()) < CLOCK_SKEW


@pytest.mark.parametrize("ahead", WRONG)
async def test_what_expires_soon_is_taken(town: IntakeCity, ahead: timedelta) -> None:
    expires = (town.now() + timedelta(minutes=20)).isoformat()
    made = submission(expires=expires, time=town.now().isoformat())
    assert (await handlers_of(town, ahead).on_submit(made, "clerk")).seq
