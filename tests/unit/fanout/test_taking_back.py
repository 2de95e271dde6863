"""What a recall does where nothing is on record, and where a post may be by now."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import PlatformContent, Rendering
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Correction,
    Declaration,
    Intent,
    Posted,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    WhenUnknown,
)
from services.fanout.delivery.caller import intent_of
from services.fanout.delivery.earlier import EarlierPosts
from services.fanout.delivery.taking_back import TakesBack, ToDelete
from services.fanout.domain.outside import Ours
from services.kernel.fold.state import RequestState
from services.kernel.fold.taken_over import TakenOver
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, profile, receipt, request
from tests.unit.states import ended_target, state

FIRE = profile("fire-social")
FOUND = Posted("https://m.example/7", "7")


@dataclass
class Timeline:
    """A platform that shows what it is told to, and counts what is deleted."""

    shows: ReconcileResult
    deleted: list[str] = field(default_factory=list)
    platform: str = "mastodon"

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        assert intent.call_timeout > 0
        return self.shows

    async def retract(self, _intent: Intent, remote_id: str) -> RetractResult:
        self.deleted.append(remote_id)
        return Retracted()


@pytest.mark.parametrize(
    ("shows", "others", "deleted"),
    [
        (FOUND, Ours(), ["7"]),
        (Absent(), Ours(), []),
        (Absent(FOUND), Ours(), ["7"]),
        (FOUND, Ours(ids=frozenset({"7"})), []),
        (FOUND, Ours(texts=("Road closed at Wren Street.",)), []),
    ],
)
@in_virtual_time
async def test_what_may_be_there_is_deleted_unless_it_is_another_messages(
    shows: ReconcileResult, others: Ours, deleted: list[str]
) -> None:
    """The same message may have been published anew meanwhile: with the same words, which is what is looked for."""
    platform: Any = Timeline(shows)
    content = PlatformContent(platform="mastodon", parts=("Road closed at Wren Street.",), created_at=NOW)
    earlier = intent_of(request(renderings=(Rendering.of(content),)), FIRE, "key", 0.0)
    intent = intent_of(request(), FIRE, "other", 5.0)
    took = await TakesBack(platform, (ToDelete(earlier, "", others),)).publish(intent, _no_media)
    assert (took, platform.deleted) == (Retracted(), deleted)


@in_virtual_time
async def test_where_it_cannot_be_seen_it_is_tried_again() -> None:
    platform: Any = Timeline(CannotTell("the timeline cannot be read"))
    post = ToDelete(intent_of(request(), FIRE, "key", 0.0), "", Ours())
    took = await TakesBack(platform, (post,)).publish(intent_of(request(), FIRE, "other", 5.0), _no_media)
    assert isinstance(took, Retryable)
    assert "the timeline cannot be read" in took.reason
    assert platform.deleted == []


@pytest.mark.parametrize(
    "able",
    [
        Declaration(WhenUnknown.PERSON, Correction.REPLY, delete=True, reply=True),
        Declaration(WhenUnknown.LOOK, Correction.REPLY, reply=True),
    ],
)
@in_virtual_time
async def test_nothing_is_looked_for_where_it_cannot_be_found_or_deleted(able: Declaration) -> None:
    """A notice that something is taken back, where nothing is, would only make people ask what."""
    earlier = request()
    content = PlatformContent(
        platform="mastodon", parts=("So.",), created_at=NOW, act="recall", about=earlier.request_id
    )
    recall = request(request_id="rother", replaces=earlier.request_id, renderings=(Rendering.of(content),))
    said = receipt(outcome=ReceiptOutcome.WITHHELD, final=True)
    held = state(earlier, targets={FIRE.id: ended_target(said, receipts=[(51, said)])})

    async def state_on(request_id: str, _profile: str) -> RequestState | None:
        return held if request_id == earlier.request_id else None

    known = {50: TakenOver(FIRE.id, earlier.request_id, "worker-1", "worker-2", NOW, 0.0)}
    runtime: Any = SimpleNamespace(state_on=state_on, fold=SimpleNamespace(taken_over=known))
    connector: Any = SimpleNamespace(platform="mastodon", declaration=able)
    assert await EarlierPosts(runtime).of(recall, FIRE, connector) is None


async def _no_media(_sha256: str) -> bytes:
    raise LookupError
