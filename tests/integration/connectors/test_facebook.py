"""Facebook Pages against the emulator: errors, repeats, whose token it is, and the limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fanout.connectors.contract import (
    Absent,
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
from tests.integration.connectors.emulated_rigs import EmulatedRig
from tests.integration.connectors.rigs import PICTURE, Seen, an_intent, store
from tests.support.emulators.base import Fault
from tests.support.emulators.facebook import token_of

TEXT = "Boil water in Cedar Valley."


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        ("unauthorized", Retryable, Cause.CREDENTIAL),
        ("session", Retryable, Cause.CREDENTIAL),
        ("rights", Retryable, Cause.CREDENTIAL),
        ("app_limit", Retryable, Cause.LIMIT),
        ("page_limit", Retryable, Cause.LIMIT),
        ("too_fast", Retryable, Cause.LIMIT),
        ("blocked", Retryable, Cause.LIMIT),
        ("duplicate", Permanent, None),
        ("invalid", Permanent, None),
        ("gone", Permanent, None),
        ("unknown", Unknown, Cause.HOST),
        ("service", Unknown, Cause.HOST),
    ],
)
async def test_each_documented_error_ends_right(
    facebook: EmulatedRig, code: str, kind: type, cause: Cause | None
) -> None:
    """In Meta's words, and the other Page goes on."""
    facebook.emulator.misbehave("error", code=code)
    result = await facebook.connector.publish(an_intent(facebook.profile("fire"), TEXT), store)
    assert isinstance(result, kind)
    assert getattr(result, "cause", None) == cause
    assert str(facebook.emulator.errors[code][3]) in getattr(result, "reason", "")
    assert isinstance(await facebook.connector.publish(an_intent(facebook.profile("water"), TEXT), store), Posted)


async def test_what_cannot_be_seen_is_not_posted_again(facebook: EmulatedRig) -> None:
    """An error that published: the look comes before every call, and without it nothing is sent."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    facebook.emulator.misbehave("error_after")
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)
    facebook.emulator.misbehave("error_before", on="read", calls=2)
    fresh = facebook.restart()
    assert isinstance(await fresh.publish(replace(intent, repeat=True), store), Retryable)
    assert isinstance(await fresh.reconcile(intent), CannotTell)
    assert isinstance(await fresh.publish(replace(intent, repeat=True), store), Posted)
    assert [Seen(TEXT)] == await facebook.stands(intent.profile)


async def test_the_listing_is_read_to_its_end(facebook: EmulatedRig) -> None:
    """A hundred later posts of others do not hide it; more than five hundred end in nobody knowing."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    posted = await facebook.connector.publish(intent, store)
    for count, ends in ((150, Posted), (400, CannotTell)):
        for number in range(count):
            other = an_intent(intent.profile, f"Number {count}-{number}", request_id=f"r{count}-{number}")
            post = facebook.emulator.posts[0]
            facebook.emulator.posts.append(replace(post, id=f"1001_{count}{number:04}", text=other.content.parts[0]))
            facebook.emulator.made[f"1001_{count}{number:04}"] = facebook.emulator.made[post.id]
        found = await facebook.restart().reconcile(intent)
        assert isinstance(found, ends)
        assert not isinstance(found, Posted) or found == posted


async def test_only_this_pages_posts_are_deleted(facebook: EmulatedRig) -> None:
    intent = an_intent(facebook.profile("fire"), TEXT)
    posted = await facebook.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    for remote_id in ("1002_1", "x", "1001"):
        assert isinstance(await facebook.connector.retract(intent, remote_id), Permanent)
    facebook.emulator.misbehave("error", on="delete", code="gone")
    assert isinstance(await facebook.connector.retract(intent, posted.remote_id), Unknown)  # it is still listed
    assert await facebook.connector.retract(intent, "") == Retracted()
    assert await facebook.connector.read_back(intent, posted.remote_id) == Absent()  # type: ignore[attr-defined]


