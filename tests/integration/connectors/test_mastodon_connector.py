"""What is Mastodon's own: threads, limits, media, credentials, and how sure its listing is. On a real townsquare."""

from __future__ import annotations

import asyncio
import logging
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
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.mastodon.connector import MastodonConnector
from services.fanout.connectors.mastodon.timeline import TimelineDepth
from tests.integration.connectors.harnesses import PICTURE, MastodonHarness, Seen, an_intent, published, store

PARTS = ("Leave Silverdale now. (1/3)", "Take medication and papers. (2/3)", "Reception: Leisure Centre. (3/3)")


async def test_a_thread_is_a_chain_of_replies(mastodon: MastodonHarness) -> None:
    """Each part answers the one before; the URL is the first part's, the id names all."""
    fire = mastodon.profile("fire")
    posted = await published(mastodon.connector, an_intent(fire, *PARTS))
    statuses = list(reversed(await mastodon.statuses(fire)))
    assert [None, statuses[0]["id"], statuses[1]["id"]] == [status["in_reply_to_id"] for status in statuses]
    assert posted.remote_id == ",".join(status["id"] for status in statuses)
    assert posted.url == statuses[0]["url"]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error_after"])
@pytest.mark.parametrize("failing", [1, 2, 3])
async def test_a_thread_that_broke_off_is_continued_not_repeated(
    mastodon: MastodonHarness, kind: str, failing: int
) -> None:
    """Whichever part had no clear answer: in the end each part stands once, in order."""
    intent = an_intent(mastodon.profile("fire"), *PARTS)
    if failing > 1:
        await mastodon.misbehave("slow", calls=failing - 1)
    await mastodon.misbehave(kind)
    assert isinstance(await mastodon.connector.publish(intent, store), Unknown)
    fresh = mastodon.restart()
    found = await fresh.reconcile(intent)
    if isinstance(found, Absent):
        stands = failing - 1 + (kind != "drop_before")
        assert (found.begun is not None) == (stands > 0)
        await published(fresh, intent)
    assert [Seen(part) for part in reversed(PARTS)] == await mastodon.stands(intent.profile)
    assert isinstance(await fresh.reconcile(intent), Posted)
    await fresh.close()


async def test_a_rate_limit_in_a_thread_says_what_stands_and_is_continued(mastodon: MastodonHarness) -> None:
    """Retryable, with the beginning that stands."""
    intent = an_intent(mastodon.profile("fire"), *PARTS)
    await mastodon.misbehave("slow")
    await mastodon.misbehave("rate_limit", seconds=3)
    result = await mastodon.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.begun is not None
    assert "1 of 3" in result.reason
    await published(mastodon.connector, intent)
    assert [Seen(part) for part in reversed(PARTS)] == await mastodon.stands(intent.profile)


async def test_an_answer_stands_under_the_first_part_of_what_it_follows(mastodon: MastodonHarness) -> None:
    """A correction hangs where people read what it corrects, and is found again there, and nowhere else."""
    fire = mastodon.profile("fire")
    earlier = await published(mastodon.connector, an_intent(fire, *PARTS))
    answer = replace(an_intent(fire, "Correction: at 5 pm.", request_id="rnew"), follows=earlier.remote_id)
    alone = replace(answer, follows="")
    posted = await published(mastodon.connector, answer)
    newest = (await mastodon.statuses(fire))[0]
    assert newest["in_reply_to_id"] == earlier.remote_id.partition(",")[0]
    assert await mastodon.restart().reconcile(answer) == posted
    assert await mastodon.restart().reconcile(alone) == Absent()
    assert isinstance(await mastodon.connector.publish(replace(alone, follows="../1"), store), Permanent)


async def test_retract_takes_all_parts_of_a_thread_also_without_its_id(mastodon: MastodonHarness) -> None:
    """What was recalled before its receipt is looked for and taken back."""
    intent = an_intent(mastodon.profile("fire"), *PARTS)
    await mastodon.connector.publish(intent, store)
    assert await mastodon.connector.retract(intent, "") == Retracted()
    assert await mastodon.stands(intent.profile) == []


async def test_an_id_that_is_no_id_deletes_nothing(mastodon: MastodonHarness) -> None:
    """An id goes into a path, so it is checked."""
    intent = an_intent(mastodon.profile("fire"))
    assert isinstance(await mastodon.connector.retract(intent, "1/../../admin"), Permanent)


