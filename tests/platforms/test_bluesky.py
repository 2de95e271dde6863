"""What is Bluesky's own, on a real server: records and their ids, threads in one write, facets, sessions, limits."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from services.fanout.connectors.bluesky.record import cid_of
from services.fanout.connectors.bluesky.session import REFUSED_SECONDS
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Intent,
    Permanent,
    Posted,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from services.kernel.base.clock import ManualClock
from tests.integration.connectors.harnesses import PICTURE, PNG, Seen, an_intent, other, store
from tests.platforms.harness import APP, BlueskyHarness
from tests.platforms.pds import Account

PARTS = ("Leave Silverdale now. (1/3)", "Take medication and papers. (2/3)", "Reception: Leisure Centre. (3/3)")
POST = "app.bsky.feed.post"
LOGIN, RENEWAL = "com.atproto.server.createSession", "com.atproto.server.refreshSession"
HOUR = 3_600.0


def at_fire(harness: BlueskyHarness, *texts: str, **more: Any) -> Intent:
    return an_intent(harness.profile("fire"), *texts, **more)


async def published(harness: BlueskyHarness, intent: Intent) -> Posted:
    posted = await harness.connector.publish(intent, store)
    assert isinstance(posted, Posted), posted
    return posted


async def overwrite(harness: BlueskyHarness, account: Account, uri: str, text: str) -> None:
    """Change a post in its place, as somebody with the account's password could."""
    record = {"$type": POST, "text": text, "createdAt": "2026-01-31T14:00:00.000Z"}
    value = {"repo": account.did, "collection": POST, "rkey": uri.rpartition("/")[2], "record": record}
    await harness.pds.post("com.atproto.repo.putRecord", value, token=account.access)


# --- the record ---------------------------------------------------------------------------------------------------


async def test_the_record_is_what_was_approved(bluesky: BlueskyHarness) -> None:
    """Text, time and language are ours, the URL is the web application's, the content id is the computed one."""
    posted = await published(bluesky, at_fire(bluesky, "Boil water in Cedar Valley."))
    (record,) = await bluesky.records("fire")
    assert record["value"] == {
        "$type": POST,
        "text": "Boil water in Cedar Valley.",
        "createdAt": "2026-01-31T14:00:00.000Z",
        "langs": ["en"],
    }
    assert record["cid"] == cid_of(record["value"])
    assert posted.remote_id == record["uri"]
    key = record["uri"].rpartition("/")[2]
    assert posted.url == f"{APP}/profile/{bluesky.accounts['fire'].did}/post/{key}"


async def test_links_hashtags_and_mentions_are_facets_at_their_bytes(bluesky: BlueskyHarness) -> None:
    """Also behind characters of several bytes; a handle that nobody has stays plain text."""
    handle = bluesky.accounts["water"].handle
    text = f"Évacuez 🚒 https://mission.example/a?b=é now! #Évac, @{handle} and @nobody-at-all.test"
    await published(bluesky, at_fire(bluesky, text))
    (record,) = await bluesky.records("fire")
    raw = text.encode()
    shown = [
        (raw[one["index"]["byteStart"] : one["index"]["byteEnd"]].decode(), one["features"][0])
        for one in record["value"]["facets"]
    ]
    facet = "app.bsky.richtext.facet"
    assert shown == [
        ("https://mission.example/a?b=é", {"$type": f"{facet}#link", "uri": "https://mission.example/a?b=é"}),
        ("#Évac", {"$type": f"{facet}#tag", "tag": "Évac"}),
        (f"@{handle}", {"$type": f"{facet}#mention", "did": bluesky.accounts["water"].did}),
    ]
    assert record["cid"] == cid_of(record["value"])
    assert isinstance(await bluesky.restart().reconcile(at_fire(bluesky, text)), Posted)


async def test_a_picture_stands_with_its_bytes_its_words_and_its_shape(bluesky: BlueskyHarness) -> None:
    """What the public gets is byte for byte the picture that was approved; the content id counts it in."""
    intent = at_fire(bluesky, "With a map.", pictures=(PICTURE,))
    posted = await published(bluesky, intent)
    (record,) = await bluesky.records("fire")
    (image,) = record["value"]["embed"]["images"]
    assert (image["alt"], image["aspectRatio"]) == (PICTURE.alt, {"width": 1, "height": 1})
    assert record["cid"] == cid_of(record["value"])
    did, blob = bluesky.accounts["fire"].did, image["image"]["ref"]["$link"]
    url = f"{bluesky.pds.url}/xrpc/com.atproto.sync.getBlob?did={did}&cid={blob}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == PNG
    assert await bluesky.restart().reconcile(intent) == posted