async def test_a_token_of_another_page_is_found_out_beforehand(facebook: EmulatedRig) -> None:
    facebook.write_token("fire", token_of("1002"))
    health = await facebook.connector.check(facebook.profile("fire"))
    assert (health.ok, health.cause) == (False, Cause.OWN)
    result = await facebook.connector.publish(an_intent(facebook.profile("fire"), TEXT), store)
    assert isinstance(result, Retryable)
    assert facebook.emulator.posts == []


@pytest.mark.parametrize("fault", ["error_before", "drop_after"])
async def test_a_picture_that_cannot_be_uploaded_blocks_nothing(facebook: EmulatedRig, fault: str) -> None:
    facebook.emulator.misbehave(fault, on="media")
    fire = facebook.profile("fire")
    posted = await facebook.connector.publish(an_intent(fire, TEXT, pictures=(PICTURE,)), store)
    assert isinstance(posted, Posted)
    assert "picture 1 is missing" in posted.note
    assert [Seen(TEXT)] == await facebook.stands(fire)


@pytest.mark.parametrize(("text", "fits"), [("a" * 63_206, True), ("a" * 63_207, False), ("😀" * 31_604, False)])
async def test_the_limit_is_kept_to_the_last_character(facebook: EmulatedRig, text: str, fits: bool) -> None:
    result = await facebook.connector.publish(an_intent(facebook.profile("fire"), text), store)
    assert isinstance(result, Posted if fits else Permanent)
    assert facebook.emulator.calls["post"] == fits


async def test_a_duplicate_is_a_receipt_only_when_the_page_shows_it(facebook: EmulatedRig) -> None:
    """A listing that lagged hid the post: Meta's refusal of the same words means that it is to be looked for."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    facebook.emulator.misbehave("drop_after")
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)
    [stands] = facebook.emulator.posts
    facebook.emulator.hidden = 1
    facebook.emulator.misbehave("error", code="duplicate")
    posted = await facebook.restart().publish(replace(intent, repeat=True), store)
    assert isinstance(posted, Posted)
    assert posted.remote_id == stands.id
    assert len(facebook.emulator.posts) == 1


async def test_a_duplicate_that_the_page_does_not_show_is_a_refusal(facebook: EmulatedRig) -> None:
    """And while the Page's posts cannot be seen nobody knows."""
    intent = an_intent(facebook.profile("fire"), TEXT)
    facebook.emulator.misbehave("error", code="duplicate")
    refused = await facebook.connector.publish(intent, store)
    assert isinstance(refused, Permanent)
    assert "Duplicate status message" in refused.reason
    facebook.emulator.misbehave("error", code="duplicate")
    facebook.emulator.faults.append(Fault("error", on="read", code="service", skip=1))
    assert isinstance(await facebook.connector.publish(intent, store), Unknown)


async def test_a_read_back_tells_a_picture_that_is_missing_or_was_added(facebook: EmulatedRig) -> None:
    """Of one and of several; the preview of a link is none."""
    assert isinstance(facebook.connector, ReadsBack)
    for number, pictures in enumerate(((), (PICTURE,), (PICTURE, PICTURE))):
        text = f"Boil water. {number} https://mission.example/a"
        intent = an_intent(facebook.profile("fire"), text, request_id=f"r{number}", pictures=pictures)
        posted = await facebook.connector.publish(intent, store)
        assert isinstance(posted, Posted)
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


async def test_a_right_that_a_token_lacks_is_named_where_meta_says_it(facebook: EmulatedRig) -> None:
    """Meta may say it to the application alone: then nothing is said of it."""
    fire = facebook.profile("fire")
    assert (await facebook.connector.check(fire)).ok
    facebook.emulator.tells = ("pages_read_engagement",)
    health = await facebook.connector.check(fire)
    assert (health.ok, health.detail) == (False, "the token lacks the rights pages_manage_posts")
    facebook.emulator.tells = RIGHTS
    assert (await facebook.connector.check(fire)).ok


async def test_the_check_brings_what_the_page_says_of_itself(facebook: EmulatedRig) -> None:
    health = await facebook.connector.check(facebook.profile("fire"))
    assert health.shows is not None
    assert "Of the City of Mission: https://mission.example" in health.shows