async def test_too_long_for_the_instance_is_refused_before_anything_is_sent(mastodon: MastodonHarness) -> None:
    """No thread is begun whose second part would be refused."""
    intent = an_intent(mastodon.profile("fire"), "Short.", "x" * 501)
    result = await mastodon.connector.publish(intent, store)
    assert isinstance(result, Permanent)
    assert "part 2 has 501 characters" in result.reason
    assert await mastodon.stands(intent.profile) == []


async def test_links_count_as_the_instance_counts_them(mastodon: MastodonHarness) -> None:
    """A long link counts 23, so that this fits."""
    text = "x" * 470 + " https://mission.example/" + "a" * 200
    await published(mastodon.connector, an_intent(mastodon.profile("fire"), text))


async def test_a_picture_that_is_still_processed_is_waited_for(mastodon: MastodonHarness) -> None:
    """202, then 206 until it is ready, then it is attached."""
    await mastodon.misbehave("processing", seconds=1, on="media")
    intent = an_intent(mastodon.profile("fire"), "With a map.", pictures=(PICTURE,))
    posted = await published(mastodon.connector, intent)
    assert posted.note == ""
    assert [Seen("With a map.", (PICTURE.alt,))] == await mastodon.stands(intent.profile)


@pytest.mark.parametrize("kind", ["error_before", "error_after", "drop_after", "rate_limit"])
async def test_a_picture_that_the_platform_does_not_take_blocks_nothing(mastodon: MastodonHarness, kind: str) -> None:
    """The text goes out at once, the note says what is missing."""
    await mastodon.misbehave(kind, on="media")
    intent = an_intent(mastodon.profile("fire"), "With a map.", pictures=(PICTURE,))
    posted = await published(mastodon.connector, intent)
    assert "picture 1 is missing" in posted.note
    assert [Seen("With a map.")] == await mastodon.stands(intent.profile)


async def test_a_server_that_is_not_there_is_retryable(mastodon: MastodonHarness) -> None:
    """A refused connection surely posted nothing."""
    await mastodon.running.stop()
    intent = an_intent(mastodon.profile("fire"))
    assert isinstance(await mastodon.connector.publish(intent, store), Retryable)
    assert isinstance(await mastodon.connector.reconcile(intent), CannotTell)
    assert not (await mastodon.connector.check(intent.profile)).ok


async def test_a_host_that_does_not_resolve_is_retryable(mastodon: MastodonHarness) -> None:
    """Nothing was sent where there is no such host."""
    connector = MastodonConnector(lambda _: "http://nowhere.invalid", mastodon.city.token_path)
    result = await connector.publish(an_intent(mastodon.profile("fire"), timeout=10), store)
    assert isinstance(result, Retryable)
    await connector.close()


async def test_a_wrong_token_is_told_in_the_platforms_words(mastodon: MastodonHarness) -> None:
    """401: surely nothing was posted, and a person can fix it; the token is in no word of it."""
    path = mastodon.city.token_path("fire-mastodon")
    kept = path.read_text()
    path.write_text("wrong-token-value")
    intent = an_intent(mastodon.profile("fire"))
    result = await mastodon.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.CREDENTIAL
    assert "access token is invalid" in result.reason
    assert "wrong-token-value" not in result.reason
    path.write_text(kept)
    await published(mastodon.connector, intent)


