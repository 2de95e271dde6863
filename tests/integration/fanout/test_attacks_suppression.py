"""Attacks with a stolen service key that would keep an approved message from going out, on a real server."""

from __future__ import annotations

import pytest
import structlog

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from services.fanout.domain.receipts import without_attempt
from tests.integration.fanout.fanout_city import FanoutCity, eventually, fanout
from tests.support.emulators.folder import FolderPlatform
from tests.support.mission import PATIENCE

FIRE = "fire-townsquare"
Platforms = dict[str, FolderPlatform]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_message_id_that_was_claimed_beforehand_holds_no_post_back(
    town: FanoutCity, platforms: Platforms
) -> None:
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


@pytest.mark.parametrize("said", [ReceiptOutcome.FAILED, ReceiptOutcome.WITHHELD])
async def test_who_answers_an_attempt_that_is_being_called_is_noticed(
    town: FanoutCity, platforms: Platforms, said: ReceiptOutcome
) -> None:
    """A forged end while the platform is called: the worker says so aloud, and what was really posted is behind."""
    platforms["mastodon"].behave(FIRE, "wait")
    request = await town.request(FIRE)
    await town.approve(request)
    thief = await town.ledger("fanout")
    with structlog.testing.capture_logs() as logs:
        async with fanout(town, platforms) as runtime:
            await town.verdict(request)
            await eventually(lambda: platforms["mastodon"].calls(FIRE) == ["publish wait"])
            [(attempt, _)] = await town.attempts(request, FIRE)
            forged = without_attempt(request, FIRE, "mastodon", said, town.clock.now(), final=True, reason="forged")
            forged = forged.model_copy(update={"attempt_seq": attempt.seq, "worker": "somebody"})
            stored = await thief.append(subjects.receipt(FIRE, request.request_id), forged, expect_last=0)
            await runtime.projection.at_least(stored.seq, PATIENCE)
            platforms["mastodon"].open(FIRE)
            receipt = await town.until(request, FIRE, lambda one: one.outcome is ReceiptOutcome.DELIVERED)
    assert receipt.attempt_seq == attempt.seq
    assert len(platforms["mastodon"].posts(FIRE)) >= 1
    assert [one for one in logs if "that is being made" in one["event"]]
