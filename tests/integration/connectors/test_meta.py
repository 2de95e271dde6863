"""Threads and Instagram against the emulators: two steps, containers, quotas, chains, cards, pictures that fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Permanent,
    Posted,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from tests.integration.connectors.asking import forget
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import GROWING, PICTURE, Seen, an_intent, published, store
from tests.support.emulators.base import Fault
from tests.support.emulators.meta import UNPREPARED
from tests.support.mission import PATIENCE

TEXT = "Boil water in Cedar Valley."


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("fault", ["drop_after", "error_after", "drop_before", "error_before"])
async def test_a_lost_answer_to_the_publication_is_one_post(meta: EmulatedHarness, fault: str, noted: bool) -> None:
    """A fresh process asks the container that was noted, or, where the note is lost, the account's own posts."""
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave(fault)
    assert isinstance(await meta.connector.publish(intent, store), Unknown)
    if not noted:
        forget(meta)
    posted = await published(meta.restart(), replace(intent, repeat=True))
    assert posted == await meta.restart().publish(replace(intent, repeat=True), store)
    assert [Seen(TEXT)] == await meta.stands(intent.profile)


async def test_a_published_container_that_is_not_listed_yet_is_not_posted_again(meta: EmulatedHarness) -> None:
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("drop_after")
    await meta.connector.publish(intent, store)
    posts, meta.emulator.posts = meta.emulator.posts, []
    assert isinstance(await meta.restart().publish(replace(intent, repeat=True), store), Unknown)
    assert meta.emulator.posts == []
    meta.emulator.posts = posts
    await published(meta.restart(), replace(intent, repeat=True))
    assert len(await meta.stands(intent.profile)) == 1


@pytest.mark.parametrize("state", ["ERROR", "EXPIRED"])
async def test_a_container_that_is_over_is_made_anew(meta: EmulatedHarness, state: str) -> None:
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("drop_before")
    await meta.connector.publish(intent, store)
    for one in meta.emulator.containers.values():
        one.status = state
    await published(meta.restart(), replace(intent, repeat=True))
    assert [Seen(TEXT)] == await meta.stands(intent.profile)


async def test_a_post_that_is_shown_otherwise_and_unknown_by_its_id_is_a_persons_to_look_at(
    meta: EmulatedHarness,
) -> None:
    """Its container says that it is published: "it is not there" would be a lie, and so would a recall be."""
    meta.emulator.alters = lambda text: text.replace("Cedar", "C.")
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("drop_after")
    assert isinstance(await meta.connector.publish(intent, store), Unknown)
    fresh = meta.restart()
    found = await fresh.reconcile(intent)
    assert isinstance(found, CannotTell)
    assert found.cause is None
    assert not isinstance(await fresh.retract(intent, ""), Retracted)
    meta.emulator.misbehave("error", on="any", code="service", calls=9)
    assert isinstance(await fresh.reconcile(intent), CannotTell)
    meta.emulator.faults.clear()
    meta.emulator.alters = str
    assert isinstance(await fresh.reconcile(intent), Posted)


async def test_a_container_whose_state_is_not_told_is_not_absent(meta: EmulatedHarness) -> None:
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("drop_before")
    assert isinstance(await meta.connector.publish(intent, store), Unknown)
    meta.emulator.faults.append(Fault("error", on="read", code="service", skip=1))
    found = await meta.restart().reconcile(intent)
    assert isinstance(found, CannotTell)
    assert found.cause is Cause.HOST
    assert await meta.restart().reconcile(intent) == Absent()


async def test_a_container_that_the_platform_loses_at_once_is_made_anew(meta: EmulatedHarness) -> None:
    """It was ready, and its publication does not find it: nothing is published by it, also on the next try."""
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("error", code="lost")
    await published(meta.connector, intent)
    assert [Seen(TEXT)] == await meta.stands(intent.profile)
    assert len(meta.emulator.containers) == 2


async def test_containers_that_are_lost_again_and_again_hold_it_back(meta: EmulatedHarness) -> None:
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("error", code="lost", calls=3)
    held = await meta.connector.publish(intent, store)
    assert isinstance(held, Retryable)
    assert held.cause is Cause.LIMIT
    assert len(meta.emulator.containers) == 3
    await published(meta.restart(), replace(intent, repeat=True))
    assert [Seen(TEXT)] == await meta.stands(intent.profile)


