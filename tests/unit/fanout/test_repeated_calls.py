"""A call is repeated within its attempt only by what the ledger holds then, as the first one is made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.control import Posture
from services.fanout.connectors.contract import Intent, Permanent, Posted, PublishResult, Retryable
from services.fanout.delivery.caller import AfterAnswer, Caller, Lease, NotAttempted
from services.fanout.delivery.judge import Judge
from services.fanout.delivery.posting import _PostingWay, _RecordedAttempt
from services.fanout.following.answering import AT_ONCE, STANDS_ALONE, AnswersEarlier
from services.kernel.base.errors import Unreachable
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.test_posting_receipts import Harness
from tests.unit.fanout.world import approval, attempt, profile


class RepeatHarness(Harness):
    """A worker whose platform asks to wait once, and that is stopped meanwhile, or cut off (``away``)."""

    def __init__(self, *, withdrawn: bool = False, away: bool = False) -> None:
        super().__init__()
        self.state.said = (approval(self.state.request, "mcpe"),)
        self.calls, self.asked, self.withdrawn, self.away = 0, 0, withdrawn, away
        parts: Any = self.posting
        runtime = parts._runtime
        runtime.city, runtime.ledger = SimpleNamespace(realm="live"), SimpleNamespace(fault=None)
        runtime.projection.fresh = self.fresh
        parts._judge, parts._caller = Judge(runtime), Caller(runtime, parts._caller)
        parts._admission = SimpleNamespace(note_answer=lambda *_: AfterAnswer.MAY_REPEAT)

    async def fresh(self, _seconds: float) -> None:
        """Fold what is stored while the worker pauses, if the broker can be reached."""
        self.asked += 1
        if self.calls and self.away:
            raise Unreachable("broker.unreachable", "the broker does not answer")
        if self.calls and self.withdrawn:
            self.posting._runtime.fold.requests.clear()

    async def publish(self, _intent: Intent, _fetch_media: Any) -> PublishResult:
        """Ask to wait at first."""
        self.calls += 1
        return Retryable("busy", after=0.1) if self.calls == 1 else Posted("https://m.example/1", "1")

    async def refuse_answers(self, intent: Intent, _fetch_media: Any) -> PublishResult:
        """Say that what it answers is not there."""
        self.calls += 1
        return Permanent("gone", gone=True) if intent.follows else Posted("https://m.example/1", "1")

    async def called(self, connector: Any = None, follows: str = "") -> PublishResult | NotAttempted:
        """What comes of the attempt."""
        quiet: Any = SimpleNamespace(calling=lambda: None, over=lambda: None)
        connector = connector or SimpleNamespace(platform="mastodon", publish=self.publish)
        way = _PostingWay(profile("fire-social"), connector, quiet, quiet, follows)
        lease = Lease(self.clock, 15.0)
        call = _RecordedAttempt(self.place, way, attempt(), 50, quiet, lease, Posture.ROUTINE, 44)
        return await self.posting._call(call)


@in_virtual_time
async def test_what_still_may_be_posted_is_called_again() -> None:
    harness = RepeatHarness()
    assert await harness.called() == Posted("https://m.example/1", "1")
    assert (harness.calls, harness.asked) == (2, 2)


@pytest.mark.parametrize(
    ("harness", "reason"),
    [
        (RepeatHarness(withdrawn=True), "busy; another worker took it over"),
        (RepeatHarness(away=True), "busy; the broker does not answer"),
    ],
    ids=["withdrawn", "cut off"],
)
@in_virtual_time
async def test_what_was_taken_back_in_the_pause_is_not_called_again(harness: RepeatHarness, reason: str) -> None:
    """Also by a worker that heard nothing of it: stopped in its pause, it went on by a stale fold and posted."""
    assert await harness.called() == Retryable(reason, after=0.1)
    assert harness.calls == 1


@pytest.mark.parametrize("withdrawn", [False, True])
@in_virtual_time
async def test_what_cannot_answer_is_posted_by_itself_only_if_it_still_may_be(withdrawn: bool) -> None:
    """Its first call was refused, and it was withdrawn before the second: nothing is posted."""
    harness = RepeatHarness(withdrawn=withdrawn)
    platform: Any = SimpleNamespace(platform="mastodon", publish=harness.refuse_answers)
    intent: Any = None
    result = await harness.called(AnswersEarlier(platform, intent), "5")
    if withdrawn:
        assert result == Retryable(f"{STANDS_ALONE}: gone; another worker took it over", AT_ONCE)
        assert harness.calls == 1
    else:
        assert result == Posted("https://m.example/1", "1", STANDS_ALONE)
        assert (harness.calls, harness.asked) == (2, 2)
