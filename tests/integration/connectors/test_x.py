"""X against its emulator: duplicates, credit, threads, answers, errors, and whose keys they are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.fanout.connectors.contract import (
    Absent,
    Altered,
    Cause,
    HandedOver,
    Permanent,
    Posted,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.listing import ListsPosts
from services.fanout.connectors.x.costs import CallCosts
from services.fanout.domain.credit import DELETE_USD, READ_USD
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import PICTURE, Seen, an_intent, published, store
from tests.support.emulators.base import Fault

PARTS = ("Boil water. (1/3)", "Until Friday. (2/3)", "Maps: https://mission.example/map (3/3)")


async def test_ten_copies_at_the_same_time_are_one_post(x: EmulatedHarness) -> None:
    """Processes that know nothing of each other: X refuses the same words, and a refusal is looked into."""
    intent = an_intent(x.profile("fire"), "Boil water.")
    copies = [x.restart() for _ in range(10)]
    results = await asyncio.gather(*(copy.publish(intent, store) for copy in copies))
    assert {type(result) for result in results} == {Posted}
    assert len(set(results)) == 1
    assert [Seen("Boil water.")] == await x.stands(intent.profile)
    for copy in copies:
        await copy.close()


async def test_a_duplicate_is_no_receipt_before_it_was_read_back(x: EmulatedHarness) -> None:
    """While the account's posts cannot be seen nobody knows; a duplicate that is not there is a refusal."""
    intent = an_intent(x.profile("fire"), "Boil water.")
    await x.connector.publish(intent, store)
    x.emulator.misbehave("error_before", on="read", calls=2)
    fresh = x.restart()
    assert isinstance(await fresh.publish(intent, store), Retryable)  # not even whose keys they are was told
    x.emulator.faults.clear()
    assert (await fresh.check(intent.profile)).ok
    x.emulator.misbehave("error_before", on="read")
    assert isinstance(await fresh.publish(intent, store), Unknown)
    x.emulator.misbehave("error", code="duplicate")
    result = await fresh.publish(an_intent(x.profile("water"), "Not there."), store)
    assert isinstance(result, Permanent)
    assert "duplicate" in result.reason


@pytest.mark.parametrize("code", ["duplicate", "187"])
async def test_a_duplicate_of_an_earlier_call_that_is_not_shown_is_for_a_person(x: EmulatedHarness, code: str) -> None:
    """A listing that lags: the earlier call's post is most likely there, so nobody says that it failed."""
    x.emulator.misbehave("error", code=code)
    intent = replace(an_intent(x.profile("fire"), "Boil water."), repeat=True)
    result = await x.connector.publish(intent, store)
    assert isinstance(result, HandedOver)
    assert "look at the profile" in result.reason


async def test_a_duplicate_is_looked_for_in_its_older_form_too(x: EmulatedHarness) -> None:
    intent = an_intent(x.profile("fire"), "Boil water.")
    posted = await published(x.connector, intent)
    x.emulator.misbehave("error", code="187")
    assert posted == await x.restart().publish(intent, store)


async def test_a_beginning_that_was_seen_late_is_continued(x: EmulatedHarness) -> None:
    """The look before the repeat did not show the first part; its refusal as a duplicate does not end the thread."""
    intent = an_intent(x.profile("fire"), *PARTS)
    x.emulator.faults.append(Fault("drop_before", skip=1))
    assert isinstance(await x.connector.publish(intent, store), Unknown)
    fresh = x.restart()
    await published(fresh, intent)
    assert [Seen(part) for part in reversed(PARTS)] == await x.stands(intent.profile)


async def test_an_answer_to_a_part_that_is_not_shown_yet_waits(x: EmulatedHarness) -> None:
    """X refuses it for some seconds; people are not left with the first part alone."""
    intent = an_intent(x.profile("fire"), *PARTS)
    x.emulator.faults.append(Fault("error", calls=2, code="reply", skip=1))
    await published(x.connector, intent)
    assert [Seen(part) for part in reversed(PARTS)] == await x.stands(intent.profile)
    assert x.emulator.calls["post"] == 5


