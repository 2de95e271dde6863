"""Facebook Pages against the emulator: errors, repeats, whose token it is, and the limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fanout.connectors.contract import (
    CannotTell,
    Cause,
    Permanent,
    Posted,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.facebook.connector import RIGHTS
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import PICTURE, Seen, an_intent, published, store
from tests.support.emulators.base import Fault

TEXT = "Boil water in Cedar Valley."


async def test_an_error_that_published_is_looked_for(facebook: EmulatedHarness) -> None:
    """The look comes before every call, and without it nothing is sent."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    facebook.emulator.misbehave("error_after")
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)
    facebook.emulator.misbehave("error_before", on="read", calls=2)
    fresh = facebook.restart()
    assert isinstance(await fresh.publish(replace(intent, repeat=True), store), Retryable)
    assert isinstance(await fresh.reconcile(intent), CannotTell)
    await published(fresh, replace(intent, repeat=True))
    assert [Seen(TEXT)] == await facebook.stands(intent.profile)


async def test_a_duplicate_is_a_receipt_only_when_the_page_shows_it(facebook: EmulatedHarness) -> None:
    """A listing that lagged hid the post: Meta's refusal of the same words means that it is to be looked for."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    facebook.emulator.misbehave("drop_after")
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)
    [stands] = facebook.emulator.posts
    facebook.emulator.hidden = 1
    facebook.emulator.misbehave("error", code="duplicate")
    posted = await published(facebook.restart(), replace(intent, repeat=True))
    assert posted.remote_id == stands.id
    assert len(facebook.emulator.posts) == 1


async def test_a_duplicate_that_the_page_does_not_show_is_a_refusal(facebook: EmulatedHarness) -> None:
    """And while the Page's posts cannot be seen nobody knows."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    facebook.emulator.misbehave("error", code="duplicate")
    refused = await facebook.connector.publish(intent, store)
    assert isinstance(refused, Permanent)
    assert "Duplicate status message" in refused.reason
    facebook.emulator.misbehave("error", code="duplicate")
    facebook.emulator.faults.append(Fault("error", on="read", code="service", skip=1))
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)


async def test_a_read_back_tells_a_picture_that_is_missing_or_was_added(facebook: EmulatedHarness) -> None:
    """Of one and of several; the preview of a link is none."""
    assert isinstance(facebook.connector, ReadsBack)
    for number, pictures in enumerate(((), (PICTURE,), (PICTURE, PICTURE))):
        text = f"Boil water. {number} https://mission.example/a"
        intent = an_intent(facebook.profile("fire"), text, request_id=f"r{number}", pictures=pictures)
        posted = await published(facebook.connector, intent)
        assert await facebook.connector.read_back(intent, posted.remote_id) == posted
        stood = facebook.emulator.posts[-1]
        for change, kind in (
            ({"alts": (*stood.alts, "More.")}, "pictures"),
            ({"alts": stood.alts[1:]}, "pictures" if pictures else ""),
            ({"text": "Drink it."}, "text"),
        ):
            facebook.emulator.posts[-1] = replace(stood, **change)
            found = await facebook.connector.read_back(intent, posted.remote_id)
            assert [one for one, _ in getattr(found, "differences", ())] == ([kind] if kind else [])


async def test_a_right_that_a_token_lacks_is_named_where_meta_says_it(facebook: EmulatedHarness) -> None:
    """Meta may say it to the application alone: then nothing is said of it."""
    fire = facebook.profile("fire")
    assert (await facebook.connector.check(fire)).ok
    facebook.emulator.tells = ("pages_read_engagement",)
    health = await facebook.connector.check(fire)
    assert (health.ok, health.detail) == (False, "the token lacks the rights pages_manage_posts")
    facebook.emulator.tells = RIGHTS
    assert (await facebook.connector.check(fire)).ok