async def test_a_noted_container_that_is_not_known_any_more_is_made_anew(meta: EmulatedHarness) -> None:
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("drop_before")
    await meta.connector.publish(intent, store)
    meta.emulator.containers.clear()
    await published(meta.restart(), replace(intent, repeat=True))
    assert [Seen(TEXT)] == await meta.stands(intent.profile)


async def test_of_an_older_container_that_is_lost_it_is_looked_before_another_is_made(meta: EmulatedHarness) -> None:
    """The call before may still be under way: it is another attempt's to begin anew."""
    intent = an_intent(meta.profile("fire"), TEXT)
    meta.emulator.misbehave("drop_before")
    await meta.connector.publish(intent, store)
    meta.emulator.misbehave("error", code="lost")
    assert isinstance(await meta.restart().publish(replace(intent, repeat=True), store), Retryable)
    assert len(meta.emulator.containers) == 1
    await published(meta.restart(), replace(intent, repeat=True))
    assert [Seen(TEXT)] == await meta.stands(intent.profile)


async def test_what_is_prepared_slowly_is_waited_for_and_gone_on_with(meta: EmulatedHarness) -> None:
    meta.emulator.prepares_for = 1.0
    quick = an_intent(meta.profile("fire"), TEXT)
    await published(meta.connector, quick)
    before, slow = len(meta.emulator.containers), an_intent(meta.profile("water"), TEXT)
    for times in GROWING:
        meta.emulator.prepares_for = 3.0 * times
        result = await meta.connector.publish(replace(slow, call_timeout=4.0 * times), store)
        assert isinstance(result, Retryable)
        made = len(meta.emulator.containers)
        if made > before:
            break
    await published(meta.connector, replace(slow, call_timeout=PATIENCE))
    assert len(meta.emulator.containers) == made


async def test_a_check_says_how_many_posts_are_left(meta: EmulatedHarness) -> None:
    meta.emulator.quota = 3
    assert "3 posts left" in (await meta.connector.check(meta.profile("fire"))).detail
    for number in range(3):
        await meta.connector.publish(an_intent(meta.profile("fire"), f"N {number}", request_id=f"r{number}"), store)
    used_up = await meta.connector.check(meta.profile("fire"))
    assert (used_up.ok, used_up.cause) == (False, Cause.LIMIT)
    result = await meta.connector.publish(an_intent(meta.profile("fire"), TEXT), store)
    assert isinstance(result, Retryable)
    assert "2207042" in str(meta.emulator.errors["quota"])


@pytest.mark.parametrize("code", ["fetch", "ratio", "format"])
async def test_pictures_that_are_not_taken_block_nothing(meta: EmulatedHarness, code: str) -> None:
    """Threads goes without them; Instagram shows the words in their place; the receipt says so."""
    meta.emulator.misbehave("error", on="media", code=code)
    fire = meta.profile("fire")
    posted = await published(meta.connector, an_intent(fire, TEXT, pictures=(PICTURE,)))
    assert "pictures are missing" in posted.note
    assert [Seen(TEXT)] == await meta.stands(fire)


async def test_words_that_cannot_be_prepared_are_no_matter_of_a_credential(threads: EmulatedHarness) -> None:
    """They are tried again, and the receipt has the platform's own words."""
    threads.emulator.fails_to_prepare = 1
    intent = an_intent(threads.profile("fire"), TEXT)
    held = await threads.connector.publish(intent, store)
    assert isinstance(held, Retryable)
    assert held.cause is Cause.LIMIT
    assert UNPREPARED in held.reason
    await published(threads.restart(), replace(intent, repeat=True))


async def test_a_picture_that_cannot_be_prepared_is_told_in_the_platforms_words(meta: EmulatedHarness) -> None:
    meta.emulator.fails_to_prepare = 1
    posted = await published(meta.connector, an_intent(meta.profile("fire"), TEXT, pictures=(PICTURE,)))
    assert UNPREPARED in posted.note


