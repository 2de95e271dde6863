"""Answers to what people write under the posts of Threads and Instagram, against the emulators."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from services.fanout.connectors.inquiry import BringsInquiries, Inquiry
from tests.integration.connectors.emulated_rigs import EmulatedRig
from tests.integration.connectors.rigs import PICTURE, an_intent, store

ANSWER = "Yes: boil it for a minute."
BEGAN = datetime.now(UTC) - timedelta(minutes=5)


async def opened(rig: EmulatedRig) -> Posted:
    posted = await rig.connector.publish(an_intent(rig.profile("fire"), "Boil water."), store)
    assert isinstance(posted, Posted)
    return posted


def answer_to(rig: EmulatedRig, address: str, **more: object) -> Intent:
    return an_intent(rig.profile("fire"), ANSWER, request_id="rbbbbbbbbbbbb", answers=address, **more)  # type: ignore[arg-type]


async def asked(rig: EmulatedRig, text: str, under: str) -> Inquiry:
    """Have somebody ask, and return it as the profile's inquiries show it."""
    name = rig.emulator.ask("jo", text, under)
    assert isinstance(rig.connector, BringsInquiries)
    found = await rig.connector.inquiries(rig.profile("fire"), BEGAN)
    assert not isinstance(found, CannotTell), found
    return next(one for one in found if one.id == name)


def words_under(rig: EmulatedRig, above: str) -> list[tuple[str, str]]:
    if rig.platform == "threads":
        return [(f"city{post.account}", post.text) for post in rig.emulator.posts if post.under == above]
    return [(one["username"], one["text"]) for one in rig.emulator.under(above)]


def forget(rig: EmulatedRig) -> None:
    """Lose what was noted on disk, as a machine that is set up again has."""
    shutil.rmtree(rig.city.var / "website" / "live" / f"{rig.platform}-containers", ignore_errors=True)


async def test_an_inquiry_is_answered_by_its_address_once(meta: EmulatedRig) -> None:
    """A repeat by another process finds it; it reads back as it was approved, and a change of its words is told."""
    post = await opened(meta)
    question = await asked(meta, "May I drink it?", post.remote_id)
    intent = answer_to(meta, question.url)
    assert await meta.connector.reconcile(intent) == Absent()
    posted = await meta.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    assert words_under(meta, question.id) == [("city1001", ANSWER)]
    assert posted.url.startswith(meta.city.settings.instagram.site if meta.platform == "instagram" else "https://")
    forget(meta)
    again = meta.restart()
    assert await again.reconcile(intent) == posted
    assert await again.publish(replace(intent, repeat=True), store) == posted
    assert words_under(meta, question.id) == [("city1001", ANSWER)]
    assert isinstance(again, ReadsBack)
    assert isinstance(await again.read_back(intent, posted.remote_id), Posted)
    other = replace(intent, content=intent.content.model_copy(update={"parts": ("No.",)}))
    assert isinstance(await again.read_back(other, posted.remote_id), Altered)
    assert await again.read_back(intent, "999999") == Absent()


async def test_the_same_words_under_another_question_are_another_answer(meta: EmulatedRig) -> None:
    post = await opened(meta)
    first = await asked(meta, "May I drink it?", post.remote_id)
    second = await asked(meta, "And I?", post.remote_id)
    assert isinstance(await meta.connector.publish(answer_to(meta, first.url), store), Posted)
    forget(meta)
    intent = replace(answer_to(meta, second.url), request_id="rc", idempotency_key="c")
    assert await meta.restart().reconcile(intent) == Absent()
    assert isinstance(await meta.connector.publish(replace(intent, repeat=True), store), Posted)
    assert words_under(meta, second.id) == [("city1001", ANSWER)]


async def test_the_accounts_own_answers_are_no_inquiries(meta: EmulatedRig) -> None:
    """Nor are the later parts of its threads; what people write under an answer is."""
    post = await opened(meta)
    question = await asked(meta, "May I drink it?", post.remote_id)
    posted = await meta.connector.publish(answer_to(meta, question.url), store)
    assert isinstance(posted, Posted)
    if meta.platform == "threads":
        await meta.connector.publish(an_intent(meta.profile("fire"), "One (1/2)", "Two (2/2)", request_id="rt"), store)
    more = await asked(meta, "And tea?", posted.remote_id if meta.platform == "threads" else question.id)
    assert isinstance(meta.connector, BringsInquiries)
    found = await meta.connector.inquiries(meta.profile("fire"), BEGAN)
    assert not isinstance(found, CannotTell)
    assert {one.text for one in found} == {"May I drink it?", "And tea?"}
    assert isinstance(
        await meta.connector.publish(replace(answer_to(meta, more.url), idempotency_key="d"), store), Posted
    )
    # Instagram has two levels: an answer to an answer stands beside it.
    above = more.id if meta.platform == "threads" else question.id
    assert ("city1001", ANSWER) in words_under(meta, above)


async def test_a_post_of_the_account_is_answered_by_its_address(meta: EmulatedRig) -> None:
    post = await opened(meta)
    address = post.url.replace("https://www.", "https://")
    assert isinstance(await meta.connector.publish(answer_to(meta, address), store), Posted)
    assert words_under(meta, post.remote_id) == [("city1001", ANSWER)]