async def test_a_part_that_is_not_shown_for_long_is_tried_again_and_one_that_is_gone_ends_the_thread(
    x: EmulatedHarness,
) -> None:
    intent = an_intent(x.profile("fire"), *PARTS, timeout=3.0)
    x.emulator.faults.append(Fault("error", calls=9, code="reply", skip=1))
    result = await x.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.begun is not None
    x.emulator.posts.clear()
    x.emulator.faults[:] = [Fault("error", calls=9, code="reply", skip=1), Fault("error", on="read", code="gone")]
    result = await x.connector.publish(intent, store)
    assert isinstance(result, Permanent)
    assert result.begun is not None


@pytest.mark.parametrize("refusals", [2, 9])
async def test_pictures_that_are_refused_with_the_post_are_left_out_in_the_end(
    x: EmulatedHarness, refusals: int
) -> None:
    """X took them, and says then that they are invalid: a moment later they may be good, and else the text goes out."""
    x.emulator.refuses_media = refusals
    fire = x.profile("fire")
    posted = await published(x.connector, an_intent(fire, "Boil water.", pictures=(PICTURE,), timeout=6.0))
    assert [Seen("Boil water.", (PICTURE.alt,) if refusals == 2 else ())] == await x.stands(fire)
    assert ("the pictures are missing" in posted.note) is (refusals == 9)


@pytest.mark.parametrize(("works", "ends"), [(2, "succeeded"), (2, "failed"), (99, "succeeded")])
async def test_a_picture_that_x_works_on_is_waited_for(x: EmulatedHarness, works: int, ends: str) -> None:
    """As long as there is time; what fails blocks nothing."""
    x.emulator.works, x.emulator.ends = works, ends
    fire = x.profile("fire")
    posted = await published(x.connector, an_intent(fire, "Boil water.", pictures=(PICTURE,), timeout=8.0))
    good = (works, ends) == (2, "succeeded")
    assert [Seen("Boil water.", (PICTURE.alt,) if good else ())] == await x.stands(fire)
    assert ("picture 1 is missing" in posted.note) is not good


async def test_a_repeat_that_cannot_see_what_stands_sends_nothing(x: EmulatedHarness) -> None:
    intent = replace(an_intent(x.profile("fire"), "Boil water."), repeat=True)
    assert (await x.connector.check(intent.profile)).ok
    x.emulator.misbehave("error_before", on="read")
    assert isinstance(await x.connector.publish(intent, store), Retryable)
    assert x.emulator.calls["post"] == 0
    await published(x.connector, intent)


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "drop_before", "error_before"])
async def test_a_thread_goes_on_where_it_was_broken_off(x: EmulatedHarness, fault: str) -> None:
    """Whether the second part landed or not: three parts stand in the end, each under the one before."""
    intent = an_intent(x.profile("fire"), *PARTS)
    await x.connector.check(intent.profile)
    x.emulator.misbehave(fault, on="post", calls=1)
    x.emulator.faults.insert(0, type(x.emulator.faults[0])("slow", 0.0, "post", 1))
    assert isinstance(await x.connector.publish(intent, store), Unknown)
    fresh = x.restart()
    assert isinstance(await fresh.reconcile(intent), Absent)
    posted = await published(fresh, replace(intent, repeat=True))
    assert [Seen(part) for part in reversed(PARTS)] == await x.stands(intent.profile)
    first, second, third = posted.remote_id.split(",")
    assert [post.under for post in x.emulator.posts] == ["", first, second]
    assert await fresh.read_back(intent, posted.remote_id) == posted  # type: ignore[attr-defined]
    assert await fresh.retract(intent, posted.remote_id) == Retracted()
    assert await fresh.read_back(intent, third) == Absent()  # type: ignore[attr-defined]
    await fresh.close()