async def test_of_two_pictures_the_one_that_is_taken_is_posted(meta: EmulatedHarness) -> None:
    """Also where the first of them is refused."""
    fire, other = meta.profile("fire"), PICTURE.model_copy(update={"alt": "The other one."})
    meta.emulator.misbehave("error", on="media", code="fetch")
    posted = await published(meta.connector, an_intent(fire, TEXT, pictures=(PICTURE, other)))
    assert [Seen(TEXT, (other.alt,))] == await meta.stands(fire)
    assert posted.note.startswith("a picture is missing: ")


async def test_a_site_that_the_platform_cannot_reach_holds_instagram_back(instagram: EmulatedHarness) -> None:
    """It is the city's to mend, and nothing is lost."""
    assert instagram._site is not None
    await instagram._site.stop()
    instagram._site = None
    result = await instagram.connector.publish(an_intent(instagram.profile("fire"), TEXT), store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.OWN
    assert "website" in result.reason


async def test_a_text_that_cannot_be_drawn_needs_a_picture(instagram: EmulatedHarness) -> None:
    fire = instagram.profile("fire")
    refused = await instagram.connector.publish(an_intent(fire, "ਪਾਣੀ ਉਬਾਲੋ"), store)
    assert isinstance(refused, Permanent)
    drawn = an_intent(fire, "ਪਾਣੀ ਉਬਾਲੋ", pictures=(PICTURE,), request_id="rother")
    await published(instagram.connector, drawn)


async def test_a_chain_stands_in_order_goes_on_and_is_taken_back(threads: EmulatedHarness) -> None:
    """An answer that was lost in its middle leaves no part twice; all parts are deleted, the last first."""
    intent = an_intent(threads.profile("fire"), "One. (1/3)", "Two. (2/3)", "Three. (3/3)")
    threads.emulator.faults.append(Fault("drop_after", skip=1))
    first = await threads.connector.publish(intent, store)
    while not isinstance(first, Posted):
        first = await threads.restart().publish(replace(intent, repeat=True), store)
    posts = threads.emulator.posts
    assert [post.text for post in posts] == list(intent.content.parts)
    assert [post.under for post in posts] == ["", posts[0].id, posts[1].id]
    assert first == await threads.restart().reconcile(intent)
    assert await threads.connector.read_back(intent, first.remote_id) == first  # type: ignore[attr-defined]
    other = replace(intent, content=an_intent(threads.profile("fire"), "One. (1/3)", "2. (2/3)", "3. (3/3)").content)
    assert isinstance(await threads.connector.read_back(other, first.remote_id), Altered)  # type: ignore[attr-defined]
    answer = an_intent(threads.profile("fire"), "An update.", request_id="rupdate")
    await published(threads.connector, replace(answer, follows=first.remote_id))
    assert threads.emulator.posts[-1].under == posts[0].id
    assert await threads.connector.retract(intent, first.remote_id) == Retracted()
    assert [post.text for post in threads.emulator.posts] == ["An update."]
    assert await threads.connector.read_back(intent, first.remote_id) == Absent()  # type: ignore[attr-defined]


async def test_a_part_goes_on_where_the_one_before_it_is_not_shown_at_once(threads: EmulatedHarness) -> None:
    """Threads has been seen not to find a post of a moment ago: the rest comes a second later, and no part is lost."""
    intent = an_intent(threads.profile("fire"), "One. (1/3)", "Two. (2/3)", "Three. (3/3)")
    threads.emulator.faults.append(Fault("error", on="media", code="lost", skip=1, calls=2))
    for taken in (1, 1):
        held = await threads.connector.publish(replace(intent, repeat=bool(threads.emulator.posts)), store)
        assert isinstance(held, Retryable)
        assert held.after
        assert held.begun is not None
        assert [post.id for post in threads.emulator.posts] == held.begun.remote_id.split(",")
        assert len(threads.emulator.posts) == taken
    await published(threads.restart(), replace(intent, repeat=True))
    assert [post.text for post in threads.emulator.posts] == list(intent.content.parts)


@pytest.mark.parametrize("code", ["lost", "too_long"])
async def test_a_part_that_is_refused_ends_its_chain(threads: EmulatedHarness, code: str) -> None:
    """For its own sake, or as the platform says, when it is asked, that the part before it is gone."""
    intent = an_intent(threads.profile("fire"), "One. (1/2)", "Two. (2/2)")
    threads.emulator.faults.append(Fault("error", on="media", code="lost", skip=1))
    assert isinstance(await threads.connector.publish(intent, store), Retryable)
    threads.emulator.misbehave("error", on="media", code=code)
    threads.emulator.faults.append(Fault("error", on="read", code="gone", skip=2))
    refused = await threads.connector.publish(replace(intent, repeat=True), store)
    assert isinstance(refused, Permanent)
    assert refused.begun is not None
    assert not refused.gone


async def test_a_post_that_is_shown_otherwise_is_told_at_once(meta: EmulatedHarness) -> None:
    """What is shown after its publication is compared with what was approved, before any later look."""
    meta.emulator.alters = lambda text: text.replace("Cedar", "C.")
    intent = an_intent(meta.profile("fire"), TEXT)
    result = await published(meta.connector, intent)
    assert "shows the text otherwise" in result.note


async def test_deletions_are_limited_too(threads: EmulatedHarness) -> None:
    intent = an_intent(threads.profile("fire"), TEXT)
    posted = await published(threads.connector, intent)
    threads.emulator.deletions = 0
    result = await threads.connector.retract(intent, posted.remote_id)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.LIMIT


async def test_a_read_back_tells_pictures_and_place(meta: EmulatedHarness) -> None:
    """One that is gone or was added, on both; and on Threads a part that is elsewhere."""
    assert isinstance(meta.connector, ReadsBack)
    for number, pictures in enumerate(((PICTURE,), (PICTURE, PICTURE))):
        intent = an_intent(meta.profile("fire"), f"Boil water. {number}", request_id=f"r{number}", pictures=pictures)
        posted = await published(meta.connector, intent)
        assert await meta.connector.read_back(intent, posted.remote_id) == posted
        stood = meta.emulator.posts[-1]
        changes = [({"alts": (*stood.alts, "More.")}, "pictures"), ({"alts": stood.alts[1:]}, "pictures")]
        if meta.platform == "threads":
            changes.append(({"under": "1"}, "place"))
        for change, kind in changes:
            meta.emulator.posts[-1] = replace(stood, **change)
            found = await meta.connector.read_back(intent, posted.remote_id)
            assert isinstance(found, Altered)
            assert [one for one, _ in found.differences] == [kind]
        meta.emulator.posts[-1] = stood
    words = an_intent(meta.profile("fire"), "In words alone.", request_id="rwords")
    posted = await published(meta.connector, words)
    assert await meta.connector.read_back(words, posted.remote_id) == posted


async def test_a_clock_of_ours_that_is_ahead_hides_no_post(harness_of_meta: EmulatedHarness) -> None:
    """What a lost answer left is stamped by the platform's clock, before the request was made by ours."""
    harness_of_meta.emulator.behind = timedelta(minutes=20)
    intent = an_intent(harness_of_meta.profile("fire"), TEXT)
    harness_of_meta.emulator.misbehave("drop_after")
    assert isinstance(await harness_of_meta.connector.publish(intent, store), Unknown)
    forget(harness_of_meta)
    fresh = harness_of_meta.restart()
    assert isinstance(await fresh.reconcile(intent), Posted)
    await published(fresh, replace(intent, repeat=True))
    assert [Seen(TEXT)] == await harness_of_meta.stands(intent.profile)


async def test_the_same_words_before_the_request_are_no_post_of_it(harness_of_meta: EmulatedHarness) -> None:
    """By the platform's clock, too: half an hour before is before, though it is after by ours."""
    harness_of_meta.emulator.behind = timedelta(minutes=50)
    await published(harness_of_meta.connector, an_intent(harness_of_meta.profile("fire"), TEXT, request_id="rearlier"))
    harness_of_meta.emulator.behind = timedelta(minutes=20)
    intent = an_intent(harness_of_meta.profile("fire"), TEXT)
    assert await harness_of_meta.connector.reconcile(intent) == Absent()
