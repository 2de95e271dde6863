"""X's credit that is kept for a crisis: what leaves it alone, and what does not wait for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from schemas.events.requests import PlatformContent, Rendering
from services.fanout.hosts.credits import PrepaidCredit
from services.kernel.base.clock import ManualClock
from services.kernel.base.settings.city_platforms import XSection
from tests.unit.fanout.world import NOW, profile, request

FIRE = profile("fire-x", platform="x")


def test_a_routine_post_waits_for_credit_and_a_recall_does_not() -> None:
    """What is wrong and public cannot wait until somebody buys credit; a deletion costs a cent."""
    health = SimpleNamespace(troubles={})
    runtime: Any = SimpleNamespace(clock=ManualClock(NOW), fold=SimpleNamespace(seq=0), health=health)
    credit = PrepaidCredit(runtime, XSection(credit_usd=40.0, reserve_usd=40.0))
    content = PlatformContent(platform="x", parts=("So.",), created_at=NOW, act="recall", about="r1")
    recall = request(request_id="rother", replaces="r1", renderings=(Rendering.of(content),))
    assert "reserve for a crisis" in (credit.take(request(), FIRE, urgent=False) or "it went")
    assert credit.take(request(), FIRE, urgent=True) is None
    left = credit.left()
    assert left is not None
    assert left < 40.0
    assert credit.take(recall, FIRE, urgent=False) is None
    assert credit.left() == left
