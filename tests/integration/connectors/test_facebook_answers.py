"""Answers of a Page to what people write under its posts, against the emulator."""

from __future__ import annotations

from dataclasses import replace

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
from tests.integration.connectors.emulated_rigs import EmulatedRig
from tests.integration.connectors.rigs import PICTURE, an_intent, store

SITE = "https://www.facebook.com"
ANSWER = "Yes: boil it for a minute."


async def opened(rig: EmulatedRig) -> Posted:
    posted = await rig.connector.publish(an_intent(rig.profile("fire"), "Boil water."), store)
    assert isinstance(posted, Posted)
    return posted


def answer_to(rig: EmulatedRig, address: str, **more: object) -> Intent:
    return an_intent(rig.profile("fire"), ANSWER, request_id="rbbbbbbbbbbbb", answers=address, **more)  # type: ignore[arg-type]


def asked_at(rig: EmulatedRig, name: str) -> str:
    return next(str(one["permalink_url"]) for one in rig.emulator.asked if one["id"] == name)


def words_under(rig: EmulatedRig, above: str) -> list[tuple[str, str]]:
    return [(one["from"]["id"], one["message"]) for one in rig.emulator.under(above)]


async def test_an_answer_stands_under_the_comment_once(facebook: EmulatedRig) -> None:
    """A repeat by another process finds it, it reads back as it was approved, and it is taken back by its id."""
    post = await opened(facebook)
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    intent = answer_to(facebook, asked_at(facebook, question))
    assert await facebook.connector.reconcile(intent) == Absent()
    posted = await facebook.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    assert words_under(facebook, question) == [("1001", ANSWER)]
    number = post.remote_id.partition("_")[2]
    assert posted.url == f"{SITE}/1001/posts/{number}?comment_id={posted.remote_id.partition('_')[2]}"
    again = facebook.restart()
    assert await again.reconcile(intent) == posted
    assert await again.publish(replace(intent, repeat=True), store) == posted
    assert isinstance(again, ReadsBack)
    assert await again.read_back(intent, posted.remote_id) == posted
    assert len(facebook.emulator.posts) == 1
    for remote_id in (posted.remote_id, posted.remote_id, ""):
        assert await again.retract(intent, remote_id) == Retracted()
    assert words_under(facebook, question) == []


@pytest.mark.parametrize(
    "address", ["/1001/posts/{post}", "/mission.fire/posts/{post}/", "/mission/posts/pfbid0abc?x=1"]
)
async def test_a_post_of_the_page_is_answered_by_any_of_its_addresses(facebook: EmulatedRig, address: str) -> None:
    """Also one that does not hold its number: the Page's posts are looked through for it."""
    post = await opened(facebook)
    link = SITE + address.format(post=post.remote_id.partition("_")[2])
    facebook.emulator.permalinks[post.remote_id] = link
    assert isinstance(await facebook.connector.publish(answer_to(facebook, link), store), Posted)
    assert words_under(facebook, post.remote_id) == [("1001", ANSWER)]
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    where = f"{link}{'&' if '?' in link else '?'}comment_id={question.partition('_')[2]}"
    assert isinstance(await facebook.connector.publish(answer_to(facebook, where, revision=2), store), Posted)
    assert words_under(facebook, question) == [("1001", ANSWER)]


async def test_an_answer_to_an_answer_stands_beside_it(facebook: EmulatedRig) -> None:
    """Facebook shows two levels; the same words under another comment are another message."""
    post = await opened(facebook)
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    first = answer_to(facebook, asked_at(facebook, question))
    stands = await facebook.connector.publish(first, store)
    assert isinstance(stands, Posted)
    beside = replace(answer_to(facebook, asked_at(facebook, stands.remote_id)), request_id="rc", idempotency_key="c")
    beside = replace(beside, content=beside.content.model_copy(update={"parts": ("And let it cool.",)}))
    assert isinstance(await facebook.connector.publish(beside, store), Posted)
    assert words_under(facebook, question) == [("1001", ANSWER), ("1001", "And let it cool.")]
    elsewhere = facebook.emulator.ask("Kim", "And I?", post.remote_id)
    assert await facebook.connector.reconcile(answer_to(facebook, asked_at(facebook, elsewhere))) == Absent()


