"""LinkedIn pages against the emulator: little text, duplicates and ghosts, errors, rights, where bytes may go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.platforms import LITTLE_TEXT
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Permanent,
    Posted,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.linkedin import roles
from tests.integration.connectors.emulated_rigs import EmulatedRig
from tests.integration.connectors.rigs import PICTURE, Seen, an_intent, store
from tests.support.emulators.linkedin import shown, token_of

TEXT = "Boil water in Cedar Valley."


@pytest.mark.parametrize("text", [f"before {mark} after" for mark in LITTLE_TEXT] + [LITTLE_TEXT, "a\\\\(b) #now @you"])
async def test_no_mark_cuts_the_text(linkedin: EmulatedRig, text: str) -> None:
    """Each mark of little text is shown as itself; unescaped it would end the post in silence."""
    fire = linkedin.profile("fire")
    assert isinstance(await linkedin.connector.publish(an_intent(fire, text), store), Posted)
    assert [Seen(text)] == await linkedin.stands(fire)
    assert shown(text) != text


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        ("unauthorized", Retryable, Cause.CREDENTIAL),
        ("expired", Retryable, Cause.CREDENTIAL),
        ("access", Retryable, Cause.CREDENTIAL),
        ("too_long", Permanent, None),
        ("invalid", Permanent, None),
        ("version", Retryable, Cause.OWN),
        ("gone", Permanent, None),
        ("unknown", Unknown, Cause.HOST),
        ("unavailable", Unknown, Cause.HOST),
    ],
)
async def test_each_documented_error_ends_right(
    linkedin: EmulatedRig, code: str, kind: type, cause: Cause | None
) -> None:
    """In LinkedIn's words, and the other page goes on."""
    linkedin.emulator.misbehave("error", code=code)
    result = await linkedin.connector.publish(an_intent(linkedin.profile("fire"), TEXT), store)
    assert isinstance(result, kind)
    assert getattr(result, "cause", None) == cause
    assert str(linkedin.emulator.errors[code][3]) in getattr(result, "reason", "")
    assert isinstance(await linkedin.connector.publish(an_intent(linkedin.profile("water"), TEXT), store), Posted)


async def test_a_duplicate_is_a_receipt_only_when_the_page_shows_it(linkedin: EmulatedRig) -> None:
    """The post that the answer names is looked at; a ghost, which nobody sees, is none."""
    intent = an_intent(linkedin.profile("fire"), TEXT)
    posted = await linkedin.connector.publish(intent, store)
    assert posted == await linkedin.restart().publish(intent, store)
    other = an_intent(intent.profile, "Other words", request_id="rother")
    linkedin.emulator.misbehave("error", code="duplicate")
    ghost = await linkedin.connector.publish(other, store)
    assert isinstance(ghost, Permanent)
    assert "other words" in ghost.reason
    linkedin.emulator.misbehave("error", code="duplicate")
    linkedin.emulator.misbehave("error_before", on="read", calls=2)
    assert isinstance(await linkedin.connector.publish(other, store), Unknown)
    assert len(await linkedin.stands(intent.profile)) == 1


async def test_what_cannot_be_seen_is_not_posted_again(linkedin: EmulatedRig) -> None:
    intent = an_intent(linkedin.profile("fire"), TEXT)
    linkedin.emulator.misbehave("error_before", on="read", calls=2)
    fresh = linkedin.restart()
    assert isinstance(await fresh.publish(replace(intent, repeat=True), store), Retryable)
    assert isinstance(await fresh.reconcile(intent), CannotTell)
    assert linkedin.emulator.calls["post"] == 0


async def test_the_listing_is_read_to_its_end(linkedin: EmulatedRig) -> None:
    """A hundred later posts do not hide it; more than five hundred end in nobody knowing."""
    intent = an_intent(linkedin.profile("fire"), TEXT)
    posted = await linkedin.connector.publish(intent, store)
    first = linkedin.emulator.posts[0]
    for count, ends in ((150, Posted), (400, CannotTell)):
        for number in range(count):
            name = f"urn:li:share:9{count}{number:04}"
            linkedin.emulator.posts.append(replace(first, id=name, text=name))
            linkedin.emulator.made[name] = linkedin.emulator.made[first.id]
            linkedin.emulator.raw[name] = name
        found = await linkedin.restart().reconcile(intent)
        assert isinstance(found, ends)
        assert not isinstance(found, Posted) or found == posted


