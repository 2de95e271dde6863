"""Answers of a page under posts of LinkedIn, its own and those of others, against the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Intent,
    Permanent,
    Posted,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.linkedin.comments import Thread, named
from tests.integration.connectors.emulated_rigs import EmulatedRig
from tests.integration.connectors.rigs import PICTURE, an_intent, store

SITE = "https://www.linkedin.com"
ANSWER = "Yes (for now): boil it for a minute."
OTHERS = "urn:li:activity:7000000000000000001"
PAGE = "urn:li:organization:1001"
JO = "urn:li:person:jo"


@pytest.fixture
async def linkedin(tmp_path: Path) -> AsyncIterator[EmulatedRig]:
    made = await EmulatedRig.open("linkedin", tmp_path)
    made.emulator.discussion.others.add(OTHERS)
    yield made
    await made.close()


def answer_to(rig: EmulatedRig, address: str, **more: object) -> Intent:
    return an_intent(rig.profile("fire"), ANSWER, request_id="rbbbbbbbbbbbb", answers=address, **more)  # type: ignore[arg-type]


def asked(rig: EmulatedRig, text: str = "May I drink it?") -> tuple[str, str]:
    """Have somebody comment; return the comment's URN, and its address as a browser shows it."""
    number = rig.emulator.discussion.ask(JO, text, OTHERS)
    inner = f"activity%3A{OTHERS.rpartition(':')[2]}%2C{number}"
    return (
        f"urn:li:comment:({OTHERS},{number})",
        f"{SITE}/feed/update/{OTHERS}/?commentUrn=urn%3Ali%3Acomment%3A({inner})",
    )


def words_under(rig: EmulatedRig, above: str) -> list[tuple[str, str]]:
    return [(one["actor"], one["message"]["text"]) for one in rig.emulator.discussion.under(above)]


async def test_an_answer_stands_under_the_comment_once(linkedin: EmulatedRig) -> None:
    """Its marks stay as they are, a repeat by another process finds it, and it is taken back by its id or without."""
    question, address = asked(linkedin)
    intent = answer_to(linkedin, address)
    assert await linkedin.connector.reconcile(intent) == Absent()
    posted = await linkedin.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    assert words_under(linkedin, question) == [(PAGE, ANSWER)]
    assert "," not in posted.remote_id, "a receipt's ids are parted by commas"
    assert named(posted.url, SITE) == Thread(OTHERS, posted.remote_id.partition("/")[2])
    again = linkedin.restart()
    assert await again.reconcile(intent) == posted
    assert await again.publish(replace(intent, repeat=True), store) == posted
    assert isinstance(again, ReadsBack)
    assert await again.read_back(intent, posted.remote_id) == posted
    other = replace(intent, content=intent.content.model_copy(update={"parts": ("No.",)}))
    assert isinstance(await again.read_back(other, posted.remote_id), Altered)
    for remote_id in (posted.remote_id, posted.remote_id, ""):
        assert await again.retract(intent, remote_id) == Retracted()
    assert words_under(linkedin, question) == []
    assert await again.read_back(intent, posted.remote_id) == Absent()


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
    assert named(SITE + path, SITE) == thread
    assert named(f"https://elsewhere.example{path}", SITE) is None


async def test_an_answer_to_a_post_of_the_page_or_of_others(linkedin: EmulatedRig) -> None:
    own = await linkedin.connector.publish(an_intent(linkedin.profile("fire"), "Boil water."), store)
    assert isinstance(own, Posted)
    for above, address in ((own.remote_id, own.url), (OTHERS, f"{SITE}/posts/jo-{OTHERS[7:].replace(':', '-')}-Ab")):
        intent = replace(answer_to(linkedin, address), idempotency_key=above)
        assert isinstance(await linkedin.connector.publish(intent, store), Posted)
        assert words_under(linkedin, above) == [(PAGE, ANSWER)]


async def test_what_is_not_there_is_not_answered(linkedin: EmulatedRig) -> None:
    """Nothing is posted; what stood under a post that is gone is gone."""
    for address in (
        f"{SITE}/feed/update/urn:li:activity:404",
        f"{SITE}/feed/update/{OTHERS}?commentUrn=urn%3Ali%3Acomment%3A({OTHERS}%2C404)",
        f"{SITE}/company/1001",
    ):
        intent = answer_to(linkedin, address)
        assert isinstance(await linkedin.connector.publish(intent, store), Permanent), address
        assert await linkedin.connector.reconcile(intent) == Absent()
    assert linkedin.emulator.discussion.comments == []
    assert linkedin.emulator.posts == []


async def test_a_lost_answer_is_looked_for_and_nothing_stands_twice(linkedin: EmulatedRig) -> None:
    question, address = asked(linkedin)
    intent = answer_to(linkedin, address)
    linkedin.emulator.misbehave("drop_after")
    assert isinstance(await linkedin.connector.publish(intent, store), Unknown)
    again = linkedin.restart()
    assert isinstance(await again.publish(replace(intent, repeat=True), store), Posted)
    assert words_under(linkedin, question) == [(PAGE, ANSWER)]


async def test_while_it_cannot_be_looked_for_the_answer_waits(linkedin: EmulatedRig) -> None:
    question, address = asked(linkedin)
    intent = answer_to(linkedin, address)
    for code, cause in (("unavailable", Cause.HOST), ("rate_limit", Cause.LIMIT)):
        linkedin.emulator.misbehave("error" if code != "rate_limit" else code, on="read", code=code)
        result = await linkedin.connector.publish(intent, store)
        assert isinstance(result, Retryable)
        assert result.cause is cause
    linkedin.emulator.misbehave("error", on="read", code="unavailable")
    assert isinstance(await linkedin.connector.reconcile(intent), CannotTell)
    linkedin.emulator.misbehave("error", code="access")
    result = await linkedin.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.CREDENTIAL
    assert words_under(linkedin, question) == []


async def test_only_the_pages_own_comment_is_deleted(linkedin: EmulatedRig) -> None:
    question, address = asked(linkedin)
    theirs = f"{OTHERS}/{question.rpartition(',')[2][:-1]}"
    assert isinstance(await linkedin.connector.retract(answer_to(linkedin, address), theirs), Permanent)
    assert words_under(linkedin, OTHERS) == [(JO, "May I drink it?")]


async def test_a_comment_has_1250_characters_and_no_picture(linkedin: EmulatedRig) -> None:
    address = f"{SITE}/feed/update/{OTHERS}"
    for text, pictures, fits in (("a" * 1_250, (), True), ("a" * 1_251, (), False), ("A map.", (PICTURE,), False)):
        fire = linkedin.profile("fire")
        intent = an_intent(fire, text, request_id=f"r{len(text)}", answers=address, pictures=pictures)
        assert isinstance(await linkedin.connector.publish(intent, store), Posted if fits else Permanent)


async def test_a_comment_at_no_time_cannot_be_told(linkedin: EmulatedRig) -> None:
    """Nothing is posted beside it, and it is no failure of the connector's own."""
    question, address = asked(linkedin)
    intent = answer_to(linkedin, address)
    assert isinstance(await linkedin.connector.publish(intent, store), Posted)
    linkedin.emulator.discussion.under(question)[0]["created"]["time"] = 10**20
    assert isinstance(await linkedin.restart().reconcile(intent), CannotTell)
    assert isinstance(await linkedin.restart().publish(replace(intent, repeat=True), store), Retryable)
