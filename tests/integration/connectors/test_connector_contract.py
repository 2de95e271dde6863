"""The connector contract: one suite over every platform (services/fanout/connectors/contract.py)."""

from __future__ import annotations

import asyncio
import html
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas import canonical
from schemas.events.requests import Picture
from schemas.platforms import LIMITS
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Permanent,
    Posted,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.listing import ListsPosts
from services.kernel.base.clock import monotonic
from tests.integration.connectors.harnesses import (
    GROWING,
    PICTURE,
    Harness,
    Seen,
    WebsiteHarness,
    an_intent,
    other,
    published,
    store,
)
from tests.support.stopwatch import Stopwatch

TEXT = 'Boil water in Cedar Valley.\n\nDetails: https://mission.example/water?a=1&b=2 <now> "please"'


async def test_a_post_stands_with_its_exact_text(harness: Harness) -> None:
    """What the public sees is what was in the intent, with nothing of it taken for markup."""
    fire = harness.profile("fire")
    posted = await published(harness.connector, an_intent(fire, TEXT))
    assert posted.url
    assert posted.remote_id
    assert posted.note == ""
    assert [Seen(TEXT)] == await harness.stands(fire)


async def test_a_repeat_is_the_same_post(harness: Harness) -> None:
    """Same key, same bytes: one post, and the repeat is told where it is."""
    intent = an_intent(harness.profile("fire"), TEXT)
    first = await harness.connector.publish(intent, store)
    again = await harness.connector.publish(intent, store)
    assert isinstance(first, Posted)
    assert first == again
    assert len(await harness.stands(intent.profile)) == 1


async def test_a_repeat_by_a_new_process_is_the_same_post(harness: Harness) -> None:
    """A connector that remembers nothing makes no second post either."""
    intent = an_intent(harness.profile("fire"), TEXT)
    first = await harness.connector.publish(intent, store)
    fresh = harness.restart()
    assert first == await fresh.publish(intent, store)
    assert len(await harness.stands(intent.profile)) == 1
    await fresh.close()


async def test_repeats_at_the_same_time_are_one_post(harness: Harness) -> None:
    """Ten calls with one key in parallel leave one post."""
    intent = an_intent(harness.profile("fire"), TEXT)
    results = await asyncio.gather(*(harness.connector.publish(intent, store) for _ in range(10)))
    assert {type(result) for result in results} <= {Posted, Unknown}
    assert len(await harness.stands(intent.profile)) == 1


async def test_other_content_under_the_same_key_is_refused(harness: Harness) -> None:
    """A key stands for its bytes: other bytes never come back as if they were posted."""
    intent = an_intent(harness.profile("fire"), TEXT)
    await harness.connector.publish(intent, store)
    result = await harness.connector.publish(other(intent, "Something else"), store)
    assert isinstance(result, Permanent)
    assert [Seen(TEXT)] == await harness.stands(intent.profile)


async def test_reconcile_sees_what_stands_and_what_does_not(harness: Harness) -> None:
    """Absent before, Posted with the same id after, also for a connector of another process."""
    intent = an_intent(harness.profile("fire"), TEXT)
    assert await harness.connector.reconcile(intent) == Absent()
    posted = await harness.connector.publish(intent, store)
    fresh = harness.restart()
    assert posted == await fresh.reconcile(intent)
    assert len(await harness.stands(intent.profile)) == 1
    await fresh.close()


async def test_reconcile_takes_no_other_message_for_it(harness: Harness) -> None:
    """Another text on the same profile, or the same text on another one, is not it."""
    await harness.connector.publish(an_intent(harness.profile("fire"), "Another text", request_id="rother"), store)
    await harness.connector.publish(an_intent(harness.profile("water"), TEXT), store)
    assert await harness.connector.reconcile(an_intent(harness.profile("fire"), TEXT)) == Absent()


async def test_retract_takes_it_back_and_may_be_repeated(harness: Harness) -> None:
    """After it nothing is there, as declared; a second time, and of what never stood, it is Retracted as well."""
    intent = an_intent(harness.profile("fire"), TEXT)
    posted = await published(harness.connector, intent)
    if not harness.connector.declaration.delete and not harness.connector.declaration.marks:
        assert isinstance(await harness.connector.retract(intent, posted.remote_id), Permanent)
        assert posted == await harness.connector.reconcile(intent)
        return
    assert await harness.connector.retract(intent, posted.remote_id) == Retracted()
    assert await harness.stands(intent.profile) == []
    assert await harness.connector.retract(intent, posted.remote_id) == Retracted()
    assert await harness.connector.reconcile(intent) == Absent()


async def test_a_message_for_several_profiles_stands_on_each(harness: Harness) -> None:
    """Profiles do not mix, and to retract one leaves the other."""
    fire, water = harness.profile("fire"), harness.profile("water")
    results = await asyncio.gather(*(harness.connector.publish(an_intent(one, TEXT), store) for one in (fire, water)))
    assert all(isinstance(result, Posted) for result in results)
    assert len({result.url for result in results if isinstance(result, Posted)}) == 2
    retracted = await harness.connector.retract(an_intent(fire, TEXT), results[0].remote_id)  # type: ignore[union-attr]
    assert await harness.stands(fire) == ([] if isinstance(retracted, Retracted) else [Seen(TEXT)])
    assert [Seen(TEXT)] == await harness.stands(water)


