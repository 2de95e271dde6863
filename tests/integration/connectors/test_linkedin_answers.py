"""Answers of a page under posts of LinkedIn, its own and those of others, against the emulator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fanout.connectors.contract import CannotTell, Retryable
from services.fanout.connectors.linkedin.comments import Thread, named
from tests.integration.connectors.asking import ANSWER, LINKEDIN, OTHERS, OWN, answer_to, asked, words_under
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import an_intent, published, store


@pytest.mark.parametrize(
    ("path", "thread"),
    [
        ("/feed/update/urn:li:activity:12/", Thread("urn:li:activity:12")),
        ("/feed/update/urn%3Ali%3AugcPost%3A12", Thread("urn:li:ugcPost:12")),
        ("/posts/city-of-mission_boil-water-activity-12-AbC_?utm_source=share", Thread("urn:li:activity:12")),
        ("/posts/jo-doe-share-12", Thread("urn:li:share:12")),
        (
            "/feed/update/urn:li:activity:12?commentUrn=urn%3Ali%3Acomment%3A%28activity%3A12%2C34%29",
            Thread("urn:li:activity:12", "34"),
        ),
        (
            "/feed/update/urn:li:share:9?commentUrn=urn:li:comment:(urn:li:activity:12,34)&replyUrn=x",
            Thread("urn:li:activity:12", "34"),
        ),
        ("/company/1001/", None),
        ("/in/jo?commentUrn=urn:li:comment:(activity:12,34)", None),
    ],
)
def test_addresses_name_posts_and_comments(path: str, thread: Thread | None) -> None:
    """As a browser shows them, and as people share them."""
    assert named(LINKEDIN + path, LINKEDIN) == thread
    assert named(f"https://elsewhere.example{path}", LINKEDIN) is None


async def test_an_answer_to_a_post_of_the_page_or_of_others(linkedin: EmulatedHarness) -> None:
    linkedin.emulator.discussion.others.add(OTHERS)
    own = await published(linkedin.connector, an_intent(linkedin.profile("fire"), "Boil water."))
    for above, address in (
        (own.remote_id, own.url),
        (OTHERS, f"{LINKEDIN}/posts/jo-{OTHERS[7:].replace(':', '-')}-Ab"),
    ):
        intent = replace(answer_to(linkedin, address), idempotency_key=above)
        await published(linkedin.connector, intent)
        assert words_under(linkedin, above) == [(OWN["linkedin"], ANSWER)]


async def test_a_comment_at_no_time_cannot_be_told(linkedin: EmulatedHarness) -> None:
    """Nothing is posted beside it, and it is no failure of the connector's own."""
    question, address = await asked(linkedin)
    intent = answer_to(linkedin, address)
    await published(linkedin.connector, intent)
    linkedin.emulator.discussion.under(question)[0]["created"]["time"] = 10**20
    assert isinstance(await linkedin.restart().reconcile(intent), CannotTell)
    assert isinstance(await linkedin.restart().publish(replace(intent, repeat=True), store), Retryable)