async def test_an_answer_stands_under_what_it_follows(x: EmulatedHarness) -> None:
    fire = x.profile("fire")
    first = await published(x.connector, an_intent(fire, *PARTS))
    answer = replace(an_intent(fire, "Correction: until Saturday.", request_id="r2"), follows=first.remote_id)
    posted = await published(x.connector, answer)
    assert x.emulator.posts[-1].under == first.remote_id.partition(",")[0]
    assert posted == await x.restart().reconcile(answer)
    assert await x.restart().reconcile(replace(answer, follows="")) == Absent()
    for follows in ("999999", "x"):
        lost = replace(an_intent(fire, "Lost.", request_id=f"r{follows}"), follows=follows)
        assert isinstance(await x.connector.publish(lost, store), Permanent)


async def test_an_account_without_credit_posts_nothing_and_says_why(x: EmulatedHarness) -> None:
    x.emulator.credit = 0
    result = await x.connector.publish(an_intent(x.profile("fire"), "Boil water."), store)
    assert isinstance(result, Retryable)
    assert "prepaid credit" in result.reason


async def test_the_others_show_the_leads_post(x: EmulatedHarness) -> None:
    """No second post with the same words; once however often it is asked for; taken back, and gone with the post."""
    lead = await published(x.connector, an_intent(x.profile("fire"), "Boil water."))
    intent = replace(an_intent(x.profile("water"), "Boil water."), repost_of=lead.remote_id)
    assert await x.connector.reconcile(intent) == Absent()
    shown = await published(x.connector, intent)
    assert shown.remote_id == f"repost:{lead.remote_id}"
    assert shown == await x.restart().publish(intent, store)
    assert shown == await x.restart().reconcile(intent)
    assert await x.connector.read_back(intent, shown.remote_id) == shown  # type: ignore[attr-defined]
    assert x.emulator.reposts == [("water", lead.remote_id)]
    assert await x.stands(x.profile("water")) == []
    assert await x.connector.retract(intent, shown.remote_id) == Retracted()
    assert await x.connector.retract(intent, shown.remote_id) == Retracted()
    assert await x.connector.read_back(intent, shown.remote_id) == Absent()  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "drop_before"])
async def test_a_repost_without_an_answer_is_repeated(x: EmulatedHarness, fault: str) -> None:
    lead = await published(x.connector, an_intent(x.profile("fire"), "Boil water."))
    intent = replace(an_intent(x.profile("water"), "Boil water."), repost_of=lead.remote_id)
    await x.misbehave(fault)
    assert isinstance(await x.connector.publish(intent, store), Unknown)
    await published(x.restart(), replace(intent, repeat=True))
    assert x.emulator.reposts == [("water", lead.remote_id)]


async def test_what_was_posted_alone_before_is_not_shown_again(x: EmulatedHarness) -> None:
    """The lead came too late: the account's own post stands, and is found."""
    water = an_intent(x.profile("water"), "Boil water.")
    alone = await x.connector.publish(water, store)
    lead = await published(x.connector, an_intent(x.profile("fire"), "Boil water."))
    again = replace(water, repost_of=lead.remote_id, repeat=True)
    assert alone == await x.restart().publish(again, store)
    assert alone == await x.restart().reconcile(again)
    assert x.emulator.reposts == []


async def test_an_answer_to_a_repost_goes_under_the_post_that_it_shows(x: EmulatedHarness) -> None:
    lead = await published(x.connector, an_intent(x.profile("fire"), "Boil water."))
    update = an_intent(x.profile("water"), "It is over.", request_id="rupdate")
    await published(x.connector, replace(update, follows=f"repost:{lead.remote_id}"))
    assert x.emulator.posts[-1].under == lead.remote_id