async def test_what_is_not_there_is_not_answered(facebook: EmulatedRig) -> None:
    """Nothing is posted: an answer without its question would be a message that nobody asked for."""
    post = await opened(facebook)
    number = post.remote_id.partition("_")[2]
    for address in (
        f"{SITE}/1001/posts/987654321",
        f"{SITE}/1001/posts/{number}?comment_id=987654321",
        f"{SITE}/mission/posts/pfbid0abc",
        f"{SITE}/1001/posts/{number}?comment_id=Y29tbWVudA",
        f"https://elsewhere.example/1001/posts/{number}",
    ):
        assert isinstance(await facebook.connector.publish(answer_to(facebook, address), store), Permanent), address
    assert len(facebook.emulator.posts) == 1
    assert facebook.emulator.asked == []


async def test_a_lost_answer_is_looked_for_and_nothing_stands_twice(facebook: EmulatedRig) -> None:
    post = await opened(facebook)
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    intent = answer_to(facebook, asked_at(facebook, question))
    facebook.emulator.misbehave("drop_after")
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)
    again = facebook.restart()
    assert isinstance(await again.publish(replace(intent, repeat=True), store), Posted)
    assert words_under(facebook, question) == [("1001", ANSWER)]


async def test_while_it_cannot_be_looked_for_the_answer_waits(facebook: EmulatedRig) -> None:
    post = await opened(facebook)
    intent = answer_to(facebook, post.url)
    for code, cause in (("service", Cause.HOST), ("rights", Cause.CREDENTIAL)):
        facebook.emulator.misbehave("error", on="read", code=code)
        result = await facebook.connector.publish(intent, store)
        assert isinstance(result, Retryable)
        assert result.cause is cause
    facebook.emulator.misbehave("error", on="read", code="service")
    assert isinstance(await facebook.connector.reconcile(intent), CannotTell)
    assert facebook.emulator.asked == []


async def test_only_the_pages_own_comment_is_deleted(facebook: EmulatedRig) -> None:
    """Its token could delete those of others, too."""
    post = await opened(facebook)
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    intent = answer_to(facebook, post.url)
    assert isinstance(await facebook.connector.retract(intent, question), Permanent)
    assert [one["id"] for one in facebook.emulator.asked] == [question]


async def test_what_is_about_an_answer_stands_where_that_stands(facebook: EmulatedRig) -> None:
    """A correction follows by the address that the answer had."""
    post = await opened(facebook)
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    follows = asked_at(facebook, question)
    plain = an_intent(facebook.profile("fire"), "Correction: three minutes.", request_id="rcccccccccccc")
    intent = replace(plain, follows=follows)
    assert isinstance(await facebook.connector.publish(intent, store), Posted)
    assert words_under(facebook, question) == [("1001", "Correction: three minutes.")]


async def test_a_comment_takes_one_picture_and_8000_characters(facebook: EmulatedRig) -> None:
    post = await opened(facebook)
    intent = answer_to(facebook, post.url, pictures=(PICTURE,))
    posted = await facebook.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    assert facebook.emulator.asked[-1]["alt"] == PICTURE.alt
    assert isinstance(facebook.connector, ReadsBack)
    assert await facebook.connector.read_back(intent, posted.remote_id) == posted
    del facebook.emulator.asked[-1]["attachment"]
    found = await facebook.connector.read_back(intent, posted.remote_id)
    assert isinstance(found, Altered)
    assert [kind for kind, _ in found.differences] == ["pictures"]
    two = answer_to(facebook, post.url, pictures=(PICTURE, PICTURE), revision=2)
    assert isinstance(await facebook.connector.publish(two, store), Permanent)
    long = replace(two, content=intent.content.model_copy(update={"parts": ("a" * 8_001,), "pictures": ()}))
    assert isinstance(await facebook.connector.publish(replace(long, idempotency_key="l"), store), Permanent)
