"""LinkedIn pages against the emulator: little text, duplicates and ghosts, errors, rights, where bytes may go."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from schemas.platforms import LITTLE_TEXT
from services.fanout.connectors.contract import Altered, CannotTell, Cause, HandedOver, Permanent, Unknown
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import PICTURE, Seen, an_intent, published, store
from tests.support.emulators.linkedin import LinkedInEmulator, shown

TEXT = "Boil water in Cedar Valley."


@pytest.mark.parametrize("text", [f"before {mark} after" for mark in LITTLE_TEXT] + [LITTLE_TEXT, "a\\\\(b) #now @you"])
async def test_no_mark_cuts_the_text(linkedin: EmulatedHarness, text: str) -> None:
    """Each mark of little text is shown as itself; unescaped it would end the post in silence."""
    fire = linkedin.profile("fire")
    await published(linkedin.connector, an_intent(fire, text))
    assert [Seen(text)] == await linkedin.stands(fire)
    assert shown(text) != text


async def test_a_duplicate_is_a_receipt_only_when_the_page_shows_it(linkedin: EmulatedHarness) -> None:
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


async def test_a_duplicate_is_looked_for_in_whatever_form_it_is_said(linkedin: EmulatedHarness) -> None:
    """The answer was lost, and the repeat is refused with the error's name among its details: it is public."""
    linkedin.emulator.with_details = True
    intent = an_intent(linkedin.profile("fire"), TEXT)
    posted = await published(linkedin.connector, intent)
    assert posted == await linkedin.restart().publish(intent, store)


async def test_a_duplicate_of_an_earlier_call_that_is_not_shown_is_for_a_person(linkedin: EmulatedHarness) -> None:
    """A listing that lags: the earlier call's post is most likely there, so nobody says that it failed."""
    linkedin.emulator.misbehave("error", code="duplicate")
    repeat = replace(an_intent(linkedin.profile("fire"), TEXT), repeat=True)
    result = await linkedin.connector.publish(repeat, store)
    assert isinstance(result, HandedOver)
    assert "look at the profile" in result.reason


async def test_pictures_carry_their_descriptions(linkedin: EmulatedHarness) -> None:
    fire = linkedin.profile("fire")
    await linkedin.connector.publish(an_intent(fire, TEXT, pictures=(PICTURE, PICTURE)), store)
    assert [Seen(TEXT, (PICTURE.alt, PICTURE.alt))] == await linkedin.stands(fire)


@pytest.mark.parametrize("refusals", [2, 9])
async def test_pictures_that_are_refused_with_the_post_are_left_out_in_the_end(
    linkedin: EmulatedHarness, refusals: int
) -> None:
    """LinkedIn may still work on them: a moment later they may be good, and else the text goes out."""
    linkedin.emulator.refuses_images = refusals
    fire = linkedin.profile("fire")
    posted = await published(linkedin.connector, an_intent(fire, TEXT, pictures=(PICTURE,), timeout=6.0))
    assert [Seen(TEXT, (PICTURE.alt,) if refusals == 2 else ())] == await linkedin.stands(fire)
    assert ("the pictures are missing" in posted.note) is (refusals == 9)


@pytest.mark.parametrize(
    "elsewhere", ["https://linkedin.com.evil.example", "http://www.linkedin.com", "https://a@b.linkedin.com"]
)
async def test_no_picture_and_no_token_goes_to_another_host(linkedin: EmulatedHarness, elsewhere: str) -> None:
    """An answer that names a host that is not LinkedIn's is not obeyed."""
    linkedin.emulator.upload_to = elsewhere
    fire = linkedin.profile("fire")
    posted = await published(linkedin.connector, an_intent(fire, TEXT, pictures=(PICTURE,)))
    assert "picture 1 is missing" in posted.note


@pytest.mark.parametrize(("role", "ok"), [("ADMINISTRATOR", True), ("ANALYST", False), ("", False)])
async def test_a_check_says_what_the_token_may_do(linkedin: EmulatedHarness, role: str, ok: bool) -> None:
    linkedin.emulator.role = role
    health = await linkedin.connector.check(linkedin.profile("fire"))
    assert health.ok is ok
    assert ok or "CONTENT_ADMINISTRATOR" in health.detail


async def test_a_post_that_was_changed_is_told_in_what(linkedin: EmulatedHarness) -> None:
    """Text, pictures, their descriptions and who may see it are compared with what was approved."""
    intent = an_intent(linkedin.profile("fire"), TEXT, pictures=(PICTURE, PICTURE))
    posted = await published(linkedin.connector, intent)
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


async def test_the_check_says_what_is_left_of_the_day(linkedin: EmulatedHarness) -> None:
    """By what the page lists, since LinkedIn names no number."""
    fire = linkedin.profile("fire")
    await linkedin.connector.publish(an_intent(fire, TEXT), store)
    health = await linkedin.connector.check(fire)
    assert (health.ok, health.detail) == (True, "page 1001 can be posted to: about 149 posts left today")
    emulator = cast(LinkedInEmulator, linkedin.emulator)
    (first,) = emulator.posts
    for number in range(149):
        name = f"urn:li:share:{number + 1}"
        emulator.posts.append(replace(first, id=name))
        emulator.made[name], emulator.raw[name] = emulator.made[first.id], emulator.raw[first.id]
    health = await linkedin.connector.check(fire)
    assert (health.ok, health.cause) == (False, Cause.LIMIT)


async def test_a_post_that_is_worked_on_is_no_failure_of_the_platform(linkedin: EmulatedHarness) -> None:
    """Nobody can tell yet; and the breaker, which counts the platform's failures, does not hear of it."""
    intent = an_intent(linkedin.profile("fire"), TEXT)
    posted = await published(linkedin.connector, intent)
    linkedin.emulator.lifecycle = "PUBLISH_REQUESTED"
    found = await linkedin.connector.read_back(intent, posted.remote_id)  # type: ignore[attr-defined]
    assert isinstance(found, CannotTell)
    assert (found.cause, "PUBLISH_REQUESTED" in found.reason) == (None, True)
