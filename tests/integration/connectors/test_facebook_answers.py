"""Answers of a Page to what people write under its posts, against the emulator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fanout.connectors.contract import Absent, Altered, ReadsBack
from tests.integration.connectors.asking import ANSWER, FACEBOOK, address_of, answer_to, opened, words_under
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import PICTURE, published


@pytest.mark.parametrize(
    "address",
    [
        "/1001/posts/{post}",
        "/mission.fire/posts/{post}/",
        "/mission/posts/a-flood/{post}/",
        "/mission/posts/pfbid0abc?x=1",
        "/story.php?story_fbid={post}&id=1001",
        "/story.php?story_fbid=pfbid0abc&id=61550",
        "/photo.php?fbid=77&set=a.1",
    ],
)
async def test_a_post_of_the_page_is_answered_by_any_of_its_addresses(facebook: EmulatedHarness, address: str) -> None:
    """Also one that does not hold its number: the Page's posts are looked through for it."""
    post = await opened(facebook)
    link = FACEBOOK + address.format(post=post.remote_id.partition("_")[2])
    facebook.emulator.permalinks[post.remote_id] = link
    await published(facebook.connector, answer_to(facebook, link))
    assert words_under(facebook, post.remote_id) == [("1001", ANSWER)]
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    where = f"{link}{'&' if '?' in link else '?'}comment_id={question.partition('_')[2]}"
    await published(facebook.connector, answer_to(facebook, where, revision=2))
    assert words_under(facebook, question) == [("1001", ANSWER)]


async def test_an_answer_to_an_answer_stands_beside_it(facebook: EmulatedHarness) -> None:
    """Facebook shows two levels; the same words under another comment are another message."""
    post = await opened(facebook)
    question = facebook.emulator.ask("Jo", "May I drink it?", post.remote_id)
    first = answer_to(facebook, address_of(facebook, question))
    stands = await published(facebook.connector, first)
    beside = replace(answer_to(facebook, address_of(facebook, stands.remote_id)), request_id="rc", idempotency_key="c")
    beside = replace(beside, content=beside.content.model_copy(update={"parts": ("And let it cool.",)}))
    await published(facebook.connector, beside)
    assert words_under(facebook, question) == [("1001", ANSWER), ("1001", "And let it cool.")]
    elsewhere = facebook.emulator.ask("Kim", "And I?", post.remote_id)
    assert await facebook.connector.reconcile(answer_to(facebook, address_of(facebook, elsewhere))) == Absent()


async def test_a_comments_picture_reads_back(facebook: EmulatedHarness) -> None:
    post = await opened(facebook)
    intent = answer_to(facebook, post.url, pictures=(PICTURE,))
    posted = await published(facebook.connector, intent)
    assert facebook.emulator.asked[-1]["alt"] == PICTURE.alt
    assert isinstance(facebook.connector, ReadsBack)
    assert await facebook.connector.read_back(intent, posted.remote_id) == posted
    del facebook.emulator.asked[-1]["attachment"]
    found = await facebook.connector.read_back(intent, posted.remote_id)
    assert isinstance(found, Altered)
    assert [kind for kind, _ in found.differences] == ["pictures"]
