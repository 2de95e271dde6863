"""Answers to posts of other accounts, by the address that the web application gives them, on a real Bluesky server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fanout.connectors.contract import Absent, CannotTell, Intent, Permanent, Posted, ReadsBack, Retryable
from tests.integration.connectors.harnesses import an_intent, store
from tests.platforms.harness import APP, BlueskyHarness

ANSWER = ("Yes: boil it for a minute. (1/2)", "The reception centre has water. (2/2)")


async def published(harness: BlueskyHarness, intent: Intent) -> Posted:
    posted = await harness.connector.publish(intent, store)
    assert isinstance(posted, Posted), posted
    return posted


def answer_to(harness: BlueskyHarness, address: str) -> Intent:
    return an_intent(harness.profile("fire"), *ANSWER, request_id="rbbbbbbbbbbbb", answers=address)


@pytest.mark.parametrize("by", ["did", "handle"])
async def test_an_answer_stands_under_the_post_once(bluesky: BlueskyHarness, by: str) -> None:
    """In the thread that the question is in; a repeat by another process finds it; it reads back as approved."""
    opened = await published(bluesky, an_intent(bluesky.profile("fire"), "Boil water."))
    asking = an_intent(bluesky.profile("water"), "May I drink it?", request_id="rccccccccccc")
    question = await published(bluesky, replace(asking, follows=opened.remote_id))
    address = question.url
    if by == "handle":
        account = bluesky.accounts["water"]
        address = address.replace(account.did, account.handle) + "?ref=share"
    intent = answer_to(bluesky, address)
    posted = await published(bluesky, intent)
    by_uri = {record["uri"]: record["value"] for record in await bluesky.records("fire")}
    first, second = (by_uri[uri]["reply"] for uri in posted.remote_id.split(","))
    assert (first["root"]["uri"], first["parent"]["uri"]) == (opened.remote_id, question.remote_id)
    assert (second["root"]["uri"], second["parent"]["uri"]) == (opened.remote_id, posted.remote_id.partition(",")[0])
    again = bluesky.restart()
    assert await again.reconcile(intent) == posted
    assert await again.publish(replace(intent, repeat=True), store) == posted
    assert isinstance(again, ReadsBack)
    assert await again.read_back(intent, posted.remote_id) == posted
    assert len(await bluesky.records("fire")) == 1 + len(ANSWER)


async def test_what_is_not_there_is_not_answered(bluesky: BlueskyHarness) -> None:
    """Nothing is posted: an answer without its question would be a message that nobody asked for."""
    asking = an_intent(bluesky.profile("water"), "May I drink it?")
    question = await published(bluesky, asking)
    await bluesky.connector.retract(asking, question.remote_id)
    elsewhere = question.url.replace(APP, "https://elsewhere.example")
    for address in (question.url, elsewhere, f"{APP}/profile/{bluesky.accounts['water'].did}/post/short", APP):
        result = await bluesky.connector.publish(answer_to(bluesky, address), store)
        assert isinstance(result, Permanent), (address, result)
    assert await bluesky.connector.reconcile(answer_to(bluesky, question.url)) == Absent()
    assert isinstance(await bluesky.connector.reconcile(answer_to(bluesky, elsewhere)), CannotTell)
    assert await bluesky.records("fire") == []


async def test_while_it_cannot_be_looked_for_the_answer_waits(bluesky: BlueskyHarness) -> None:
    nobody = await bluesky.connector.publish(answer_to(bluesky, f"{APP}/profile/nobody.test/post/3lbaaaaaaaaaa"), store)
    assert isinstance(nobody, Retryable)
    question = await published(bluesky, an_intent(bluesky.profile("water"), "May I drink it?"))
    await bluesky.misbehave("error_before", on="read")
    assert isinstance(await bluesky.connector.publish(answer_to(bluesky, question.url), store), Retryable)
    assert await bluesky.records("fire") == []
    assert isinstance(await bluesky.connector.publish(answer_to(bluesky, question.url), store), Posted)
