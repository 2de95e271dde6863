"""What the connectors of several emulated platforms do alike, each in its platform's words, codes and limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

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
from tests.integration.connectors.emulated_harnesses import ACCOUNTS, EmulatedHarness
from tests.integration.connectors.harnesses import PICTURE, Seen, an_intent, published, store
from tests.integration.connectors.send_only_harnesses import _EMULATORS, ENDS
from tests.support.emulators.facebook import FacebookEmulator
from tests.support.emulators.linkedin import LinkedInEmulator
from tests.support.emulators.meta import MetaEmulator
from tests.support.emulators.x import XEmulator

TEXT = "Boil water in Cedar Valley."

ERRORS: dict[str, dict[str, tuple[type, Cause | None]]] = {
    "x": {
        "unauthorized": (Retryable, Cause.CREDENTIAL),
        "credits": (Retryable, Cause.CREDENTIAL),
        "suspended": (Permanent, None),
        "access": (Retryable, Cause.CREDENTIAL),
        "too_long": (Permanent, None),
        "reply": (Permanent, None),
        "invalid": (Permanent, None),
        "gone": (Permanent, None),
        "over_capacity": (Unknown, Cause.HOST),
    },
    "facebook": {
        "unauthorized": (Retryable, Cause.CREDENTIAL),
        "session": (Retryable, Cause.CREDENTIAL),
        "rights": (Retryable, Cause.CREDENTIAL),
        "app_limit": (Retryable, Cause.LIMIT),
        "page_limit": (Retryable, Cause.LIMIT),
        "page_calls": (Retryable, Cause.LIMIT),
        "page_right": (Retryable, Cause.CREDENTIAL),
        "too_fast": (Retryable, Cause.LIMIT),
        "blocked": (Retryable, Cause.LIMIT),
        "duplicate": (Permanent, None),
        "invalid": (Permanent, None),
        "gone": (Permanent, None),
        "unknown": (Unknown, Cause.HOST),
        "service": (Unknown, Cause.HOST),
    },
    "linkedin": {
        "unauthorized": (Retryable, Cause.CREDENTIAL),
        "expired": (Retryable, Cause.CREDENTIAL),
        "access": (Retryable, Cause.CREDENTIAL),
        "too_long": (Permanent, None),
        "invalid": (Permanent, None),
        "version": (Retryable, Cause.OWN),
        "gone": (Permanent, None),
        "unknown": (Unknown, Cause.HOST),
        "unavailable": (Unknown, Cause.HOST),
    },
    "threads": {
        "unauthorized": (Retryable, Cause.CREDENTIAL),
        "rights": (Retryable, Cause.CREDENTIAL),
        "app_limit": (Retryable, Cause.LIMIT),
        "quota": (Retryable, Cause.LIMIT),
        "not_ready": (Retryable, Cause.LIMIT),
        "expired_container": (Retryable, Cause.LIMIT),
        "suspended": (Permanent, None),
        "blocked": (Permanent, None),
        "invalid": (Permanent, None),
        "published": (Permanent, None),
        "gone": (Permanent, None),
        "unknown": (Unknown, Cause.HOST),
        "service": (Unknown, Cause.HOST),
    },
}
ERRORS["instagram"] = ERRORS["threads"]
"""How a post ends that is answered with an error, by its name in the emulator."""

BY_THEIR_OWN = {
    "x": {"duplicate", "reposted"},
    "facebook": {"duplicate", "picture"},
    "linkedin": {"duplicate", "processing"},
    "threads": {"fetch", "ratio", "format", "too_long", "lost"},
}
"""Errors that have tests of their own: what is looked for first, and what is about a picture or caught before."""


@pytest.mark.parametrize(
    ("emulated", "code"),
    [(platform, code) for platform, codes in ERRORS.items() for code in codes],
    indirect=["emulated"],
)
async def test_each_documented_error_ends_right(emulated: EmulatedHarness, code: str) -> None:
    """In the platform's words, at the publication; and the other account goes on."""
    kind, cause = ERRORS[emulated.platform][code]
    two_steps = emulated.platform in ("threads", "instagram")
    emulated.emulator.misbehave("error", code=code, calls=2 if two_steps else 1)
    pictures = (PICTURE,) if two_steps else ()
    result = await emulated.connector.publish(an_intent(emulated.profile("fire"), TEXT, pictures=pictures), store)
    assert isinstance(result, kind)
    assert getattr(result, "cause", None) == cause
    if emulated.platform != "x":
        assert str(emulated.emulator.errors[code][3]) in getattr(result, "reason", "")
    emulated.emulator.faults.clear()
    await published(emulated.connector, an_intent(emulated.profile("water"), TEXT))


