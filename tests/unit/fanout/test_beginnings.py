"""The beginning of a thread that is public is never lost: by the call, in the receipts, and for a recall."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import PlatformContent, Rendering
from services.fanout.connectors.contract import (
    Correction,
    Declaration,
    HandedOver,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    Retryable,
    WhenUnknown,
)
from services.fanout.delivery.caller import AfterAnswer, Caller, Lease, NotAttempted, intent_of
from services.fanout.domain import receipts
from services.fanout.domain.step import End
from services.fanout.following.earlier import EarlierPosts, Follow
from services.fanout.following.taking_back import TakesBack
from services.kernel.base.clock import ManualClock
from services.kernel.fold.state import RequestState
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.test_posting_receipts import Harness
from tests.unit.fanout.world import NOW, profile, receipt, request
from tests.unit.states import ended_target, state

FIRE = profile("fire-social")
PART = Posted("https://m.example/1", "1")
BEGUN = receipt(url=PART.url, remote_id=PART.remote_id)
HELD = NotAttempted("it was withdrawn")


class Thread:
    """A connector that answers one after the other."""

    platform = "mastodon"

    def __init__(self, *answers: PublishResult) -> None:
        self.answers = list(answers)
        self.repeats: list[bool] = []

    async def publish(self, intent: Intent, _fetch_media: Any) -> PublishResult:
        self.repeats.append(intent.repeat)
        return self.answers.pop(0)


async def called(*answers: PublishResult, held_after: int = 9) -> PublishResult | NotAttempted:
    """What a caller makes of these answers; after so many calls it may not be posted any more."""
    return await called_on(Thread(*answers), held_after)


async def called_on(connector: Any, held_after: int = 9) -> PublishResult | NotAttempted:
    clock, made = ManualClock(NOW), 0
    caller = Caller(SimpleNamespace(log=None, clock=clock), None)  # type: ignore[arg-type]
    intent = intent_of(request(), FIRE, "k", 5.0)

    async def authorize() -> NotAttempted | None:
        nonlocal made
        made += 1
        return None if made <= held_after else HELD

    return await caller.publish(connector, intent, Lease(clock, 15.0), authorize, lambda _: AfterAnswer.MAY_REPEAT)


@in_virtual_time
async def test_what_may_not_go_on_still_says_what_stands() -> None:
    """Part 1 of 2 is public, the platform asks to wait, and meanwhile the message is withdrawn."""
    found = await called(Retryable("1 of 2 parts are posted", begun=PART), held_after=1)
    assert found == Retryable("1 of 2 parts are posted; it was withdrawn", begun=PART)
    assert await called(Retryable("busy"), held_after=1) == Retryable("busy; it was withdrawn"), "it was called"
    assert await called(held_after=0) == HELD


@in_virtual_time
@pytest.mark.parametrize("last", [Permanent("no"), Permanent("no", begun=PART)])
async def test_a_later_answer_takes_nothing_back_of_an_earlier_one(last: Permanent) -> None:
    assert await called(Retryable("busy", begun=PART), Retryable("busy"), last) == Permanent("no", begun=PART)
    assert await called(Retryable("busy", begun=PART), Posted("https://m.example/9", "9")) == Posted(
        "https://m.example/9", "9"
    )


@in_virtual_time
async def test_behind_a_beginning_each_call_is_a_repeat() -> None:
    """So the connector looks for what stands before it posts the first part again; who has to look is told of it."""
    handed = await called(Retryable("not shown yet", begun=PART), HandedOver("please look"))
    assert handed == HandedOver(f"please look; it begins at {PART.url}")
    thread = Thread(Retryable("not shown yet", begun=PART), Retryable("busy"), PART)
    assert await called_on(thread) == PART
    assert thread.repeats == [False, True, True]


async def test_an_end_without_an_attempt_says_what_stands() -> None:
    """Also behind a later attempt that was held back before its call, and says nothing of it."""
    harness, written = Harness(), []

    async def receipt_of(said: Receipt, _known: int) -> None:
        written.append(said)

    harness.records.receipt = receipt_of  # type: ignore[method-assign, assignment]
    target = ended_target(receipt(attempt_seq=60), receipts=[(51, BEGUN), (61, receipt(attempt_seq=60))])
    place = harness.place._replace(target=target)
    await harness.settler.end(place, End(ReceiptOutcome.UNCONFIRMED, True, "it expired"), 61)
    assert [(one.attempt_seq, one.url, one.remote_id) for one in written] == [(0, PART.url, PART.remote_id)]


@pytest.mark.parametrize(
    ("end", "named"),
    [
        (receipt(outcome=ReceiptOutcome.FAILED, final=True), "1"),
        (receipt(outcome=ReceiptOutcome.FAILED, final=True, remote_id="2"), "2"),
        (receipt(outcome=ReceiptOutcome.RECALLED, final=True), None),
        (receipt(), None),
    ],
)
def test_an_end_of_what_nobody_saw_delivered_names_what_stands(end: Receipt, named: str | None) -> None:
    """So that a recall goes there; an attempt that ended so far without an end of it says only what it knows."""
    assert receipts.naming(end, BEGUN).remote_id == named
    assert receipts.naming(end, None) == end


async def follow_of(act: Any, said: tuple[Receipt, ...], **able: bool) -> Follow:
    """How a message goes to a profile that is about another one, of which this was said."""
    earlier = request()
    content = PlatformContent(platform="mastodon", parts=("So.",), created_at=NOW, act=act, about=earlier.request_id)
    about = request(request_id="rother", replaces=earlier.request_id, renderings=(Rendering.of(content),))
    known = [(51 + number, one) for number, one in enumerate(said)]
    held = state(earlier, targets={FIRE.id: ended_target(known[-1][1], receipts=known)})

    async def state_on(request_id: str, _profile: str) -> RequestState | None:
        return held if request_id == earlier.request_id else None

    runtime: Any = SimpleNamespace(state_on=state_on)
    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True, **able)
    connector: Any = SimpleNamespace(platform="mastodon", declaration=declaration)
    follow = await EarlierPosts(runtime).of(about, FIRE, connector)
    assert follow is not None
    return follow


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ((receipt(attempt_seq=60),), ["1"]),
        ((receipt(attempt_seq=0, outcome=ReceiptOutcome.EXPIRED, final=True),), ["1"]),
        ((receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="2"),), ["2"]),
    ],
)
async def test_a_recall_finds_the_beginning_of_a_thread(later: tuple[Receipt, ...], found: list[str]) -> None:
    follow = await follow_of("recall", (BEGUN, *later))
    assert isinstance(follow.connector, TakesBack)
    assert [one.remote_id for one in follow.connector._posts] == found


STOOD = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="1", url="https://m.example/1")
IN_DOUBT = STOOD.model_copy(update={"outcome": ReceiptOutcome.UNCONFIRMED, "reason": "it is not there any more"})
GIVEN_UP = receipt(outcome=ReceiptOutcome.FAILED, final=True, resolution_seq=70)
POSTED = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, resolution_seq=70, url="https://m.example/1")
ELSEWHERE = POSTED.model_copy(update={"url": "https://m.example/2"})
AGAIN = receipt(resolution_seq=70)


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ((STOOD,), "1"),
        ((STOOD, IN_DOUBT), "1"),
        ((STOOD, IN_DOUBT, GIVEN_UP), ""),
        ((STOOD, IN_DOUBT, POSTED), "1"),
        ((STOOD, IN_DOUBT, ELSEWHERE), ""),
        ((STOOD, IN_DOUBT, AGAIN), ""),
        ((STOOD, IN_DOUBT, AGAIN, STOOD.model_copy(update={"remote_id": "2"})), "2"),
        ((BEGUN, receipt(attempt_seq=60)), "1"),
        ((receipt(outcome=ReceiptOutcome.UNCONFIRMED, final=True),), ""),
    ],
)
async def test_a_correction_answers_no_post_that_a_person_says_is_gone(
    said: tuple[Receipt, ...], answered: str
) -> None:
    """Mastodon refuses the answer to what is gone for good: nobody would read the correction. A recall tries to delete
    it all the same.
    """
    assert (await follow_of("correct", said, reply=True)).follows == answered
    recall = (await follow_of("recall", said)).connector
    assert isinstance(recall, TakesBack)
    assert [one.remote_id for one in recall._posts] == [next((x.remote_id for x in reversed(said) if x.remote_id), "")]
