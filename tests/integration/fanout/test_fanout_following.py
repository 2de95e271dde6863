"""What comes after a message goes to the profiles that carry it, in order behind it, as each platform can."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Act, PlatformContent, Rendering, Request, digest_of
from schemas.platforms import MIRROR
from services.fanout.connectors.contract import Correction, Declaration, WhenUnknown
from tests.integration.fanout.fanout_city import FanoutCity, eventually, fanout, gatekeeper
from tests.integration.fanout.test_fanout_mirror import page, with_a_site
from tests.integration.fanout.test_fanout_resolving import forged_behind
from tests.support.emulators.folder import FolderPlatform

FIRE, WATER = (f"{name}-townsquare" for name in ("fire", "water"))
Platforms = dict[str, FolderPlatform]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def following(
    town: FanoutCity, act: Act, earlier: Request, text: str = "Closed to 5 pm.", **changes: Any
) -> Request:
    """An approved request that does something to an earlier one; a gatekeeper that runs clears it."""
    now = town.clock.now()
    renderings = tuple(
        Rendering.of(
            PlatformContent(platform=platform, parts=(text,), created_at=now, act=act, about=earlier.request_id)
        )
        for platform in ("mastodon", "website")
    )
    name = f"{earlier.request_id}{act[0]}"
    field = "replaces" if act in ("correct", "recall") else "follows"
    fields = {
        "request_id": name,
        "renderings": renderings,
        "digest": digest_of(name, 1, renderings),
        field: earlier.request_id,
    }
    return await town.approved(*earlier.targets, text=text, **(fields | changes))


@pytest.mark.parametrize("act", ["correct", "update", "all_clear"])
async def test_it_answers_the_post_that_it_is_about(town: FanoutCity, platforms: Platforms, act: Act) -> None:
    """Where a reply is how corrections are made, people see under the first post what came after it."""
    async with gatekeeper(town), fanout(town, platforms):
        first = await town.approved(FIRE, WATER)
        earlier = {profile: (await town.final(first, profile)).remote_id for profile in first.targets}
        later = await following(town, act, first)
        for profile in first.targets:
            assert str((await town.final(later, profile)).outcome) == "delivered"
            assert [one["follows"] for one in platforms["mastodon"].posts(profile)[-2:]] == ["", earlier[profile]]


async def test_a_recall_takes_the_posts_back(town: FanoutCity, platforms: Platforms) -> None:
    """Its text is not posted where the posts can be deleted; the receipt says what was done."""
    async with gatekeeper(town), fanout(town, platforms):
        first = await town.approved(FIRE, WATER)
        stood = {profile: (await town.final(first, profile)).remote_id for profile in first.targets}
        before = platforms["mastodon"].texts(FIRE)
        recall = await following(town, "recall", first)
        for profile in first.targets:
            receipt = await town.final(recall, profile)
            assert (str(receipt.outcome), receipt.url) == ("recalled", None)
            assert platforms["mastodon"].retracted(profile) == [stood[profile]]
    assert platforms["mastodon"].texts(FIRE) == before


async def test_a_void_receipt_hides_no_post_from_its_recall(town: FanoutCity, platforms: Platforms) -> None:
    """Whoever has fan-out's key writes behind ``delivered`` that it was withheld; nothing bears that out."""
    async with gatekeeper(town), fanout(town, platforms):
        first = await town.approved(FIRE)
        stood = (await town.final(first, FIRE)).remote_id
        await forged_behind(town, first, FIRE, ReceiptOutcome.WITHHELD)
        recall = await following(town, "recall", first)
        assert str((await town.final(recall, FIRE)).outcome) == "recalled"
    assert platforms["mastodon"].retracted(FIRE) == [stood]


async def test_a_recall_of_a_correction_takes_the_first_post_back_too(town: FanoutCity, platforms: Platforms) -> None:
    """Both stand: the wrong words must not stay alone."""
    async with gatekeeper(town), fanout(town, platforms):
        first = await town.approved(FIRE)
        one = (await town.final(first, FIRE)).remote_id
        correction = await following(town, "correct", first)
        two = (await town.final(correction, FIRE)).remote_id
        recall = await following(town, "recall", correction)
        assert str((await town.final(recall, FIRE)).outcome) == "recalled"
    assert platforms["mastodon"].retracted(FIRE)[-2:] == [two, one]


async def test_a_recall_that_got_no_answer_is_made_again(town: FanoutCity, platforms: Platforms) -> None:
    """The platform fails once: the receipt comes from the next try, and nothing is posted."""
    async with gatekeeper(town), fanout(town, platforms):
        first = await town.approved(FIRE)
        await town.final(first, FIRE)
        before = platforms["mastodon"].texts(FIRE)
        platforms["mastodon"].behave(FIRE, "no_delete")
        recall = await following(town, "recall", first)
        assert str((await town.final(recall, FIRE)).outcome) == "recalled"
    assert platforms["mastodon"].texts(FIRE) == before


