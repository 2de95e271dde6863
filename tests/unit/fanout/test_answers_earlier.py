"""What comes after a message where its post is not there any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    FetchMedia,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    ReconcileResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.delivery.caller import intent_of
from services.fanout.domain.receipts import of_look
from services.fanout.following.answering import STANDS_ALONE, AnswersEarlier
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, attempt, profile, request

FIRE = profile("fire-social")
POSTED = Posted("https://m.example/8", "8", "one picture is missing")
ALONE = Posted("https://m.example/8", "8", f"one picture is missing; {STANDS_ALONE}")
REFUSED = Permanent("The post you are trying to reply to does not appear to exist.")


@dataclass
class Sender:
    """A platform that answers what is posted under another post, and by itself, as it is told to."""

    under: Any
    alone: Any = POSTED
    calls: list[Intent] = field(default_factory=list)
    platform: str = "mastodon"

    async def publish(self, intent: Intent, _fetch_media: FetchMedia) -> PublishResult:
        result: PublishResult = self._answer(intent)
        return result

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        result: ReconcileResult = self._answer(intent)
        return result

    def _answer(self, intent: Intent) -> Any:
        assert intent.call_timeout > 0
        self.calls.append(intent)
        return self.under if intent.follows else self.alone


@dataclass
class Platform(Sender):
    """One that can be asked for a post by its id, too."""

    earlier: ReadBackResult = field(default_factory=Absent)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        assert intent.call_timeout > 0
        self.asked.append((intent.request_id, remote_id))
        return self.earlier


def following() -> Intent:
    intent = intent_of(request(request_id="rother"), FIRE, "other", 5.0)
    return Intent(**(vars(intent) | {"follows": "5,6"}))


async def published(platform: Sender) -> PublishResult:
    """What comes of it, where it may be called once more."""
    connector: Any = platform
    way = AnswersEarlier(connector, intent_of(request(), FIRE, "key", 0.0))
    first = await way.publish(following(), _no_media)
    again = isinstance(first, Retryable) and STANDS_ALONE in first.reason
    return await way.publish(following(), _no_media) if again else first


@in_virtual_time
async def test_what_was_to_answer_a_post_that_is_gone_stands_for_itself() -> None:
    """Whoever saw the wrong words has to see the right ones, also where somebody deleted the wrong ones by hand."""
    platform = Platform(REFUSED)
    assert await published(platform) == ALONE
    assert platform.asked == [(request().request_id, "5,6")]
    assert [one.follows for one in platform.calls] == ["5,6", ""]


@in_virtual_time
async def test_who_says_itself_that_it_is_gone_is_not_asked() -> None:
    platform = Platform(Permanent("it is gone", gone=True), earlier=CannotTell("it is not asked"))
    assert await published(platform) == ALONE
    assert platform.asked == []


@pytest.mark.parametrize(
    "result",
    [POSTED, Retryable("busy"), Unknown("no answer"), Permanent("1 of 2 parts are posted", begun=POSTED)],
)
@in_virtual_time
async def test_only_a_refusal_has_it_looked_for(result: PublishResult) -> None:
    platform = Platform(result)
    assert await published(platform) == result
    assert (len(platform.calls), platform.asked) == (1, [])


@pytest.mark.parametrize("earlier", [POSTED, Altered((("text", "changed"),)), CannotTell("no answer")])
@in_virtual_time
async def test_while_it_is_not_known_to_be_gone_nothing_stands_for_itself(earlier: ReadBackResult) -> None:
    platform = Platform(REFUSED, earlier=earlier)
    assert await published(platform) == REFUSED
    assert len(platform.calls) == 1


@in_virtual_time
async def test_where_no_post_can_be_asked_for_a_refusal_is_the_end() -> None:
    assert await published(Sender(REFUSED)) == REFUSED


@pytest.mark.parametrize("result", [Retryable("busy"), Unknown("no answer"), Permanent("too long")])
@in_virtual_time
async def test_what_is_said_of_it_then_is_what_counts(result: PublishResult) -> None:
    assert await published(Platform(REFUSED, result)) == result


@pytest.mark.parametrize(
    ("under", "alone", "found", "looks"),
    [
        (POSTED, Absent(), POSTED, 1),
        (Absent(POSTED), Absent(), Absent(POSTED), 1),
        (Absent(), POSTED, ALONE, 2),
        (Absent(), Absent(), Absent(), 2),
        (Absent(), CannotTell("busy"), CannotTell("busy"), 2),
        (CannotTell("another stands there"), POSTED, ALONE, 2),
        (CannotTell("not seen"), Absent(), CannotTell("not seen"), 2),
        (CannotTell("busy", Cause.LIMIT), POSTED, CannotTell("busy", Cause.LIMIT), 1),
    ],
)
@in_virtual_time
async def test_it_is_looked_for_in_both_places(
    under: ReconcileResult, alone: ReconcileResult, found: ReconcileResult, looks: int
) -> None:
    """Else what stands for itself would be posted twice, when its call had no answer."""
    platform = Platform(under, alone)
    connector: Any = platform
    assert await AnswersEarlier(connector, intent_of(request(), FIRE, "key", 0.0)).reconcile(following()) == found
    assert len(platform.calls) == looks


def test_a_look_that_finds_it_says_that_it_stands_for_itself() -> None:
    said = of_look(attempt(), 50, ALONE, NOW, WhenUnknown.LOOK)
    assert (said.outcome, said.reason) == (ReceiptOutcome.DELIVERED, f"found on the platform; {ALONE.note}")


async def _no_media(_sha256: str) -> bytes:
    raise LookupError
