"""Answers to what people write, on each emulated platform that takes them: what all connectors do alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Permanent,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.linkedin.comments import Thread, named
from tests.integration.connectors.asking import (
    ANSWER,
    FACEBOOK,
    LINKEDIN,
    OTHERS,
    OWN,
    answer_to,
    asked,
    forget,
    opened,
    words_under,
)
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import PICTURE, an_intent, other, published, store

ON_EACH = pytest.mark.parametrize("emulated", list(OWN), indirect=True)


@ON_EACH
async def test_an_answer_stands_under_the_question_once(emulated: EmulatedHarness) -> None:
    """A repeat by another process finds it, it reads back as it was approved, and other words are told."""
    question = await asked(emulated)
    intent = answer_to(emulated, question.url)
    assert await emulated.connector.reconcile(intent) == Absent()
    posted = await published(emulated.connector, intent)
    stands = [(OWN[emulated.platform], ANSWER)]
    assert words_under(emulated, question.id) == stands
    forget(emulated)
    again = emulated.restart()
    assert await again.reconcile(intent) == posted
    assert await published(again, replace(intent, repeat=True)) == posted
    assert words_under(emulated, question.id) == stands
    assert len(emulated.emulator.posts) == {"linkedin": 0, "threads": 2}.get(emulated.platform, 1)
    assert isinstance(again, ReadsBack)
    # Instagram shows a comment without its address.
    shown = replace(posted, url="") if emulated.platform == "instagram" else posted
    assert await again.read_back(intent, posted.remote_id) == shown
    assert isinstance(await again.read_back(other(intent, "No."), posted.remote_id), Altered)


@pytest.mark.parametrize("emulated", ["facebook", "linkedin"], indirect=True)
async def test_an_answer_is_taken_back_by_its_id_or_without(emulated: EmulatedHarness) -> None:
    question = await asked(emulated)
    intent = answer_to(emulated, question.url)
    posted = await published(emulated.connector, intent)
    for remote_id in (posted.remote_id, posted.remote_id, ""):
        assert await emulated.connector.retract(intent, remote_id) == Retracted()
    assert words_under(emulated, question.id) == []
    assert isinstance(emulated.connector, ReadsBack)
    assert await emulated.connector.read_back(intent, posted.remote_id) == Absent()


async def test_an_answer_has_an_address_of_its_own(
    facebook: EmulatedHarness, linkedin: EmulatedHarness, threads: EmulatedHarness, instagram: EmulatedHarness
) -> None:
    post = await opened(facebook)
    number = post.remote_id.partition("_")[2]
    posted = await published(facebook.connector, answer_to(facebook, (await asked(facebook, post.remote_id)).url))
    assert posted.url == f"{FACEBOOK}/1001/posts/{number}?comment_id={posted.remote_id.partition('_')[2]}"
    posted = await published(linkedin.connector, answer_to(linkedin, (await asked(linkedin)).url))
    assert "," not in posted.remote_id, "a receipt's ids are parted by commas"
    assert named(posted.url, LINKEDIN) == Thread(OTHERS, posted.remote_id.partition("/")[2])
    for meta, begins in ((threads, "https://"), (instagram, instagram.city.settings.instagram.site)):
        posted = await published(meta.connector, answer_to(meta, (await asked(meta)).url))
        assert posted.url.startswith(begins)
        assert isinstance(meta.connector, ReadsBack)
        assert await meta.connector.read_back(answer_to(meta, posted.url), "999999") == Absent()


@ON_EACH
async def test_the_same_words_under_another_question_are_another_answer(emulated: EmulatedHarness) -> None:
    first, second = await asked(emulated), await asked(emulated, text="And I?")
    await published(emulated.connector, answer_to(emulated, first.url))
    forget(emulated)
    intent = replace(answer_to(emulated, second.url), request_id="rc", idempotency_key="c")
    assert await emulated.restart().reconcile(intent) == Absent()
    await published(emulated.connector, replace(intent, repeat=True))
    assert words_under(emulated, second.id) == [(OWN[emulated.platform], ANSWER)]


def _not_there(platform: str, post: str) -> tuple[str, ...]:
    """Addresses that name nothing the account can answer; ``post`` is one of its own."""
    if platform == "linkedin":
        return (
            f"{LINKEDIN}/feed/update/urn:li:activity:404",
            f"{LINKEDIN}/feed/update/{OTHERS}?commentUrn=urn%3Ali%3Acomment%3A({OTHERS}%2C404)",
            f"{LINKEDIN}/company/1001",
        )
    if platform == "facebook":
        number = post.rpartition("/")[2]
        return (
            f"{FACEBOOK}/1001/posts/987654321",
            f"{FACEBOOK}/1001/posts/{number}?comment_id=987654321",
            f"{FACEBOOK}/mission/posts/pfbid0abc",
            f"{FACEBOOK}/1001/posts/{number}?comment_id=Y29tbWVudA",
            f"https://elsewhere.example/1001/posts/{number}",
        )
    site = post.split("/@")[0].split("/p/")[0]
    return (
        f"{site}/@jo/post/Dnobody",
        f"{site}/p/Cnobody/",
        f"{post.rstrip('/')}/c/999999/",
        "https://elsewhere.example/@jo/post/D1",
        f"{site}/@jo",
    )


@ON_EACH
async def test_what_is_not_there_is_not_answered(emulated: EmulatedHarness) -> None:
    """Nothing is posted: an answer without its question would be a message that nobody asked for."""
    post = await opened(emulated)
    for address in _not_there(emulated.platform, post.url):
        intent = answer_to(emulated, address)
        assert isinstance(await emulated.connector.publish(intent, store), Permanent), address
        if emulated.platform == "linkedin":
            assert await emulated.connector.reconcile(intent) == Absent()
    assert len(emulated.emulator.posts) == 1
    discussed = emulated.emulator.discussion.comments if emulated.platform == "linkedin" else emulated.emulator.asked
    assert discussed == []


@ON_EACH
async def test_a_lost_answer_is_looked_for_and_nothing_stands_twice(emulated: EmulatedHarness) -> None:
    question = await asked(emulated)
    intent = answer_to(emulated, question.url)
    emulated.emulator.misbehave("drop_after")
    assert isinstance(await emulated.connector.publish(intent, store), Unknown)
    forget(emulated)
    await published(emulated.restart(), replace(intent, repeat=True))
    assert words_under(emulated, question.id) == [(OWN[emulated.platform], ANSWER)]


_SERVICE, _RIGHTS = ("error", "service", "read", Cause.HOST), ("error", "rights", "read", Cause.CREDENTIAL)
_META = (_SERVICE, ("error", "app_limit", "read", Cause.LIMIT), _RIGHTS)
_LINKEDIN = (
    ("error", "unavailable", "read", Cause.HOST),
    ("rate_limit", "rate_limit", "read", Cause.LIMIT),
    ("error", "access", "post", Cause.CREDENTIAL),
)


@pytest.mark.parametrize(
    ("emulated", "errors"),
    [
        ("facebook", (_SERVICE, _RIGHTS)),
        ("linkedin", _LINKEDIN),
        ("threads", _META),
        ("instagram", _META),
    ],
    indirect=["emulated"],
)
async def test_while_it_cannot_be_looked_for_the_answer_waits(
    emulated: EmulatedHarness, errors: tuple[tuple[str, str, str, Cause], ...]
) -> None:
    """At the first look, and on Threads and Instagram at the second one too."""
    question = await asked(emulated)
    intent = answer_to(emulated, question.url)
    for kind, code, on, cause in errors:
        for skip in (0, 1) if errors is _META else (0,):
            emulated.emulator.misbehave(kind, on=on, code=code)
            emulated.emulator.faults[-1].skip = skip
            result = await emulated.connector.publish(intent, store)
            assert isinstance(result, Retryable), (code, skip, result)
            assert result.cause is cause
    emulated.emulator.misbehave("error", on="read", code=errors[0][1])
    assert isinstance(await emulated.connector.reconcile(intent), CannotTell)
    assert words_under(emulated, question.id) == []


@pytest.mark.parametrize("emulated", ["facebook", "instagram"], indirect=True)
async def test_what_is_about_an_answer_stands_where_that_stands(emulated: EmulatedHarness) -> None:
    """A correction follows by the address that the answer had, where no comment can be edited."""
    question = await asked(emulated)
    plain = an_intent(emulated.profile("fire"), "Correction: three minutes.", request_id="rcccccccccccc")
    await published(emulated.connector, replace(plain, follows=question.url))
    assert words_under(emulated, question.id) == [(OWN[emulated.platform], "Correction: three minutes.")]


@pytest.mark.parametrize("emulated", ["facebook", "linkedin"], indirect=True)
async def test_only_the_pages_own_comment_is_deleted(emulated: EmulatedHarness) -> None:
    """Its token could delete those of others, too."""
    question = await asked(emulated)
    theirs, above = question.id, emulated.emulator.posts[0].id if emulated.emulator.posts else OTHERS
    if emulated.platform == "linkedin":
        theirs = f"{OTHERS}/{question.id.rpartition(',')[2][:-1]}"
    assert isinstance(await emulated.connector.retract(answer_to(emulated, question.url), theirs), Permanent)
    assert [text for _, text in words_under(emulated, above)] == ["May I drink it?"]


@pytest.mark.parametrize(
    ("emulated", "most", "pictures"),
    [("facebook", 8_000, 1), ("linkedin", 1_250, 0), ("instagram", 300, 0)],
    indirect=["emulated"],
)
async def test_a_comment_holds_so_much(emulated: EmulatedHarness, most: int, pictures: int) -> None:
    """So many characters, and so many pictures, and not one more."""
    address = (await asked(emulated)).url
    for text, count in (("a" * most, 0), ("a" * (most + 1), 0), ("A map.", pictures), ("Maps.", pictures + 1)):
        more = {"request_id": f"r{len(text)}", "answers": address, "pictures": (PICTURE,) * count}
        result = await emulated.connector.publish(an_intent(emulated.profile("fire"), text, **more), store)  # type: ignore[arg-type]
        assert isinstance(result, Permanent) is (len(text) > most or count > pictures), (text[:10], result)