async def test_a_post_whose_picture_failed_is_found_again_as_it_stands(bluesky: BlueskyHarness) -> None:
    """A repeat that has the picture makes no second post, and changes nothing."""
    await bluesky.misbehave("error_before", on="media")
    intent = at_fire(bluesky, "With a map.", pictures=(PICTURE,))
    posted = await published(bluesky, intent)
    assert "picture 1 is missing" in posted.note
    again = await published(bluesky, intent)
    assert (again.remote_id, again.note) == (posted.remote_id, "1 of its pictures are missing")
    assert [Seen("With a map.")] == await bluesky.stands(intent.profile)


@pytest.mark.parametrize("texts", [("One.",), PARTS], ids=["post", "thread"])
async def test_ten_at_the_same_time_are_one_post(bluesky: BlueskyHarness, texts: tuple[str, ...]) -> None:
    """Of ten processes that know nothing of each other each is told where it is, and it is there once."""
    intent = at_fire(bluesky, *texts)
    copies = [bluesky.restart() for _ in range(10)]
    results = await asyncio.gather(*(copy.publish(intent, store) for copy in copies))
    assert {type(result) for result in results} == {Posted}
    assert len(set(results)) == 1
    assert [Seen(text) for text in reversed(texts)] == await bluesky.stands(intent.profile)


# --- threads ------------------------------------------------------------------------------------------------------


async def test_a_thread_is_one_write(bluesky: BlueskyHarness) -> None:
    """All parts at once, each under the one before; the id names all, the URL is the first part's."""
    posted = await published(bluesky, at_fire(bluesky, *PARTS))
    assert bluesky.proxy.calls["com.atproto.repo.applyWrites"] == 1
    records = list(reversed(await bluesky.records("fire")))
    assert tuple(record["value"]["text"] for record in records) == PARTS
    refs = [{"uri": record["uri"], "cid": record["cid"]} for record in records]
    assert [record["value"].get("reply") for record in records] == [
        None,
        {"root": refs[0], "parent": refs[0]},
        {"root": refs[0], "parent": refs[1]},
    ]
    assert posted.remote_id == ",".join(ref["uri"] for ref in refs)
    assert [record["cid"] for record in records] == [cid_of(record["value"]) for record in records]


@pytest.mark.parametrize("kind", ["drop_after", "error_after", "drop_before"])
async def test_a_thread_without_an_answer_stands_whole_or_not_at_all(bluesky: BlueskyHarness, kind: str) -> None:
    """It never breaks off: what has no answer is found, or is sent again, whole."""
    intent = at_fire(bluesky, *PARTS)
    await bluesky.misbehave(kind)
    first = await bluesky.connector.publish(intent, store)
    assert isinstance(first, Posted if kind == "error_after" else Unknown)
    found = await bluesky.restart().reconcile(intent)
    assert isinstance(found, Absent if kind == "drop_before" else Posted)
    await published(bluesky, replace(intent, repeat=True))
    assert [Seen(part) for part in reversed(PARTS)] == await bluesky.stands(intent.profile)


async def test_a_thread_that_lost_a_part_is_a_persons_to_judge(bluesky: BlueskyHarness) -> None:
    """A part that somebody deleted is not posted again behind their back."""
    intent = at_fire(bluesky, *PARTS)
    posted = await published(bluesky, intent)
    part = replace(intent, content=intent.content)
    await bluesky.connector.retract(part, posted.remote_id.rpartition(",")[2])
    assert isinstance(await bluesky.connector.reconcile(intent), CannotTell)
    assert isinstance(await bluesky.connector.publish(replace(intent, repeat=True), store), Permanent)
    assert len(await bluesky.records("fire")) == 2


# --- answers ------------------------------------------------------------------------------------------------------


async def test_an_answer_stands_under_what_it_follows_and_in_its_thread(bluesky: BlueskyHarness) -> None:
    """Also an answer to an answer, and a thread; each is found again, and goes without the others."""
    first = await published(bluesky, at_fire(bluesky, *PARTS))
    second_intent = replace(at_fire(bluesky, "Correction: at 5 pm.", request_id="r2"), follows=first.remote_id)
    second = await published(bluesky, second_intent)
    third_intent = replace(at_fire(bluesky, "One.", "Two.", request_id="r3"), follows=second.remote_id)
    third = await published(bluesky, third_intent)
    by_uri = {record["uri"]: record for record in await bluesky.records("fire")}
    root = first.remote_id.partition(",")[0]
    replies = [by_uri[uri]["value"]["reply"] for uri in (second.remote_id, *third.remote_id.split(","))]
    assert [reply["root"]["uri"] for reply in replies] == [root, root, root]
    parents = [root, second.remote_id, third.remote_id.partition(",")[0]]
    assert [reply["parent"]["uri"] for reply in replies] == parents
    fresh = bluesky.restart()
    assert [await fresh.reconcile(one) for one in (second_intent, third_intent)] == [second, third]
    assert isinstance(await fresh.reconcile(replace(second_intent, follows="")), CannotTell)
    assert await fresh.retract(third_intent, third.remote_id) == Retracted()
    assert len(await bluesky.records("fire")) == 4