async def test_a_read_back_tells_what_else_is_another(x: EmulatedHarness) -> None:
    """Pictures, their descriptions and the place in the thread: each is told, and a right one is not."""
    fire = x.profile("fire")
    intent = an_intent(fire, *PARTS, pictures=(PICTURE,))
    posted = await published(x.connector, intent)
    assert isinstance(x.connector, ReadsBack)
    assert await x.connector.read_back(intent, posted.remote_id) == posted
    stood = list(x.emulator.posts)
    for number, change, kind in (
        (0, {"alts": ()}, "pictures"),
        (0, {"alts": (PICTURE.alt, "Another.")}, "pictures"),
        (0, {"alts": ("Another.",)}, "description"),
        (1, {"under": stood[2].id}, "place"),
        (1, {"text": "Until Monday. (2/3)"}, "text"),
    ):
        x.emulator.posts[:] = stood
        x.emulator.posts[number] = replace(stood[number], **change)
        found = await x.connector.read_back(intent, posted.remote_id)
        assert isinstance(found, Altered)
        assert [one for one, _ in found.differences] == [kind]


async def test_a_post_that_is_shown_otherwise_is_told_at_once(x: EmulatedHarness) -> None:
    """The answer to a new post holds its text: links shortened, one more for pictures; nothing else may differ."""
    fire = x.profile("fire")
    text = "Boil water & wait: https://mission.example/flood (map) mission.example"
    said = await published(x.connector, an_intent(fire, text, pictures=(PICTURE,)))
    assert said.note == ""
    x.emulator.alters = lambda one: one.replace("wait", "w")
    said = await published(x.connector, an_intent(fire, "Boil & wait.", "Then wait.", request_id="rb"))
    assert said.note == "the platform shows the text otherwise than it was approved"


async def test_keys_that_may_only_read_post_nothing_and_are_told(x: EmulatedHarness) -> None:
    """X says it of each answer; a person gives the application its right, and what waits goes out."""
    x.emulator.access = "read"
    health = await x.connector.check(x.profile("fire"))
    assert (health.ok, health.cause) == (False, Cause.OWN)
    assert "read and write rights" in health.detail
    result = await x.connector.publish(an_intent(x.profile("fire")), store)
    assert isinstance(result, Retryable)
    assert x.emulator.posts == []
    x.emulator.access = "read-write"
    await published(x.connector, an_intent(x.profile("fire")))


async def test_what_is_read_and_deleted_is_counted(x: EmulatedHarness) -> None:
    """Each post that X shows, and each deletion, by what its answers say; a post itself is counted from the ledger."""
    fire, costs, now = x.profile("fire"), CallCosts.of(x.city), datetime.now(UTC)
    await x.connector.check(fire)
    assert costs.spent(now) == pytest.approx(READ_USD)
    first = an_intent(fire, "One.")
    posted = await x.connector.publish(first, store)
    await x.connector.publish(an_intent(fire, "Two.", request_id="rbbbbbbbbbbbb"), store)
    assert isinstance(posted, Posted)
    assert costs.spent(now) == pytest.approx(READ_USD)
    assert isinstance(x.connector, ListsPosts)
    assert isinstance(x.connector, ReadsBack)
    assert len(await x.connector.posts_of(fire, now - timedelta(hours=1))) == 2  # type: ignore[arg-type]
    await x.connector.read_back(first, posted.remote_id)
    await x.connector.retract(first, posted.remote_id)
    assert costs.spent(now) == pytest.approx(4 * READ_USD + DELETE_USD)


async def test_to_ask_how_far_a_picture_is_counts_as_no_read(x: EmulatedHarness) -> None:
    """No post is shown by that: the reserve for a crisis is not to shrink by it."""
    fire, costs, now = x.profile("fire"), CallCosts.of(x.city), datetime.now(UTC)
    await x.connector.check(fire)
    before = costs.spent(now)
    x.emulator.works = 1
    await published(x.connector, an_intent(fire, "One.", pictures=(PICTURE,)))
    assert x.emulator.works == 0
    assert costs.spent(now) == before
