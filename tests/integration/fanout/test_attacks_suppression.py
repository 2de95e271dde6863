"""Attacks with a stolen service key that would keep an approved message from going out, on a real server."""

from __future__ import annotations

import pytest
import structlog

from schemas import subjects
from tests.integration.fanout.platform import FolderPlatform
from tests.integration.fanout.town import Town, fanout

FIRE = "fire-townsquare"
Platforms = dict[str, FolderPlatform]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_message_id_that_was_claimed_beforehand_holds_no_post_back(town: Town, platforms: Platforms) -> None:
    """Whoever holds the key of intake stores junk on a subject of its own, under the id that the attempt will have."""
    request = await town.request(FIRE)
    await town.approve(request)
    thief = await town.js("intake")
    for place in (FIRE, "website-mirror"):
        claimed = f"attempt:{place}:{request.request_id}:1:1"
        junk = subjects.request(f"rjunk{len(place):08d}")
        assert not (await thief.publish(junk, b"{}", headers={"Nats-Msg-Id": claimed})).duplicate
    with structlog.testing.capture_logs() as logs:
        async with fanout(town, platforms):
            await town.verdict(request)
            receipt = await town.final(request, FIRE)
    assert str(receipt.outcome) == "delivered"
    assert platforms["mastodon"].texts(FIRE) == ["Road closed at Wren Street."]
    assert [one for one in logs if one["event"].startswith("alarm: the message id")]