async def test_a_recall_of_what_stands_nowhere_ends_without_an_attempt(town: FanoutCity, platforms: Platforms) -> None:
    """The platform had refused the message for good."""
    platforms["mastodon"].behave(FIRE, "refuse")
    async with gatekeeper(town), fanout(town, platforms):
        first = await town.approved(FIRE)
        await town.final(first, FIRE)
        recall = await following(town, "recall", first)
        receipt = await town.final(recall, FIRE)
    assert (str(receipt.outcome), receipt.attempt_seq) == ("withheld", 0)


async def test_where_posts_can_only_be_deleted_a_correction_is_posted_anew(
    town: FanoutCity, platforms: Platforms
) -> None:
    """First the wrong one goes, then the right one comes."""
    own = FolderPlatform(platforms["mastodon"].folder.parent, "mastodon")
    own.declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True)
    async with gatekeeper(town), fanout(town, {"mastodon": own}):
        first = await town.approved(FIRE)
        stood = (await town.final(first, FIRE)).remote_id
        correction = await following(town, "correct", first, "Closed until 6 pm.")
        assert str((await town.final(correction, FIRE)).outcome) == "delivered"
    assert own.retracted(FIRE)[-1:] == [stood]
    assert own.texts(FIRE)[-1:] == ["Closed until 6 pm."]


@pytest.mark.parametrize("act", ["correct", "update"])
async def test_what_is_about_an_answer_stands_where_the_answer_stood(
    town: FanoutCity, platforms: Platforms, act: Act
) -> None:
    """Where posts cannot be answered by their id, but by their address: it would be a message of its own else."""
    own = FolderPlatform(platforms["mastodon"].folder.parent, "mastodon")
    own.declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True, answers=True)
    question = "https://mastodon.example/@jo/1234"
    async with gatekeeper(town), fanout(town, {"mastodon": own}):
        content = PlatformContent(platform="mastodon", parts=("Yes.",), created_at=town.clock.now(), answers=question)
        name, renderings = f"ranswered{act}", (Rendering.of(content),)
        changes: dict[str, Any] = {"request_id": name, "renderings": renderings}
        first = await town.approved(FIRE, **changes, digest=digest_of(name, 1, renderings))
        assert str((await town.final(first, FIRE)).outcome) == "delivered"
        later = await following(town, act, first, "No.")
        assert str((await town.final(later, FIRE)).outcome) == "delivered"
    assert [one["follows"] for one in own.posts(FIRE)[-1:]] == [question]


async def test_what_is_corrected_on_its_way_is_posted_no_more(town: FanoutCity, platforms: Platforms) -> None:
    """One platform was away: there the correction goes out alone (invariant 9)."""
    async with gatekeeper(town), fanout(town, platforms):
        platforms["mastodon"].behave(WATER, "rate_limit 3600")
        before = platforms["mastodon"].texts(WATER)
        first = await town.approved(FIRE, WATER, text="Closed.")
        await town.final(first, FIRE)
        await town.until(first, WATER, lambda one: not one.final)
        correction = await following(town, "correct", first, "Closed until 5 pm.")
        ended = await town.final(first, WATER)
        assert (str(ended.outcome), ended.attempt_seq) == ("withheld", 0)
        assert str((await town.final(correction, WATER)).outcome) == "delivered"
    assert platforms["mastodon"].texts(WATER) == [*before, "Closed until 5 pm."]


async def test_the_website_marks_what_was_corrected_and_recalled(town: FanoutCity, platforms: Platforms) -> None:
    """The page keeps its address; the feed's entry is updated; what does not hold is not on the page of what does."""
    async with with_a_site(town, platforms):
        first = await town.approved(FIRE, text="Boil water in zone 3.")
        await town.final(first, MIRROR)
        now = town.city.site_folder / "now" / "index.html"
        assert "Boil water in zone 3." in now.read_text()
        correction = await following(town, "correct", first, "Correction: boil water in zone 4.")
        await town.final(correction, MIRROR)
        assert "This message was corrected on" in page(town, first).read_text()
        assert f"messages/{correction.request_id}/" in page(town, first).read_text()
        assert "This corrects an earlier message" in page(town, correction).read_text()
        assert "Boil water in zone 3." not in now.read_text()
        recall = await following(town, "recall", correction, "Withdrawn: no need to boil water.")
        assert str((await town.final(recall, MIRROR)).outcome) == "delivered"
        await eventually(lambda: "was withdrawn on" in page(town, correction).read_text())
        assert "boil water in zone 4" not in page(town, correction).read_text()
        assert "zone 4" not in now.read_text()
