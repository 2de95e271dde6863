"""A correction on a real Bluesky server whose message was deleted by hand."""

from __future__ import annotations

from dataclasses import replace

from services.fanout.connectors.contract import Posted, Retracted, Retryable
from services.fanout.following.answering import STANDS_ALONE, AnswersEarlier
from tests.integration.connectors.harnesses import an_intent, store
from tests.platforms.harness import BlueskyHarness


async def test_a_correction_of_what_is_gone_stands_for_itself_once(bluesky: BlueskyHarness) -> None:
    """In a call of its own; another process finds it, whether it looks or posts again."""
    earlier = an_intent(bluesky.profile("fire"), "Closed to 4 pm.")
    stood = await bluesky.connector.publish(earlier, store)
    assert isinstance(stood, Posted), stood
    assert await bluesky.connector.retract(earlier, stood.remote_id) == Retracted()
    correction = an_intent(bluesky.profile("fire"), "Correction: to 5 pm.", request_id="rnew")
    correction = replace(correction, follows=stood.remote_id)
    way = AnswersEarlier(bluesky.connector, earlier)
    assert isinstance(await way.publish(correction, store), Retryable)
    assert await bluesky.records("fire") == []
    made = await way.publish(correction, store)
    assert isinstance(made, Posted), made
    assert made.note == STANDS_ALONE
    fresh, repeat = AnswersEarlier(bluesky.restart(), earlier), replace(correction, repeat=True)
    assert await fresh.reconcile(repeat) == made
    again = await fresh.publish(repeat, store)
    again = await fresh.publish(repeat, store) if isinstance(again, Retryable) else again
    assert isinstance(again, Posted), again
    assert again.remote_id == made.remote_id
    [record] = await bluesky.records("fire")
    assert "reply" not in record["value"]