async def test_an_answer_to_what_is_gone_is_refused(bluesky: BlueskyHarness) -> None:
    """It never hangs in the air."""
    intent = at_fire(bluesky, "Wrong.")
    posted = await published(bluesky, intent)
    await bluesky.connector.retract(intent, posted.remote_id)
    for follows in (posted.remote_id, "at://elsewhere/x/y"):
        answer = replace(at_fire(bluesky, "Correction.", request_id="r2"), follows=follows)
        assert isinstance(await bluesky.connector.publish(answer, store), Permanent)
    assert await bluesky.records("fire") == []


# --- recall, and others' hands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False], ids=["by its id", "without an id"])
async def test_recall_takes_all_parts_and_may_be_repeated(bluesky: BlueskyHarness, named: bool) -> None:
    intent = at_fire(bluesky, *PARTS)
    posted = await published(bluesky, intent)
    await published(bluesky, at_fire(bluesky, "Another.", request_id="r2"))
    for _ in range(2):
        assert await bluesky.connector.retract(intent, posted.remote_id if named else "") == Retracted()
        assert [Seen("Another.")] == await bluesky.stands(intent.profile)


async def test_what_is_not_this_accounts_post_is_never_deleted(bluesky: BlueskyHarness) -> None:
    water = an_intent(bluesky.profile("water"), "Water's.")
    posted = await published(bluesky, water)
    for remote_id in (posted.remote_id, "at://x", posted.remote_id.replace("feed.post", "feed.like")):
        assert isinstance(await bluesky.connector.retract(at_fire(bluesky), remote_id), Permanent)
    assert [Seen("Water's.")] == await bluesky.stands(water.profile)


async def test_read_back_sees_that_a_post_is_gone_or_changed(bluesky: BlueskyHarness) -> None:
    """It needs no session; what was changed in its place is no longer ours, and is never overwritten."""
    intent = at_fire(bluesky, "Boil water.")
    posted = await published(bluesky, intent)
    fresh = bluesky.restart()
    assert isinstance(fresh, ReadsBack)
    logins = bluesky.proxy.calls[LOGIN]
    assert await fresh.read_back(intent, posted.remote_id) == posted
    await overwrite(bluesky, bluesky.accounts["fire"], posted.remote_id, "Do not boil water.")
    assert isinstance(await fresh.read_back(intent, posted.remote_id), Altered)
    assert isinstance(await fresh.reconcile(intent), CannotTell)
    assert bluesky.proxy.calls[LOGIN] == logins
    for repeat in (False, True):
        assert isinstance(await fresh.publish(replace(intent, repeat=repeat), store), Permanent)
    assert [Seen("Do not boil water.")] == await bluesky.stands(intent.profile)
    await bluesky.connector.retract(intent, posted.remote_id)
    assert await fresh.read_back(intent, posted.remote_id) == Absent()


async def test_other_content_under_a_threads_keys_is_refused(bluesky: BlueskyHarness) -> None:
    intent = at_fire(bluesky, *PARTS)
    await published(bluesky, intent)
    for texts in (("Something else.",), ("Something", "else."), (*PARTS[:2], "Reception: nowhere. (3/3)")):
        assert isinstance(await bluesky.connector.publish(other(intent, *texts), store), Permanent)
    assert [Seen(part) for part in reversed(PARTS)] == await bluesky.stands(intent.profile)


# --- accounts and sessions ----------------------------------------------------------------------------------------


async def test_the_check_brings_what_the_accounts_page_says(bluesky: BlueskyHarness) -> None:
    """As the account's own server has it, without an AppView; an account that says nothing says so."""
    fire = bluesky.profile("fire")
    assert (await bluesky.connector.check(fire)).shows == ""
    account = bluesky.accounts["fire"]
    login = {"identifier": account.handle, "password": account.password}
    session = await bluesky.pds.post("com.atproto.server.createSession", login)
    page = {"$type": "app.bsky.actor.profile", "displayName": "Fire", "description": "Of the City of Mission."}
    record = {"repo": account.did, "collection": "app.bsky.actor.profile", "rkey": "self", "record": page}
    await bluesky.pds.post("com.atproto.repo.putRecord", record, token=session["accessJwt"])
    assert (await bluesky.connector.check(fire)).shows == "Fire Of the City of Mission."