async def test_pictures_carry_their_descriptions_and_one_that_fails_blocks_nothing(linkedin: EmulatedRig) -> None:
    fire, water = linkedin.profile("fire"), linkedin.profile("water")
    await linkedin.connector.publish(an_intent(fire, TEXT, pictures=(PICTURE, PICTURE)), store)
    assert [Seen(TEXT, (PICTURE.alt, PICTURE.alt))] == await linkedin.stands(fire)
    linkedin.emulator.misbehave("error_before", on="media")
    posted = await linkedin.connector.publish(an_intent(water, TEXT, pictures=(PICTURE,)), store)
    assert isinstance(posted, Posted)
    assert "picture 1 is missing" in posted.note


@pytest.mark.parametrize(
    "elsewhere", ["https://linkedin.com.evil.example", "http://www.linkedin.com", "https://a@b.linkedin.com"]
)
async def test_no_picture_and_no_token_goes_to_another_host(linkedin: EmulatedRig, elsewhere: str) -> None:
    """An answer that names a host that is not LinkedIn's is not obeyed."""
    linkedin.emulator.upload_to = elsewhere
    fire = linkedin.profile("fire")
    posted = await linkedin.connector.publish(an_intent(fire, TEXT, pictures=(PICTURE,)), store)
    assert isinstance(posted, Posted)
    assert "picture 1 is missing" in posted.note


async def test_only_posts_are_deleted(linkedin: EmulatedRig) -> None:
    intent = an_intent(linkedin.profile("fire"), TEXT)
    posted = await linkedin.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    for remote_id in ("urn:li:person:1", "x", "../posts"):
        assert isinstance(await linkedin.connector.retract(intent, remote_id), Permanent)
    assert await linkedin.connector.retract(intent, "") == Retracted()
    assert await linkedin.connector.read_back(intent, posted.remote_id) == Absent()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("role", "ok"), [("ADMINISTRATOR", True), ("ANALYST", False), ("", False)])
async def test_a_check_says_what_the_token_may_do(linkedin: EmulatedRig, role: str, ok: bool) -> None:
    linkedin.emulator.role = role
    health = await linkedin.connector.check(linkedin.profile("fire"))
    assert health.ok is ok
    assert ok or "CONTENT_ADMINISTRATOR" in health.detail


async def test_a_token_of_another_page_posts_nothing(linkedin: EmulatedRig) -> None:
    linkedin.write_token("fire", token_of("1002"))
    assert not (await linkedin.connector.check(linkedin.profile("fire"))).ok
    result = await linkedin.connector.publish(an_intent(linkedin.profile("fire"), TEXT), store)
    assert isinstance(result, Retryable)
    assert linkedin.emulator.posts == []


async def test_a_post_that_was_changed_is_told_in_what(linkedin: EmulatedRig) -> None:
    """Text, pictures, their descriptions and who may see it are compared with what was approved."""
    intent = an_intent(linkedin.profile("fire"), TEXT, pictures=(PICTURE, PICTURE))
    posted = await linkedin.connector.publish(intent, store)
    assert isinstance(posted, Posted)
    assert await linkedin.connector.read_back(intent, posted.remote_id) == posted  # type: ignore[attr-defined]
    emulator = linkedin.emulator
    images = emulator.contents[posted.remote_id]["multiImage"]["images"]

    async def told() -> dict[str, str]:
        found = await linkedin.connector.read_back(intent, posted.remote_id)  # type: ignore[attr-defined]
        return dict(found.differences) if isinstance(found, Altered) else {}

    images[1]["altText"] = "another"
    assert await told() == {"description": "the description of picture 2 is another"}
    del images[1]
    assert await told() == {"pictures": "1 of its pictures are missing"}
    emulator.contents[posted.remote_id] = {}
    emulator.raw[posted.remote_id] = "All clear!"
    emulator.visibility = "CONNECTIONS"
    assert set(await told()) == {"text", "visibility"}


async def test_the_check_says_what_is_left_of_the_day(linkedin: EmulatedRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the page lists, since LinkedIn names no number."""
    fire = linkedin.profile("fire")
    await linkedin.connector.publish(an_intent(fire, TEXT), store)
    health = await linkedin.connector.check(fire)
    assert (health.ok, health.detail) == (True, "page 1001 can be posted to: about 149 posts left today")
    monkeypatch.setattr(roles, "A_DAY", 1)
    health = await linkedin.connector.check(fire)
    assert (health.ok, health.cause) == (False, Cause.LIMIT)
