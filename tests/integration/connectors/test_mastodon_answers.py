"""Answers to posts of other accounts, by their address, on a real townsquare."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from schemas.platforms import LIMITS
from services.fanout.connectors.calls.http import Endpoint, Http
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Permanent,
    Posted,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.mastodon.answering import status_at
from services.fanout.connectors.registry import connectors
from services.kernel.base.clock import SystemClock
from tests.integration.connectors.harnesses import MastodonHarness, an_intent, published, store
from tests.support.broker import PATIENCE

ANSWER = ("Yes: boil it for a minute. (1/2)", "The reception centre has water. (2/2)")


async def asked(mastodon: MastodonHarness) -> str:
    """Have another account post a question; return its address."""
    posted = await published(mastodon.connector, an_intent(mastodon.profile("water"), "May I drink it?"))
    return posted.url


async def test_an_answer_stands_under_the_post_once(mastodon: MastodonHarness) -> None:
    """Its first part answers the post; a repeat by another process finds it; it reads back as it was approved."""
    question = await asked(mastodon)
    intent = an_intent(mastodon.profile("fire"), *ANSWER, request_id="rbbbbbbbbbbbb", answers=question)
    posted = await published(mastodon.connector, intent)
    first, second = reversed(await mastodon.statuses(mastodon.profile("fire")))
    assert (first["in_reply_to_id"], second["in_reply_to_id"]) == (question.rpartition("/")[2], first["id"])
    again = mastodon.restart()
    assert await again.reconcile(intent) == posted
    assert await again.publish(replace(intent, repeat=True), store) == posted
    assert isinstance(mastodon.connector, ReadsBack)
    assert isinstance(await mastodon.connector.read_back(intent, posted.remote_id), Posted)
    assert len(await mastodon.statuses(mastodon.profile("fire"))) == len(ANSWER)


async def test_a_post_of_another_server_is_answered_by_its_address_there(mastodon: MastodonHarness) -> None:
    """The server is asked to fetch it, and its own id for the copy is answered; a repeat finds what is there."""
    question = (await asked(mastodon)).rpartition("/")[2]
    address = "https://elsewhere.example/@jo/1234"
    await mastodon.from_elsewhere(question, address)
    intent = an_intent(mastodon.profile("fire"), *ANSWER, request_id="rbbbbbbbbbbbb", answers=address)
    posted = await published(mastodon.connector, intent)
    newest = (await mastodon.statuses(mastodon.profile("fire")))[-1]
    assert newest["in_reply_to_id"] == question
    again = mastodon.restart()
    assert await again.publish(replace(intent, repeat=True), store) == posted
    assert isinstance(again, ReadsBack)
    assert isinstance(await again.read_back(intent, posted.remote_id), Posted)
    await again.close()


async def test_the_same_words_that_answer_nothing_are_another_message(mastodon: MastodonHarness) -> None:
    question = await asked(mastodon)
    fire = mastodon.profile("fire")
    await published(mastodon.connector, an_intent(fire, *ANSWER))
    intent = an_intent(fire, *ANSWER, request_id="rbbbbbbbbbbbb", answers=question)
    assert await mastodon.connector.reconcile(intent) == Absent()


async def test_what_is_not_there_is_not_answered(mastodon: MastodonHarness) -> None:
    """Nothing is posted: an answer without its question would be a message that nobody asked for."""
    fire = mastodon.profile("fire")
    for address in (f"{mastodon.running.url}/@water/987654321", "https://elsewhere.example/@jo/1234"):
        intent = an_intent(fire, request_id="rbbbbbbbbbbbb", answers=address)
        result = await mastodon.connector.publish(intent, store)
        assert isinstance(result, Permanent)
        assert "not there" in result.reason
        assert isinstance(await mastodon.connector.reconcile(intent), CannotTell)
    assert await mastodon.stands(fire) == []


async def test_an_answer_may_outlive_its_question(mastodon: MastodonHarness) -> None:
    """A repeat after the question is gone is not told as failed: the answer may stand."""
    question = await asked(mastodon)
    intent = an_intent(mastodon.profile("fire"), request_id="rbbbbbbbbbbbb", answers=question)
    await published(mastodon.connector, intent)
    water = an_intent(mastodon.profile("water"), "May I drink it?")
    assert await mastodon.connector.retract(water, question.rpartition("/")[2]) == Retracted()
    assert isinstance(await mastodon.restart().publish(replace(intent, repeat=True), store), Unknown)
    assert isinstance(await mastodon.restart().reconcile(intent), CannotTell)


async def test_while_it_cannot_be_looked_for_the_answer_waits(mastodon: MastodonHarness) -> None:
    question = await asked(mastodon)
    intent = an_intent(mastodon.profile("fire"), request_id="rbbbbbbbbbbbb", answers=question)
    await mastodon.running.stop()
    assert isinstance(await mastodon.connector.publish(intent, store), Retryable)


@pytest.mark.parametrize("form", ["{base}/@water/{id}", "{base}/users/water/statuses/{id}", "{base}/web/@water/{id}"])
async def test_an_address_is_found_by_the_page_or_by_search(mastodon: MastodonHarness, form: str) -> None:
    """The server's own pages name the status; what has another form is looked for, and not guessed."""
    question = (await asked(mastodon)).rpartition("/")[2]
    token = mastodon.city.token_path("fire-mastodon").read_text().strip()
    http, base = Http(4), mastodon.running.url
    try:
        endpoint = Endpoint(base, token, asyncio.get_running_loop().time() + PATIENCE)
        found = await status_at(http, SystemClock(), endpoint, form.format(base=base, id=question))
    finally:
        await http.close()
    assert found == question if "/web/" not in form else isinstance(found, Permanent)


async def test_intake_lets_through_what_connectors_can_answer(mastodon: MastodonHarness) -> None:
    """What a platform's limits say at submission is what its connector declares."""
    made = connectors(mastodon.city, "https://mission.example")
    try:
        able = {name for name, one in made.items() if one.declaration.answers}
        assert able == {"bluesky", "facebook", "instagram", "linkedin", "mastodon", "telegram", "threads", "x"}
        assert all(one.declaration.answers == LIMITS[name].answers for name, one in made.items())
    finally:
        for one in made.values():
            await one.close()