async def test_the_token_of_another_profile_posts_nothing(mastodon: MastodonHarness) -> None:
    """Two files mixed up do not put a message on the wrong profile."""
    water = mastodon.city.token_path("water-mastodon").read_text()
    mastodon.city.token_path("fire-mastodon").write_text(water)
    result = await mastodon.connector.publish(an_intent(mastodon.profile("fire")), store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.CREDENTIAL
    assert "@water" in result.reason
    assert await mastodon.stands(mastodon.profile("water")) == []
    assert not (await mastodon.connector.check(mastodon.profile("fire"))).ok


@pytest.mark.parametrize("spoil", ["missing", "readable by others", "empty"])
async def test_a_credential_that_cannot_be_used_says_how_to_mend_it(mastodon: MastodonHarness, spoil: str) -> None:
    """Missing, readable by others, empty: held back, named without the path of this machine."""
    path = mastodon.city.token_path("fire-mastodon")
    if spoil == "missing":
        path.unlink()
    elif spoil == "empty":
        path.write_text("\n")
    else:
        path.chmod(0o644)
    result = await mastodon.connector.publish(an_intent(mastodon.profile("fire")), store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.OWN
    assert "secrets/live/fire-mastodon.token" in result.reason
    assert str(mastodon.city.folder) not in result.reason


async def test_an_unknown_instance_is_permanent(mastodon: MastodonHarness) -> None:
    """The reason names where it would have to stand."""
    profile = mastodon.profile("fire").model_copy(update={"account": "fire@elsewhere"})
    result = await mastodon.connector.publish(an_intent(profile), store)
    assert isinstance(result, Permanent)
    assert "mastodon.instances" in result.reason


async def test_a_post_is_found_behind_many_newer_ones(mastodon: MastodonHarness) -> None:
    """The listing is followed page by page, back to the time of the request."""
    fire = mastodon.profile("fire")
    intent = an_intent(fire, "The one that is looked for.")
    posted = await mastodon.connector.publish(intent, store)
    for number in range(45):
        await mastodon.connector.publish(an_intent(fire, f"Newer {number}", request_id=f"r{number}"), store)
    assert posted == await mastodon.connector.reconcile(intent)


async def test_a_repeat_on_a_busy_account_is_posted(mastodon: MastodonHarness) -> None:
    """The first attempt was refused for now, and forty other posts came between: none of them may be it."""
    intent = an_intent(mastodon.profile("fire"))
    await mastodon.misbehave("rate_limit", seconds=1)
    assert isinstance(await mastodon.connector.publish(intent, store), Retryable)
    for number in range(40):
        await published(mastodon.connector, an_intent(intent.profile, f"Post {number}", request_id=f"r{number}"))
    fresh = mastodon.restart()
    await published(fresh, replace(intent, repeat=True))
    assert await published(mastodon.restart(), replace(intent, repeat=True)) == await fresh.reconcile(intent)
    assert sum("Boil water" in post["content"] for post in await mastodon.statuses(intent.profile)) == 1


async def test_absent_is_said_only_when_the_listing_covers_the_time(mastodon: MastodonHarness) -> None:
    """When there are more posts since than are looked through, nobody can tell."""
    fire = mastodon.profile("fire")
    for number in range(5):
        await mastodon.connector.publish(an_intent(fire, f"Newer {number}", request_id=f"r{number}"), store)
    shallow = MastodonConnector(lambda _: mastodon.running.url, mastodon.city.token_path, depth=TimelineDepth(2, 2))
    mastodon.others.append(shallow)
    assert isinstance(await shallow.reconcile(an_intent(fire, "Never posted")), CannotTell)


async def test_an_older_post_with_the_same_text_is_not_taken_for_it(mastodon: MastodonHarness) -> None:
    """What was posted before the request was made cannot be its post."""
    fire = mastodon.profile("fire")
    old = an_intent(fire, "Road closed.", request_id="rold")
    await mastodon.connector.publish(old, store)
    new = an_intent(fire, "Road closed.", request_id="rnew")
    later = replace(new, author_time=new.author_time + timedelta(minutes=5))
    assert await mastodon.connector.reconcile(later) == Absent()


async def test_a_text_of_white_space_and_signs_is_found_again(mastodon: MastodonHarness) -> None:
    """Line breaks, emoji, mentions, marks and links come back as the same text."""
    text = "a  b\n\n\nc & <d> @fire@other.example #mission 🚒 é https://mission.example/x?a=1&b=%20 — “end”"
    intent = an_intent(mastodon.profile("fire"), text)
    posted = await mastodon.connector.publish(intent, store)
    assert posted == await mastodon.restart().reconcile(intent)


async def test_a_listing_that_fails_is_cannot_tell(mastodon: MastodonHarness) -> None:
    """Never Absent for want of an answer."""
    intent = an_intent(mastodon.profile("fire"))
    await mastodon.connector.check(intent.profile)
    await mastodon.misbehave("error_before", on="read")
    assert isinstance(await mastodon.connector.reconcile(intent), CannotTell)


async def test_one_slow_account_delays_no_other(mastodon: MastodonHarness) -> None:
    """While one call waits, another profile is posted to."""
    await mastodon.misbehave("slow", seconds=60, account="fire")
    slow = asyncio.create_task(mastodon.connector.publish(an_intent(mastodon.profile("fire"), timeout=60.0), store))
    await published(mastodon.connector, an_intent(mastodon.profile("water")))
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


async def test_no_token_in_any_log(mastodon: MastodonHarness, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens, a credential is in no log line and in no representation."""
    caplog.set_level(logging.DEBUG)
    token = mastodon.city.token_path("fire-mastodon").read_text().strip()
    await mastodon.misbehave("error_after")
    result = await mastodon.connector.publish(an_intent(mastodon.profile("fire")), store)
    assert token not in caplog.text
    assert token not in repr(result)


async def test_a_post_says_the_language_of_its_text(mastodon: MastodonHarness) -> None:
    """What was approved before languages were kept has the city's. Mastodon takes no script: ISO 639 alone."""
    fire = mastodon.profile("fire")
    await mastodon.connector.publish(an_intent(fire, "請將水煮沸。", request_id="rzh", language="zh-Hant"), store)
    await mastodon.connector.publish(an_intent(fire, "ਪਾਣੀ ਉਬਾਲੋ।", request_id="rpa", language="pa"), store)
    await mastodon.connector.publish(an_intent(fire, "Boil water.", request_id="rold"), store)
    assert [status["language"] for status in await mastodon.statuses(fire)] == ["en", "pa", "zh"]


async def test_the_same_beginning_is_a_thread_of_its_own(mastodon: MastodonHarness) -> None:
    """A corrected end goes under its own beginning; the same thread as another message is there twice."""
    fire = mastodon.profile("fire")
    first = await mastodon.connector.publish(an_intent(fire, "Leave. (1/2)", "By Cedar. (2/2)", request_id="r1"), store)
    second = await mastodon.connector.publish(
        an_intent(fire, "Leave. (1/2)", "By Ferndale. (2/2)", request_id="r2"), store
    )
    third = await mastodon.connector.publish(an_intent(fire, "Leave. (1/2)", "By Cedar. (2/2)", request_id="r3"), store)
    ids = [one.remote_id for one in (first, second, third) if isinstance(one, Posted)]
    assert len({part for one in ids for part in one.split(",")}) == 6


async def test_pictures_that_are_not_ready_are_waited_for_then_left_out(mastodon: MastodonHarness) -> None:
    """The text never fails for its picture; the receipt says what is missing."""
    fire = mastodon.profile("fire")
    await mastodon.misbehave("unfinished", calls=1)
    posted = await published(mastodon.connector, an_intent(fire, "One", request_id="r1", pictures=(PICTURE,)))
    assert posted.note == ""
    await mastodon.misbehave("unfinished", calls=4)
    posted = await published(mastodon.connector, an_intent(fire, "Two", request_id="r2", pictures=(PICTURE,)))
    assert "have not finished processing" in posted.note
    assert [Seen("Two"), Seen("One", (PICTURE.alt,))] == await mastodon.stands(fire)


async def test_a_token_without_the_scope_is_held_and_not_tried_again(mastodon: MastodonHarness) -> None:
    """The scopes of a token never change; another token is let in."""
    intent = an_intent(mastodon.profile("fire"))
    await mastodon.misbehave("scope")
    refused = await mastodon.connector.publish(intent, store)
    assert isinstance(refused, Retryable)
    assert refused.cause is Cause.CREDENTIAL
    assert "outside the authorized scopes" in refused.reason
    health = await mastodon.connector.check(intent.profile)
    assert (health.ok, health.cause) == (False, Cause.CREDENTIAL)


@pytest.mark.parametrize(("fault", "cause"), [("moved", Cause.OWN), ("html_before", Cause.HOST)])
async def test_a_moved_server_and_a_proxys_page_hold_the_message(
    mastodon: MastodonHarness, fault: str, cause: Cause
) -> None:
    intent = an_intent(mastodon.profile("fire"))
    options: dict[str, Any] = {"status": 403} if fault == "html_before" else {}
    await mastodon.misbehave(fault, **options)
    held = await mastodon.connector.publish(intent, store)
    assert isinstance(held, Retryable)
    assert held.cause is cause
    await published(mastodon.connector, intent)