async def test_what_is_not_shown_to_the_account_is_not_answered(meta: EmulatedRig) -> None:
    """Nothing is posted: an answer without its question would be a message that nobody asked for."""
    post = await opened(meta)
    before = len(meta.emulator.posts) + len(meta.emulator.asked)
    site = post.url.split("/@")[0].split("/p/")[0]
    for address in (
        f"{site}/@jo/post/Dnobody",
        f"{site}/p/Cnobody/",
        f"{post.url.rstrip('/')}/c/999999/",
        "https://elsewhere.example/@jo/post/D1",
        f"{site}/@jo",
    ):
        assert isinstance(await meta.connector.publish(answer_to(meta, address), store), Permanent), address
    assert len(meta.emulator.posts) + len(meta.emulator.asked) == before


async def test_a_lost_answer_is_looked_for_and_nothing_stands_twice(meta: EmulatedRig) -> None:
    post = await opened(meta)
    question = await asked(meta, "May I drink it?", post.remote_id)
    intent = answer_to(meta, question.url)
    meta.emulator.misbehave("drop_after")
    assert isinstance(await meta.connector.publish(intent, store), Unknown)
    forget(meta)
    assert isinstance(await meta.restart().publish(replace(intent, repeat=True), store), Posted)
    assert words_under(meta, question.id) == [("city1001", ANSWER)]


async def test_while_it_cannot_be_looked_for_the_answer_waits(meta: EmulatedRig) -> None:
    post = await opened(meta)
    question = await asked(meta, "May I drink it?", post.remote_id)
    intent = answer_to(meta, question.url)
    for code, cause in (("service", Cause.HOST), ("app_limit", Cause.LIMIT), ("rights", Cause.CREDENTIAL)):
        for skip in (0, 1):
            meta.emulator.misbehave("error", on="read", code=code)
            meta.emulator.faults[-1].skip = skip
            result = await meta.connector.publish(intent, store)
            assert isinstance(result, Retryable), (code, skip, result)
            assert result.cause is cause
    meta.emulator.misbehave("error", on="read", code="service")
    assert isinstance(await meta.connector.reconcile(intent), CannotTell)
    assert words_under(meta, question.id) == []


async def test_an_answer_may_outlive_its_question(threads: EmulatedRig) -> None:
    """Whether it stands cannot be told by its words alone, so a person looks; without such words it does not stand."""
    post = await opened(threads)
    question = await asked(threads, "May I drink it?", post.remote_id)
    intent = answer_to(threads, question.url)
    threads.emulator.asked.clear()
    assert await threads.connector.reconcile(intent) == Absent()
    assert isinstance(await threads.connector.publish(replace(intent, repeat=True), store), Permanent)
    question = await asked(threads, "May I drink it?", post.remote_id)
    intent = answer_to(threads, question.url)
    posted = await threads.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    threads.emulator.asked.clear()
    again = threads.restart()
    assert isinstance(await again.reconcile(intent), CannotTell)
    assert isinstance(await again.publish(replace(intent, repeat=True), store), Unknown)
    assert await again.retract(intent, posted.remote_id) == Retracted()
    assert words_under(threads, question.id) == []


async def test_an_answer_on_threads_is_taken_back_without_its_id(threads: EmulatedRig) -> None:
    post = await opened(threads)
    question = await asked(threads, "May I drink it?", post.remote_id)
    intent = answer_to(threads, question.url)
    assert isinstance(await threads.connector.publish(intent, store), Posted)
    assert await threads.connector.retract(intent, "") == Retracted()
    assert words_under(threads, question.id) == []


async def test_what_is_about_an_answer_stands_where_that_stands(instagram: EmulatedRig) -> None:
    """A correction follows by the address that the answer had, for no comment of Instagram can be edited."""
    post = await opened(instagram)
    question = await asked(instagram, "May I drink it?", post.remote_id)
    plain = an_intent(instagram.profile("fire"), "Correction: three minutes.", request_id="rcccccccccccc")
    assert isinstance(await instagram.connector.publish(replace(plain, follows=question.url), store), Posted)
    assert words_under(instagram, question.id) == [("city1001", "Correction: three minutes.")]


async def test_a_comment_on_instagram_has_300_characters_and_no_picture(instagram: EmulatedRig) -> None:
    post = await opened(instagram)
    for text, pictures, fits in (("a" * 300, (), True), ("a" * 301, (), False), ("With a map.", (PICTURE,), False)):
        intent = an_intent(
            instagram.profile("fire"), text, request_id=f"r{len(text)}", answers=post.url, pictures=pictures
        )
        assert isinstance(await instagram.connector.publish(intent, store), Posted if fits else Permanent)


async def test_all_calls_for_an_answer_end_with_one_deadline(meta: EmulatedRig) -> None:
    """The time that it takes to find what is answered is taken from the post's: nothing lands after the lease."""
    post = await opened(meta)
    question = await asked(meta, "May I drink it?", post.remote_id)
    meta.emulator.misbehave("slow", 0.7, on="read")
    for edge in ("media", "post"):
        meta.emulator.misbehave("slow", 3.0, on=edge)
    began = asyncio.get_running_loop().time()
    result = await meta.connector.publish(replace(answer_to(meta, question.url), call_timeout=1.0), store)
    assert asyncio.get_running_loop().time() - began < 1.3
    assert isinstance(result, Unknown | Retryable)
