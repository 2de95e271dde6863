"""What officers see of a message: each platform's text, and how long it is as that platform counts."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.events.requests import PlatformContent, Rendering
from services.web.domain.shown import renderings

AT = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)
TEXT = "Highway 7 is open. https://mission.ca/a/long/address/of/the/roads/department"


def rendering(platform: str, *parts: str) -> Rendering:
    return Rendering.of(PlatformContent(platform=platform, parts=parts, created_at=AT))


def test_platforms_that_get_the_same_are_together_each_with_its_own_count() -> None:
    """Mastodon and X take each link for 23; a website counts what is there."""
    (shown,) = renderings([rendering(name, TEXT) for name in ("mastodon", "website", "x")])
    assert shown.counts == (("mastodon, x", 42), ("website", len(TEXT)))
    assert [part.count for part in shown.parts] == [f"42-{len(TEXT)}"]


def test_what_differs_is_shown_apart() -> None:
    found = renderings([rendering("mastodon", "One."), rendering("x", "One.", "Two.")])
    assert [one.counts for one in found] == [(("mastodon", 4),), (("x", 8),)]
    assert [[part.count for part in one.parts] for one in found] == [["4"], ["4", "4"]]