async def test_a_picture_carries_its_description(harness: Harness) -> None:
    """Alt text arrives as it was written."""
    fire = harness.profile("fire")
    posted = await published(harness.connector, an_intent(fire, TEXT, pictures=(PICTURE,)))
    assert posted.note == ""
    assert [Seen(TEXT, (PICTURE.alt,))] == await harness.stands(fire)


async def test_a_picture_that_is_missing_blocks_nothing(harness: Harness) -> None:
    """The text goes out, and the note says what is missing."""
    gone = Picture(sha256="0" * 64, media_type="image/png", alt="A picture that is nowhere")
    fire = harness.profile("fire")
    posted = await published(harness.connector, an_intent(fire, TEXT, pictures=(gone,)))
    assert "picture 1" in posted.note
    assert [Seen(TEXT)] == await harness.stands(fire)


async def test_check_says_that_a_good_profile_can_be_posted_to(harness: Harness) -> None:
    """And posts nothing."""
    assert (await harness.connector.check(harness.profile("fire"))).ok
    assert await harness.stands(harness.profile("fire")) == []


async def test_what_stands_is_listed_under_the_ids_of_its_receipt(harness: Harness) -> None:
    """So the watch knows our posts from others'; what was published before the time that it asks for is not listed."""
    fire, began = harness.profile("fire"), datetime.now(UTC) - timedelta(minutes=1)
    if not isinstance(harness.connector, ListsPosts):
        pytest.skip(f"{harness.connector.platform} lists no profile's posts")
    assert await harness.connector.posts_of(fire, began) == []
    usual = an_intent(fire, TEXT)
    # A Bluesky record is as old as it says itself.
    content = usual.content.model_copy(update={"created_at": datetime.now(UTC).replace(microsecond=0)})
    sha256 = canonical.sha256(content.to_bytes())
    posted = await published(harness.connector, replace(usual, content=content, rendering_sha256=sha256))
    listed = await harness.connector.posts_of(fire, began)
    assert not isinstance(listed, CannotTell), listed
    assert [(one.id, one.text) for one in listed] == [(posted.remote_id, TEXT)]
    assert listed[0].record
    assert began < listed[0].at
    assert await harness.connector.posts_of(fire, datetime.now(UTC) + timedelta(minutes=1)) == []


# --- behind a network -------------------------------------------------------------------------------------


async def test_too_slow_is_unknown_within_its_time(remote: Harness) -> None:
    """The call ends in time, and what lands later is found, once."""
    if getattr(remote, "keyless", False):
        pytest.skip("no key guards a repeat while the first call is under way: the worker waits for its settle time")
    await remote.misbehave("slow", seconds=4)
    intent = an_intent(remote.profile("fire"), TEXT, timeout=2.8)
    for _ in GROWING:  # its time does not grow: it has to be less than the platform takes
        began = monotonic()
        async with Stopwatch() as watch:
            result = await remote.connector.publish(intent, store)
        if not isinstance(result, Retryable):
            break
    assert isinstance(result, Unknown)
    assert watch.seconds < 2.8
    intent = replace(intent, call_timeout=60.0)
    again = await published(remote.connector, intent)
    await asyncio.sleep(4.5 - (monotonic() - began))
    assert again == await remote.connector.reconcile(intent)
    assert [Seen(TEXT)] == await remote.stands(intent.profile)


async def test_a_rate_limit_is_retryable_after_the_time_it_names(remote: Harness) -> None:
    """Nothing stands, and the same call works later."""
    await remote.misbehave("rate_limit", seconds=17)
    intent = an_intent(remote.profile("fire"), TEXT)
    result = await remote.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.after == 17
    assert await remote.stands(intent.profile) == []
    await published(remote.connector, intent)


@pytest.mark.parametrize("kind", ["drop_after", "error_after"])
async def test_what_was_accepted_without_an_answer_is_found_again(remote: Harness, kind: str) -> None:
    """Unknown, then reconcile finds exactly one, and a repeat adds none."""
    await remote.misbehave(kind)
    intent = an_intent(remote.profile("fire"), TEXT)
    assert isinstance(await remote.connector.publish(intent, store), Unknown)
    found = await remote.connector.reconcile(intent)
    assert isinstance(found, Posted)
    assert found == await remote.connector.publish(intent, store)
    assert [Seen(TEXT)] == await remote.stands(intent.profile)


async def test_what_was_dropped_before_it_was_accepted_is_absent(remote: Harness) -> None:
    """Unknown, then Absent, then a repeat makes the one post."""
    await remote.misbehave("drop_before")
    intent = an_intent(remote.profile("fire"), TEXT)
    assert isinstance(await remote.connector.publish(intent, store), Unknown)
    assert await remote.connector.reconcile(intent) == Absent()
    await published(remote.connector, intent)
    assert [Seen(TEXT)] == await remote.stands(intent.profile)