@pytest.mark.parametrize(
    ("platform", "errors"),
    [
        ("x", XEmulator.errors),
        ("facebook", FacebookEmulator.errors),
        ("linkedin", LinkedInEmulator.errors),
        ("threads", MetaEmulator.errors),
    ],
)
def test_no_documented_error_is_without_an_end(platform: str, errors: dict[str, Any]) -> None:
    assert set(errors) | {"duplicate"} == set(ERRORS[platform]) | BY_THEIR_OWN[platform] | {"duplicate"}


@pytest.mark.parametrize("platform", sorted(set(ENDS) - {"email"}))
def test_no_error_of_a_place_that_shows_nothing_is_without_an_end(platform: str) -> None:
    """Others have tests of their own: Telegram's of pictures, answers and deletions, Nextdoor's of a duplicate."""
    ends = ENDS[platform]
    apart = {"empty", "caption", "photo", "reply", "delete", "too_old", "media", "twice"}
    errors: dict[str, Any] = vars(_EMULATORS[platform])["errors"]
    assert set(errors) - apart == {*ends.mend, *ends.over, *ends.unknown}


@pytest.mark.parametrize("emulated", ["x", "facebook", "linkedin", "threads", "instagram"], indirect=True)
async def test_a_token_of_another_account_is_never_used(emulated: EmulatedHarness) -> None:
    """It is found out beforehand, and by each call."""
    fire = emulated.profile("fire")
    emulated.write_token("fire", emulated.token_of("water" if emulated.platform == "x" else ACCOUNTS["water"]))
    health = await emulated.connector.check(fire)
    assert not health.ok
    # LinkedIn names no owner of a token: what it says is that the page cannot be posted to.
    assert health.cause is Cause.OWN or emulated.platform == "linkedin"
    intent = an_intent(fire, TEXT)
    result = await emulated.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    if emulated.platform == "x":
        assert result.cause is Cause.OWN
        assert isinstance(await emulated.connector.reconcile(intent), CannotTell)
    assert emulated.emulator.posts == []


@pytest.mark.parametrize("emulated", ["facebook", "linkedin", "threads", "instagram"], indirect=True)
async def test_what_cannot_be_seen_is_not_posted_again(emulated: EmulatedHarness) -> None:
    """The look comes before every call of a repeat, and without it nothing is sent."""
    intent = replace(an_intent(emulated.profile("fire"), TEXT), repeat=True)
    emulated.emulator.misbehave("error_before", on="read", calls=2)
    fresh = emulated.restart()
    assert isinstance(await fresh.publish(intent, store), Retryable)
    assert isinstance(await fresh.reconcile(intent), CannotTell)
    assert emulated.emulator.calls["post"] == 0
    assert getattr(emulated.emulator, "containers", {}) == {}


@pytest.mark.parametrize("fault", ["error_before", "drop_after"])
@pytest.mark.parametrize("emulated", ["x", "facebook", "linkedin"], indirect=True)
async def test_a_picture_that_cannot_be_uploaded_blocks_nothing(emulated: EmulatedHarness, fault: str) -> None:
    emulated.emulator.misbehave(fault, on="media")
    fire = emulated.profile("fire")
    posted = await published(emulated.connector, an_intent(fire, TEXT, pictures=(PICTURE,)))
    assert "picture 1 is missing" in posted.note
    assert [Seen(TEXT)] == await emulated.stands(fire)


@pytest.mark.parametrize(
    ("emulated", "text", "fits"),
    [
        ("x", "汉" * 140, True),
        ("x", "汉" * 141, False),
        ("x", "a" * 280, True),
        ("x", "a" * 281, False),
        ("facebook", "a" * 63_206, True),
        ("facebook", "a" * 63_207, False),
        ("facebook", "😀" * 31_604, False),
        ("threads", "a" * 500, True),
        ("threads", "a" * 501, False),
        ("threads", "🔥" * 125, True),
        ("threads", "🔥" * 125 + "a", False),
        ("threads", " ".join(f"https://a.example/{n}" for n in range(5)), True),
        ("threads", " ".join(f"https://a.example/{n}" for n in range(6)), False),
        ("instagram", " ".join(f"#a{n}" for n in range(30)), True),
        ("instagram", " ".join(f"#a{n}" for n in range(31)), False),
    ],
    indirect=["emulated"],
    ids=lambda value: value[:12] if isinstance(value, str) else None,
)
async def test_the_limit_is_kept_to_the_last_character(emulated: EmulatedHarness, text: str, fits: bool) -> None:
    """Threads counts emoji as bytes, and links; Instagram hashtags."""
    result = await emulated.connector.publish(an_intent(emulated.profile("fire"), text), store)
    assert isinstance(result, Posted if fits else Permanent)
    assert emulated.emulator.calls["post"] == fits


