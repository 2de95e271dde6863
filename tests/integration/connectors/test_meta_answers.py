"""Answers to what people write under the posts of Threads and Instagram, against the emulators."""

from __future__ import annotations

from dataclasses import replace

from services.fanout.connectors.contract import Absent, CannotTell, Permanent, Posted, Retracted, Retryable, Unknown
from tests.integration.connectors.asking import ANSWER, answer_to, asked, inquiries, opened, words_under
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import an_intent, published, store
from tests.support.stopwatch import Stopwatch


async def test_the_accounts_own_answers_are_no_inquiries(meta: EmulatedHarness) -> None:
    """Nor are the later parts of its threads; what people write under an answer is."""
    post = await opened(meta)
    question = await asked(meta, post.remote_id)
    posted = await published(meta.connector, answer_to(meta, question.url))
    if meta.platform == "threads":
        await meta.connector.publish(an_intent(meta.profile("fire"), "One (1/2)", "Two (2/2)", request_id="rt"), store)
    more = await asked(meta, posted.remote_id if meta.platform == "threads" else question.id, "And tea?")
    assert {one.text for one in await inquiries(meta)} == {"May I drink it?", "And tea?"}
    assert isinstance(
        await meta.connector.publish(replace(answer_to(meta, more.url), idempotency_key="d"), store), Posted
    )
    # Instagram has two levels: an answer to an answer is beside it.
    above = more.id if meta.platform == "threads" else question.id
    assert ("city1001", ANSWER) in words_under(meta, above)


async def test_a_post_of_the_account_is_answered_by_its_address(meta: EmulatedHarness) -> None:
    post = await opened(meta)
    address = post.url.replace("https://www.", "https://")
    await published(meta.connector, answer_to(meta, address))
    assert words_under(meta, post.remote_id) == [("city1001", ANSWER)]


async def test_an_answer_may_outlive_its_question(threads: EmulatedHarness) -> None:
    """Whether it is there cannot be told by its words alone, so a person looks; without such words it is not."""
    question = await asked(threads)
    intent = answer_to(threads, question.url)
    threads.emulator.asked.clear()
    assert await threads.connector.reconcile(intent) == Absent()
    assert isinstance(await threads.connector.publish(replace(intent, repeat=True), store), Permanent)
    question = await asked(threads)
    intent = answer_to(threads, question.url)
    posted = await published(threads.connector, intent)
    threads.emulator.asked.clear()
    again = threads.restart()
    assert isinstance(await again.reconcile(intent), CannotTell)
    assert isinstance(await again.publish(replace(intent, repeat=True), store), Unknown)
    assert await again.retract(intent, posted.remote_id) == Retracted()
    assert words_under(threads, question.id) == []


async def test_a_published_answer_that_is_not_listed_outlives_its_question_too(threads: EmulatedHarness) -> None:
    """Its container says that it is published: a listing that shows it otherwise, or late, says nothing."""
    intent = answer_to(threads, (await asked(threads)).url)
    threads.emulator.misbehave("drop_after")
    assert isinstance(await threads.connector.publish(intent, store), Unknown)
    threads.emulator.asked.clear()
    threads.emulator.alters = lambda text: text.replace("Yes", "Y.")
    again = threads.restart()
    assert isinstance(await again.reconcile(intent), CannotTell)
    assert isinstance(await again.publish(replace(intent, repeat=True), store), Unknown)
    assert not isinstance(await again.retract(intent, ""), Retracted)


async def test_an_answer_on_threads_is_taken_back_without_its_id(threads: EmulatedHarness) -> None:
    question = await asked(threads)
    intent = answer_to(threads, question.url)
    await published(threads.connector, intent)
    assert await threads.connector.retract(intent, "") == Retracted()
    assert words_under(threads, question.id) == []


async def test_all_calls_for_an_answer_end_with_one_deadline(meta: EmulatedHarness) -> None:
    """The time that it takes to find what is answered is taken from the post's: nothing lands after the lease."""
    post = await opened(meta)
    question = await asked(meta, post.remote_id)
    meta.emulator.misbehave("slow", 0.7, on="read")
    for edge in ("media", "post"):
        meta.emulator.misbehave("slow", 3.0, on=edge)
    async with Stopwatch() as watch:
        result = await meta.connector.publish(replace(answer_to(meta, question.url), call_timeout=1.0), store)
    assert watch.seconds < 1.3
    assert isinstance(result, Unknown | Retryable)