async def test_what_was_taken_down_is_posted_again_under_another_key(remote: Harness) -> None:
    """A platform may keep a key, or a container, for what is gone; an officer's word brings another key.

    The post is there once, and where it is said to be: on Bluesky that is the address of before.
    """
    intent = an_intent(remote.profile("fire"), "Boil water.")
    gone = await published(remote.connector, intent)
    moderator = remote.restart()
    taken = await moderator.retract(intent, gone.remote_id)
    await moderator.close()
    if not remote.connector.declaration.delete:  # Instagram lets nobody take a post down by its interface
        assert isinstance(taken, Permanent)
        return
    assert isinstance(taken, Retracted)
    again = replace(intent, idempotency_key="another", repeat=True)
    assert await remote.stands(intent.profile) == []
    stands = await published(remote.connector, again)
    assert await remote.connector.reconcile(again) == replace(stands, note="")
    assert [one.text for one in await remote.stands(intent.profile)] == ["Boil water."]


async def test_a_crash_between_send_and_answer_is_one_post(remote: Harness) -> None:
    """A process that knows nothing of the call repeats it: it finds what is there."""
    await remote.misbehave("drop_after")
    intent = an_intent(remote.profile("fire"), TEXT)
    assert isinstance(await remote.connector.publish(intent, store), Unknown)
    fresh = remote.restart()
    posted = await published(fresh, replace(intent, repeat=True))
    assert posted == await fresh.reconcile(intent)
    assert [Seen(TEXT)] == await remote.stands(intent.profile)
    await fresh.close()


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
async def test_each_limit_is_kept_to_the_last_one(remote: Harness, more: int, fits: bool) -> None:
    """The longest text and the most pictures stand whole; one more is refused, and nothing of it is there."""
    limits = LIMITS.get(remote.connector.platform)
    if limits is None:
        pytest.skip("a place without limits")
    fire, water = remote.profile("fire"), remote.profile("water")
    text = "a" * (limits.characters + more)
    result = await remote.connector.publish(an_intent(fire, text, pictures=(PICTURE,)), store)
    assert isinstance(result, Posted if fits else Permanent)
    assert [one.text for one in await remote.stands(fire)] == ([text] if fits else [])
    many = an_intent(water, TEXT, pictures=(PICTURE,) * (limits.pictures + more))
    result = await remote.connector.publish(many, store)
    assert isinstance(result, Posted if fits else Permanent)
    assert [len(one.alts) for one in await remote.stands(water)] == ([limits.pictures] if fits else [])


_UPLOADS = ("mastodon", "x", "facebook", "linkedin")
"""They take a picture's bytes in a call of its own; Threads and Instagram fetch it (test_meta)."""


@pytest.mark.parametrize("fault", ["error_before", "drop_before"])
async def test_a_picture_that_the_platform_does_not_take_blocks_nothing(remote: Harness, fault: str) -> None:
    """The text stands, once, and the receipt says which picture is missing."""
    if remote.connector.platform not in _UPLOADS:
        pytest.skip("it takes no uploads")
    await remote.misbehave(fault, on="media")
    fire = remote.profile("fire")
    posted = await published(remote.connector, an_intent(fire, TEXT, pictures=(PICTURE,)))
    assert "picture 1" in posted.note
    assert [Seen(TEXT)] == await remote.stands(fire)


async def test_an_account_that_is_refused_stops_no_other(remote: Harness) -> None:
    """One is not let in: it is held back or refused, nothing of it is there, and the others go on at the same time."""
    if remote.connector.platform in ("folder", "bluesky"):
        pytest.skip("a place without accounts, or a real server, whose own suite closes an account")
    fire, water = remote.profile("fire"), remote.profile("water")
    await remote.misbehave("unauthorized")
    refused = await remote.connector.publish(an_intent(fire, TEXT), store)
    assert isinstance(refused, Retryable)
    assert refused.cause is Cause.CREDENTIAL
    others = await asyncio.gather(*(remote.connector.publish(an_intent(one, TEXT), store) for one in (water, fire)))
    assert all(isinstance(one, Posted) for one in others)
    assert [Seen(TEXT)] == await remote.stands(fire) == await remote.stands(water)


async def test_the_website_takes_as_much_as_it_says(tmp_path: Path) -> None:
    """The longest text stands whole; its own pages have no other limit than what rendering lets through."""
    harness = WebsiteHarness(tmp_path)
    fire, text = harness.profile("fire"), "a" * LIMITS["website"].characters
    many = an_intent(fire, text, pictures=(PICTURE,) * LIMITS["website"].pictures)
    await published(harness.connector, many)
    page = (harness.city.site_folder / "messages" / many.request_id / "index.html").read_text()
    assert text in page
    assert page.count(html.escape(PICTURE.alt)) >= LIMITS["website"].pictures
    await harness.close()