@pytest.mark.parametrize("emulated", ["facebook", "linkedin"], indirect=True)
async def test_the_listing_is_read_to_its_end(emulated: EmulatedHarness) -> None:
    """A hundred later posts of others do not hide it; more than five hundred end in nobody knowing."""
    intent, emulator = an_intent(emulated.profile("fire"), TEXT), emulated.emulator
    posted = await published(emulated.connector, intent)
    first = emulator.posts[0]
    for count, ends in ((150, Posted), (400, CannotTell)):
        for number in range(count):
            name = f"{'urn:li:share:9' if emulated.platform == 'linkedin' else '1001_'}{count}{number:04}"
            emulator.posts.append(replace(first, id=name, text=name))
            emulator.made[name] = emulator.made[first.id]
            if emulated.platform == "linkedin":
                emulator.raw[name] = name
        found = await emulated.restart().reconcile(intent)
        assert isinstance(found, ends)
        assert not isinstance(found, Posted) or found == posted


@pytest.mark.parametrize(
    ("emulated", "others"),
    [("facebook", ("1002_1", "x", "1001")), ("linkedin", ("urn:li:person:1", "x", "../posts"))],
    indirect=["emulated"],
)
async def test_only_this_pages_posts_are_deleted(emulated: EmulatedHarness, others: tuple[str, ...]) -> None:
    intent = an_intent(emulated.profile("fire"), TEXT)
    posted = await published(emulated.connector, intent)
    for remote_id in others:
        assert isinstance(await emulated.connector.retract(intent, remote_id), Permanent)
    if emulated.platform == "facebook":
        emulated.emulator.misbehave("error", on="delete", code="gone")
        assert isinstance(await emulated.connector.retract(intent, posted.remote_id), Unknown)  # it is still listed
    assert await emulated.connector.retract(intent, "") == Retracted()
    assert isinstance(emulated.connector, ReadsBack)
    assert await emulated.connector.read_back(intent, posted.remote_id) == Absent()


@pytest.mark.parametrize(
    ("emulated", "shows"),
    [
        ("x", "City: fire Of the City of Mission. https://mission.example"),
        ("facebook", "Of the City of Mission: https://mission.example"),
        ("threads", "City: 1001 Of the City of Mission: https://mission.example"),
        ("instagram", None),
    ],
    indirect=["emulated"],
)
async def test_the_check_brings_what_the_accounts_page_says(emulated: EmulatedHarness, shows: str | None) -> None:
    """X's address as what it stands for; Instagram's own login documents no such field, so nothing is said of it."""
    found = (await emulated.connector.check(emulated.profile("fire"))).shows
    assert found is None if shows is None else shows in (found or "")


@pytest.mark.parametrize("emulated", ["x", "linkedin"], indirect=True)
async def test_a_clock_of_ours_that_is_ahead_hides_nothing(emulated: EmulatedHarness) -> None:
    """The platform stamps a post earlier than the request was made by our clock; its Date tells by how much."""
    emulated.emulator.behind = timedelta(minutes=4)
    intent = an_intent(emulated.profile("fire"), TEXT)
    emulated.emulator.misbehave("drop_after")
    assert isinstance(await emulated.connector.publish(intent, store), Unknown)
    fresh = emulated.restart()
    assert isinstance(await fresh.reconcile(intent), Posted)
    await published(fresh, replace(intent, repeat=True))
    assert [Seen(TEXT)] == await emulated.stands(intent.profile)


@pytest.mark.parametrize("emulated", ["x", "linkedin"], indirect=True)
async def test_the_same_words_before_the_request_are_not_it(emulated: EmulatedHarness) -> None:
    """By the platform's clock as well."""
    emulated.emulator.behind = timedelta(minutes=50)
    await published(emulated.restart(), an_intent(emulated.profile("fire"), TEXT, request_id="rolder"))
    emulated.emulator.behind = timedelta(minutes=4)
    fresh = emulated.restart()
    assert await fresh.reconcile(an_intent(emulated.profile("fire"), TEXT)) == Absent()