async def test_an_account_that_is_taken_down_ends_for_good_and_stands_alone(bluesky: BlueskyHarness) -> None:
    """With a session and without one; other accounts notice nothing, and it works again when it is let up."""
    assert (await bluesky.connector.check(bluesky.profile("fire"))).ok
    await bluesky.pds.take_down(bluesky.accounts["fire"])
    intent = at_fire(bluesky)
    by_did = replace(intent, profile=intent.profile.model_copy(update={"account": bluesky.accounts["fire"].did}))
    for connector, one, words in (
        (bluesky.connector, intent, "AccountTakedown"),
        (bluesky.restart(), by_did, "takendown"),
    ):
        result = await connector.publish(one, store)
        assert isinstance(result, Permanent), result
        assert words in result.reason
        assert isinstance(await connector.reconcile(one), CannotTell)
        health = await connector.check(one.profile)
        assert (health.ok, health.cause) == (False, None)
    # By its handle alone it looks like a wrong password, which a person has to see to.
    result = await bluesky.restart().publish(intent, store)
    assert isinstance(result, Retryable)
    assert "taken the account down" in result.reason
    assert isinstance(await bluesky.connector.publish(an_intent(bluesky.profile("water")), store), Posted)
    await bluesky.pds.take_down(bluesky.accounts["fire"], down=False)
    assert await bluesky.records("fire") == []
    await published(bluesky, at_fire(bluesky))


async def test_many_posts_are_one_login(bluesky: BlueskyHarness) -> None:
    """Also when they come at once: the server takes 30 logins in five minutes."""
    intents = [at_fire(bluesky, f"Number {number}", request_id=f"r{number}") for number in range(40)]
    results = await asyncio.gather(*(bluesky.connector.publish(intent, store) for intent in intents))
    assert {type(result) for result in results} == {Posted}
    assert bluesky.proxy.calls[LOGIN] == 1


async def test_a_session_is_renewed_before_it_ends(bluesky: BlueskyHarness) -> None:
    """By the clock of this machine, without a login and without a refusal; if that fails while it lives, it is used."""
    clock = ManualClock(datetime(2026, 1, 31, 14, tzinfo=UTC))
    connector = bluesky.timed(clock)
    intents = [at_fire(bluesky, f"Number {number}", request_id=f"r{number}") for number in range(3)]
    assert isinstance(await connector.publish(intents[0], store), Posted)
    clock.time += timedelta(hours=1.6)
    await bluesky.misbehave("error_before", on="renewal")
    assert isinstance(await connector.publish(intents[1], store), Posted)
    assert isinstance(await connector.publish(intents[2], store), Posted)
    assert (bluesky.proxy.calls[LOGIN], bluesky.proxy.calls[RENEWAL]) == (1, 2)
    assert bluesky.proxy.calls["com.atproto.repo.putRecord"] == 3


async def test_a_session_that_the_server_has_ended_is_renewed_in_mid_call(bluesky: BlueskyHarness) -> None:
    """First with the refresh token, and when that has ended too, with the password; the post is there once."""
    for number, (hours, logins, renewals) in enumerate([(0, 1, 0), (3, 1, 1), (24 * 100, 2, 2)]):
        bluesky.pds.advance(hours * HOUR)
        await published(bluesky, at_fire(bluesky, f"Number {number}", request_id=f"r{number}"))
        assert bluesky.proxy.calls[LOGIN] == logins
        assert bluesky.proxy.calls.get(RENEWAL, 0) == renewals
    assert len(await bluesky.records("fire")) == 3


async def test_a_refused_password_is_not_tried_again_until_it_is_another(bluesky: BlueskyHarness) -> None:
    """Held back for a person; refused logins would use up what the account has."""
    bluesky.write_password("fire", "not-the-password")
    clock = ManualClock(datetime(2026, 1, 31, 14, tzinfo=UTC))
    connector = bluesky.timed(clock)
    for seconds, asked in ((0.0, 1), (REFUSED_SECONDS - 1, 1), (2.0, 2)):
        clock.time += timedelta(seconds=seconds)
        result = await connector.publish(at_fire(bluesky), store)
        assert isinstance(result, Retryable)
        assert result.cause is Cause.CREDENTIAL
        assert bluesky.proxy.calls[LOGIN] == asked
    bluesky.write_password("fire", bluesky.accounts["fire"].password)
    assert isinstance(await connector.publish(at_fire(bluesky), store), Posted)