async def test_what_time_or_a_right_mends_holds_the_message_back(facebook: EmulatedHarness) -> None:
    """Limits of Pages' and system users' tokens, a right that is missing, at the post and at the look before it."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    for on in ("post", "read"):
        for code, cause in (("page_calls", Cause.LIMIT), ("page_right", Cause.CREDENTIAL)):
            facebook.emulator.misbehave("error", on=on, code=code)
            held = await facebook.connector.publish(intent, store)
            assert isinstance(held, Retryable), held
            assert held.cause is cause
            assert facebook.emulator.errors[code][3] in held.reason
    await published(facebook.connector, intent)


async def test_a_repeat_that_is_a_duplicate_is_not_called_absent(facebook: EmulatedHarness) -> None:
    """The listing lags for longer than the settle time: it is most likely this message, and a person looks."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    facebook.emulator.misbehave("error_after")
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)
    facebook.emulator.hidden = 9
    facebook.emulator.misbehave("error", code="duplicate")
    fresh = facebook.restart()
    unknown = await fresh.publish(replace(intent, repeat=True), store)
    assert isinstance(unknown, Unknown)
    assert "Duplicate status message" in unknown.reason
    found = await fresh.reconcile(intent)
    assert isinstance(found, CannotTell)
    assert found.cause is None
    assert not isinstance(await fresh.retract(intent, ""), Retracted)
    facebook.emulator.hidden = 0
    assert isinstance(await fresh.reconcile(intent), Posted)


@pytest.mark.parametrize("refused", [2, 9])
async def test_a_picture_that_is_refused_at_the_post_blocks_nothing(facebook: EmulatedHarness, refused: int) -> None:
    """It is sent again a moment later, and goes out without it in the end."""
    fire = facebook.profile("fire")
    facebook.emulator.refuses_pictures = refused
    posted = await published(facebook.connector, an_intent(fire, TEXT, pictures=(PICTURE,)))
    assert [Seen(TEXT, () if refused == 9 else (PICTURE.alt,))] == await facebook.stands(fire)
    assert ("Missing or invalid image file" in posted.note) == (refused == 9)


async def test_a_duplicate_is_not_sent_without_its_pictures(facebook: EmulatedHarness) -> None:
    """It may be this very post."""
    facebook.emulator.misbehave("error", code="duplicate")
    intent = an_intent(facebook.profile("fire"), TEXT, pictures=(PICTURE,))
    assert isinstance(await facebook.connector.publish(intent, store), Permanent)
    assert facebook.emulator.calls["post"] == 1


async def test_a_listing_that_goes_on_without_a_cursor_is_not_at_its_end(facebook: EmulatedHarness) -> None:
    """What is behind it may be this very post, which would be made twice."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    await published(facebook.connector, intent)
    emulator = facebook.emulator
    for number in range(150):
        name = f"1001_{number:04}"
        emulator.posts.append(replace(emulator.posts[0], id=name, text=name))
        emulator.made[name] = emulator.made[emulator.posts[0].id]
    emulator.cursors = False
    fresh = facebook.restart()
    assert isinstance(await fresh.reconcile(intent), CannotTell)
    assert isinstance(await fresh.publish(replace(intent, repeat=True), store), Retryable)
    emulator.cursors = True
    assert isinstance(await fresh.reconcile(intent), Posted)


async def test_an_empty_page_of_a_listing_is_not_its_end(facebook: EmulatedHarness) -> None:
    """Meta leaves out of a page what may not be seen: only a listing that names no next page is over."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    await published(facebook.connector, intent)
    emulator = facebook.emulator
    for number in range(100):
        name = f"1001_{number:04}"
        emulator.posts.append(replace(emulator.posts[0], id=name, text=name))
        emulator.made[name] = emulator.made[emulator.posts[0].id]
    emulator.filtered = True
    fresh = facebook.restart()
    assert isinstance(await fresh.reconcile(intent), Posted)
    assert isinstance(await fresh.publish(replace(intent, repeat=True), store), Posted)
    assert emulator.calls["post"] == 1


async def test_a_duplicate_of_what_this_call_was_refused_is_not_called_failed(facebook: EmulatedHarness) -> None:
    """The first answer said that it is refused, the next one that it is there, and the listing may lag."""
    facebook.emulator.misbehave("error", code="picture")
    facebook.emulator.misbehave("error", code="duplicate")
    intent = an_intent(facebook.profile("fire"), TEXT, pictures=(PICTURE,))
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)
    assert isinstance(await facebook.connector.reconcile(intent), CannotTell)
    assert facebook.emulator.calls["post"] == 2