async def test_an_account_may_be_named_by_its_did_and_with_its_server(bluesky: BlueskyHarness) -> None:
    did, handle = bluesky.accounts["fire"].did, bluesky.accounts["fire"].handle
    intent = at_fire(bluesky)
    posted = await published(bluesky, intent)
    for account in (did, f"@{handle}"):
        again = replace(intent, profile=intent.profile.model_copy(update={"account": account}))
        assert await bluesky.connector.publish(again, store) == posted
    for account in (f"{handle}@unheard-of", "no handle", "fire"):
        elsewhere = replace(intent, profile=intent.profile.model_copy(update={"account": account}))
        assert isinstance(await bluesky.connector.publish(elsewhere, store), Permanent)
        assert isinstance(await bluesky.connector.reconcile(elsewhere), CannotTell)


async def test_no_password_and_no_token_in_any_log(bluesky: BlueskyHarness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await bluesky.misbehave("error_after")
    results = [await bluesky.connector.publish(at_fire(bluesky), store) for _ in range(2)]
    said = caplog.text + repr(results) + repr(vars(bluesky.connector))
    assert bluesky.accounts["fire"].password not in said
    assert "eyJ" not in said


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("x" * 300, True),
        ("x" * 301, False),
        ("é" * 300, True),
        ("👩‍👩‍👧‍👦" * 120, True),
        ("👩‍👩‍👧‍👦" * 120 + "x", False),
    ],
    ids=["300", "301", "300 of 600 bytes", "120 of 3,000 bytes", "121 of 3,001 bytes"],
)
async def test_the_limit_is_the_servers_own(bluesky: BlueskyHarness, text: str, fits: bool) -> None:
    """What we take for fitting the server takes, and what we refuse it refuses."""
    account = bluesky.accounts["water"]
    record = {"$type": POST, "text": text, "createdAt": "2026-01-31T14:00:00.000Z"}
    value = {"repo": account.did, "collection": POST, "record": record}
    answer = await bluesky.pds.post("com.atproto.repo.createRecord", value, token=account.access, limited=True)
    assert ("uri" in answer) == fits, answer
    result = await bluesky.connector.publish(at_fire(bluesky, text), store)
    assert isinstance(result, Posted if fits else Permanent)
    assert len(await bluesky.records("fire")) == fits


async def test_the_servers_limit_of_logins_is_waited_for(bluesky: BlueskyHarness) -> None:
    """The 31st login in five minutes: surely not posted, and when it may be tried again."""
    wrong = {"identifier": bluesky.accounts["fire"].handle, "password": "wrong"}
    for _ in range(30):
        await bluesky.pds.post(LOGIN, wrong, limited=True)
    result = await bluesky.connector.publish(at_fire(bluesky), store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.LIMIT
    assert result.after is not None
    assert 0 < result.after <= 300
    assert isinstance(await bluesky.connector.publish(an_intent(bluesky.profile("water")), store), Posted)


async def test_the_servers_limit_of_posts_is_waited_for(bluesky: BlueskyHarness) -> None:
    """5,000 points an hour: the account waits, others do not, and what is there is still seen."""
    account = bluesky.accounts["fire"]
    before = at_fire(bluesky, "Before.", request_id="r1")
    posted = await published(bluesky, before)
    create = {"$type": "com.atproto.repo.applyWrites#create", "collection": POST, "value": {}}
    for _ in range(9):  # none of them is taken, and each counts 200 times 3 points
        value = {"repo": account.did, "writes": [create] * 200}
        await bluesky.pds.post("com.atproto.repo.applyWrites", value, token=account.access, limited=True)
    result = await bluesky.connector.publish(at_fire(bluesky), store)
    assert isinstance(result, Retryable)
    assert (result.cause, result.after) == (Cause.LIMIT, 300)
    assert await bluesky.connector.reconcile(before) == posted
    assert isinstance(await bluesky.connector.publish(an_intent(bluesky.profile("water")), store), Posted)


async def test_a_server_that_is_not_there_is_retryable(bluesky: BlueskyHarness) -> None:
    """Nothing was sent."""
    await bluesky.proxy.stop()
    intent = at_fire(bluesky)
    result = await bluesky.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.HOST
    assert isinstance(await bluesky.connector.reconcile(intent), CannotTell)
    assert not (await bluesky.connector.check(intent.profile)).ok
