"""What the Mastodon connector makes of a server that lies: never a wrong certainty, never without bounds."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    Permanent,
    Posted,
    ReadsBack,
    Retryable,
    Unknown,
)
from services.fanout.connectors.mastodon.connector import MastodonConnector
from tests.integration.connectors.harnesses import GROWING, MastodonHarness, a_profile, an_intent, published, store
from tests.support.stopwatch import Stopwatch

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.mark.parametrize(
    ("kind", "changes", "stands"),
    [
        ("html_before", {"status": 200}, False),
        ("html_before", {"status": 502}, False),
        ("html_after", {"status": 200}, True),
        ("html_after", {"status": 502}, True),
        ("flood_after", {}, True),
        ("drip", {"seconds": 60}, True),
        ("never_before", {}, False),
        ("never_after", {}, True),
    ],
)
async def test_an_answer_that_is_none_is_unknown_and_the_look_tells_the_truth(
    mastodon: MastodonHarness, kind: str, changes: dict[str, Any], stands: bool
) -> None:
    """Within the call's time; then reconcile finds it or does not, and a repeat leaves one post."""
    intent = an_intent(mastodon.profile("fire"))
    await mastodon.connector.check(intent.profile)
    await mastodon.misbehave(kind, **changes)
    for timeout in (4.0 * times for times in GROWING):
        async with Stopwatch() as watch:
            result = await mastodon.connector.publish(replace(intent, call_timeout=timeout), store)
        if not isinstance(result, Retryable):
            break
    assert isinstance(result, Unknown)
    assert result.cause is Cause.HOST
    assert watch.seconds < timeout
    found = await mastodon.connector.reconcile(intent)
    assert isinstance(found, Posted if stands else Absent)
    await published(mastodon.restart(), replace(intent, repeat=True))
    assert len(await mastodon.stands(intent.profile)) == 1


async def test_a_refused_token_is_a_credential_lost_and_nothing_stands(mastodon: MastodonHarness) -> None:
    await mastodon.connector.check(mastodon.profile("fire"))
    await mastodon.misbehave("unauthorized")
    intent = an_intent(mastodon.profile("fire"))
    result = await mastodon.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert (result.cause, "access token is invalid" in result.reason) == (Cause.CREDENTIAL, True)
    assert await mastodon.stands(intent.profile) == []
    await published(mastodon.connector, intent)


async def test_a_token_refused_within_a_thread_says_what_stands(mastodon: MastodonHarness) -> None:
    await mastodon.misbehave("unauthorized", skip=1)
    intent = an_intent(mastodon.profile("fire"), "One (1/2)", "Two (2/2)")
    result = await mastodon.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.CREDENTIAL
    assert result.begun is not None
    await published(mastodon.connector, intent)
    assert len(await mastodon.stands(intent.profile)) == 2


async def test_a_login_that_is_disabled_is_held_back_in_the_platforms_words(mastodon: MastodonHarness) -> None:
    """The platform may let it in again, and then what waits goes out; other accounts go on."""
    await mastodon.misbehave("suspended", on="any", calls=2)
    intent = an_intent(mastodon.profile("fire"))
    health = await mastodon.connector.check(intent.profile)
    assert (health.ok, health.cause) == (False, Cause.CREDENTIAL)
    result = await mastodon.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.CREDENTIAL
    assert "Your login is currently disabled" in result.reason
    await published(mastodon.connector, an_intent(mastodon.profile("water")))
    await published(mastodon.connector, intent)


async def test_a_lagging_listing_does_not_make_a_second_post_within_the_keys_hour(mastodon: MastodonHarness) -> None:
    """It says Absent, wrongly; the key gives the first post again."""
    intent = an_intent(mastodon.profile("fire"))
    await mastodon.misbehave("error_after")
    assert isinstance(await mastodon.connector.publish(intent, store), Unknown)
    await mastodon.misbehave("lag", on="read", seconds=600, calls=100)
    assert await mastodon.connector.reconcile(intent) == Absent()
    fresh = mastodon.restart()
    await published(fresh, replace(intent, repeat=True))
    assert len(mastodon_posts(mastodon)) == 1
    await fresh.close()


def mastodon_posts(harness: MastodonHarness) -> list[dict[str, Any]]:
    lines = (harness.city.var / "townsquare" / "posts.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["type"] == "post"]


async def test_a_repeat_sends_nothing_when_it_cannot_see_what_stands(mastodon: MastodonHarness) -> None:
    """A fresh process, an earlier attempt, a listing that fails: surely not posted by this call."""
    intent = replace(an_intent(mastodon.profile("fire")), repeat=True)
    await mastodon.connector.check(intent.profile)
    await mastodon.misbehave("html_before", on="read", status=502)
    result = await mastodon.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.HOST
    assert mastodon_posts(mastodon) == []


async def test_a_repeat_finds_what_an_earlier_process_posted(mastodon: MastodonHarness) -> None:
    """Also when the server has forgotten the key."""
    intent = an_intent(mastodon.profile("fire"))
    first = await mastodon.connector.publish(intent, store)
    fresh = mastodon.restart()
    again = replace(intent, repeat=True, idempotency_key="the server knows this one no more")
    assert first == await fresh.publish(again, store)
    assert len(mastodon_posts(mastodon)) == 1
    await fresh.close()


async def test_read_back_sees_what_stands_what_vanished_and_what_cannot_be_told(mastodon: MastodonHarness) -> None:
    """By id, so that a listing that lags behind does not matter."""
    assert isinstance(mastodon.connector, ReadsBack)
    intent = an_intent(mastodon.profile("fire"), "One (1/2)", "Two (2/2)")
    posted = await published(mastodon.connector, intent)
    await mastodon.misbehave("lag", on="read", seconds=600, calls=2)
    assert posted == await mastodon.connector.read_back(intent, posted.remote_id)
    for kind in ("error_before", "html_before", "flood_after", "unauthorized"):
        await mastodon.misbehave(kind, on="read")
        assert isinstance(await mastodon.connector.read_back(intent, posted.remote_id), CannotTell)
    last = posted.remote_id.partition(",")[2]
    await mastodon.connector.retract(intent, last)
    assert await mastodon.connector.read_back(intent, posted.remote_id) == Absent()


async def test_read_back_tells_what_was_changed(mastodon: MastodonHarness) -> None:
    """Text and language, as the server shows them and as it says that they were sent."""
    intent = an_intent(mastodon.profile("fire"), "Boil water.", "It is safe.")
    posted = await published(mastodon.connector, intent)
    assert isinstance(mastodon.connector, ReadsBack)
    first, last = posted.remote_id.split(",")
    await mastodon.change("fire", last, "It is not safe.", "fr")
    found = await mastodon.connector.read_back(intent, posted.remote_id)
    assert found == Altered((("text", "its text was changed since"), ("language", "it is marked as language 'fr'")))
    part = await mastodon.connector.read_back(intent, first)
    assert isinstance(part, Altered)
    assert dict(part.differences)["place"] == "1 of its 2 parts are on record"


# --- servers that townsquare does not play ----------------------------------------------------------------


@asynccontextmanager
async def a_server(tmp_path: Path, handlers: dict[str, Handler]) -> AsyncIterator[MastodonConnector]:
    app = web.Application()
    for place, handler in handlers.items():
        method, path = place.split()
        app.router.add_route(method, path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("token")
    connector = MastodonConnector(lambda _: f"http://127.0.0.1:{runner.addresses[0][1]}", lambda _: token)
    try:
        yield connector
    finally:
        await connector.close()
        await runner.cleanup()


async def own(request: web.Request) -> web.StreamResponse:
    return web.json_response({"id": "1", "username": "fire"})


async def test_an_endless_answer_is_read_up_to_a_bound(tmp_path: Path) -> None:
    """The server could send a gigabyte; it is cut off after what the buffers hold."""
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        piece = b"x" * 65_536
        while sent < 1_000_000_000:
            await response.write(piece)
            sent += len(piece)
        return response

    handlers: dict[str, Handler] = {"GET /api/v1/accounts/verify_credentials": own, "POST /api/v1/statuses": endless}
    async with a_server(tmp_path, handlers) as connector:
        result = await connector.publish(an_intent(a_profile("fire", "mastodon"), timeout=20.0), store)
        assert isinstance(result, Unknown)
        await asyncio.sleep(0.2)
    assert sent < 24 * 1024 * 1024


MADE = b'{"id": "7", "url": "https://x.example/7"}'


@pytest.mark.parametrize(
    ("packed", "kind"),
    [
        (gzip.compress(MADE), Posted),
        (zlib.compress(MADE), Posted),
        (gzip.compress(MADE)[:-9], Unknown),
        (gzip.compress(b" " * 50_000_000 + MADE), Unknown),
        (MADE, Unknown),
    ],
    ids=["gzip", "deflate", "cut off", "too long", "not packed"],
)
async def test_what_comes_packed_is_unpacked_up_to_a_bound(tmp_path: Path, packed: bytes, kind: type) -> None:
    """It was not asked for; a gateway may send it all the same, and a small answer may hold a large one."""

    async def made(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})

    handlers: dict[str, Handler] = {"GET /api/v1/accounts/verify_credentials": own, "POST /api/v1/statuses": made}
    async with a_server(tmp_path, handlers) as connector:
        assert isinstance(await connector.publish(an_intent(a_profile("fire", "mastodon")), store), kind)


@pytest.mark.parametrize(
    ("made", "kind", "note"),
    [
        ({"id": None}, Unknown, ""),
        ({"id": True}, Unknown, ""),
        ({"id": 7.0}, Unknown, ""),
        ({"id": ["7"]}, Unknown, ""),
        ({"id": "../7"}, Unknown, ""),
        ({"id": 7}, Posted, ""),
        ({"id": "01JD8Z6T3GQ4Y2V0K5X7W9B1CM", "in_reply_to_id": None}, Posted, ""),
        ({"id": "7", "in_reply_to_id": 99}, Posted, "it does not stand in its thread"),
    ],
    ids=str,
)
async def test_only_an_id_names_a_post(tmp_path: Path, made: dict[str, Any], kind: type, note: str) -> None:
    """What is none is no success: ``null`` would become a post of the name None, looked for in vain ever after."""
    handlers: dict[str, Handler] = {"GET /api/v1/accounts/verify_credentials": own}

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(made)

    async with a_server(tmp_path, handlers | {"POST /api/v1/statuses": answer}) as connector:
        result = await connector.publish(an_intent(a_profile("fire", "mastodon")), store)
    assert isinstance(result, kind)
    assert getattr(result, "note", "") == note


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        ({"id": "8", "account": {"id": "1"}}, Posted),
        ({"id": "8", "account": {"id": 1}}, Posted),
        ({"id": "8", "account": None}, Posted),
        ({"id": "7", "account": {"id": "1"}}, Unknown),
        ({"id": "8", "account": {"id": "2"}}, Unknown),
    ],
    ids=["own", "a number", "nobody's", "an earlier part", "another account"],
)
async def test_an_answer_that_is_of_another_post_is_not_believed(
    tmp_path: Path, second: dict[str, Any], kind: type
) -> None:
    """A proxy that mixes up answers: the post that was sent is looked for, and not taken for that one."""
    answers = [{"id": "7", "account": {"id": "1"}}, second]

    async def made(request: web.Request) -> web.StreamResponse:
        return web.json_response(answers.pop(0))

    handlers: dict[str, Handler] = {"GET /api/v1/accounts/verify_credentials": own, "POST /api/v1/statuses": made}
    async with a_server(tmp_path, handlers) as connector:
        intent = an_intent(a_profile("fire", "mastodon"), "One (1/2)", "Two (2/2)")
        assert isinstance(await connector.publish(intent, store), kind)


@pytest.mark.parametrize(
    ("refusals", "stands", "kind"), [(2, 200, Posted), (99, 200, Retryable), (99, 503, Retryable), (99, 404, Permanent)]
)
async def test_a_part_whose_parent_is_not_shown_yet_waits_unless_that_is_gone(
    tmp_path: Path, refusals: int, stands: int, kind: type
) -> None:
    """A server with several machines: the first part is taken, and another one does not see it yet."""
    calls = 0

    async def made(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if 1 < calls <= refusals + 1:
            return web.json_response({"error": "La publication n'existe pas."}, status=404)
        return web.json_response({"id": str(6 + calls)})

    async def first(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": "7"} if stands == 200 else {"error": "Record not found"}, status=stands)

    handlers: dict[str, Handler] = {"GET /api/v1/accounts/verify_credentials": own, "POST /api/v1/statuses": made}
    async with a_server(tmp_path, handlers | {"GET /api/v1/statuses/7": first}) as connector:
        intent = an_intent(a_profile("fire", "mastodon"), "One (1/2)", "Two (2/2)", timeout=6.0)
        result = await connector.publish(intent, store)
    assert isinstance(result, kind)
    assert (getattr(result, "begun", None) is None) is (kind is Posted)


@pytest.mark.parametrize("name", ["7", 7])
async def test_a_post_is_read_back_whatever_its_id_is_written_as(tmp_path: Path, name: str | int) -> None:
    async def one(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": name, "url": "https://x.example/7", "content": "<p>Boil water.</p>"})

    handlers: dict[str, Handler] = {
        "GET /api/v1/accounts/verify_credentials": own,
        "GET /api/v1/statuses/7": one,
    }
    async with a_server(tmp_path, handlers) as connector:
        assert isinstance(connector, ReadsBack)
        intent = an_intent(a_profile("fire", "mastodon"), "Boil water.")
        assert isinstance(await connector.read_back(intent, "7"), Posted)


async def test_a_post_with_a_mention_is_found_where_the_server_shows_no_source(tmp_path: Path) -> None:
    """Its HTML has the mention without the host; to take it for another post would be to post it twice."""
    intent = an_intent(a_profile("fire", "mastodon"), "Boil water, says @water@town.example today.")
    shown = '<p>Boil water, says <a href="https://town.example/@water">@<span>water</span></a> today.</p>'
    row = {"id": "7", "url": "https://x.example/7", "content": shown, "created_at": intent.author_time.isoformat()}

    async def listed(request: web.Request) -> web.StreamResponse:
        return web.json_response([] if "max_id" in request.query else [row | {"in_reply_to_id": None}])

    handlers: dict[str, Handler] = {
        "GET /api/v1/accounts/verify_credentials": own,
        "GET /api/v1/accounts/1/statuses": listed,
    }
    async with a_server(tmp_path, handlers) as connector:
        assert isinstance(await connector.reconcile(intent), Posted)


@pytest.mark.parametrize("words", ["Validation failed: Duplicate status", "Text has already been taken"])
@pytest.mark.parametrize("status", [400, 403, 422])
async def test_what_the_server_says_to_have_already_is_looked_for(tmp_path: Path, status: int, words: str) -> None:
    """It may be this very message, whose answer was lost: it has not failed."""

    async def refused(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": words}, status=status)

    handlers: dict[str, Handler] = {"GET /api/v1/accounts/verify_credentials": own, "POST /api/v1/statuses": refused}
    async with a_server(tmp_path, handlers) as connector:
        result = await connector.publish(an_intent(a_profile("fire", "mastodon")), store)
    assert isinstance(result, Unknown)
    assert words in result.reason


async def test_a_server_that_hangs_over_its_own_limits_delays_a_post_by_less_than_a_second(tmp_path: Path) -> None:
    """Sixteen profiles ask at once, and none waits for another's asking."""

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.json_response({})

    async def made(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": "7", "url": "https://x.example/7"})

    handlers: dict[str, Handler] = {
        "GET /api/v1/accounts/verify_credentials": own,
        "GET /api/v2/instance": hang,
        "POST /api/v1/statuses": made,
    }
    profile = a_profile("fire", "mastodon")
    async with a_server(tmp_path, handlers) as connector, Stopwatch() as watch:
        intents = [an_intent(profile, request_id=f"r{number}", timeout=60.0) for number in range(16)]
        results = await asyncio.gather(*(connector.publish(intent, store) for intent in intents))
        assert all(isinstance(result, Posted) for result in results)
    assert watch.seconds < 10.0, "it is made to wait for a second, and never for the server's thirty"


async def test_a_thread_goes_on_behind_31_posts_of_others_on_the_profile(mastodon: MastodonHarness) -> None:
    """Staff posted since its beginning: what is there is found all the same, and the rest follows, each part once."""
    parts = ("Leave Silverdale now. (1/3)", "Take medication. (2/3)", "Reception: Leisure Centre. (3/3)")
    intent = an_intent(mastodon.profile("fire"), *parts)
    await mastodon.misbehave("slow")
    await mastodon.misbehave("rate_limit", seconds=3)
    assert isinstance(await mastodon.connector.publish(intent, store), Retryable)
    for number in range(31):
        other = an_intent(intent.profile, f"News {number}.", request_id=f"r{number}")
        await published(mastodon.connector, other)
    fresh = mastodon.restart()
    await published(fresh, replace(intent, repeat=True))
    await fresh.close()
    stands = {one["id"]: one for one in await mastodon.statuses(intent.profile)}
    assert len(stands) == 31 + len(parts)
    chain = [one for one in stands.values() if one["in_reply_to_id"] is not None]
    assert len(chain) == len(parts) - 1
    assert chain[0]["in_reply_to_id"] == chain[1]["id"]


@pytest.mark.parametrize(
    ("scopes", "ok", "said"),
    [
        (["read", "write"], True, ""),
        (
            ["read:accounts", "read:statuses", "read:search", "write:statuses", "write:media"],
            True,
            "read:notifications",
        ),
        (["read", "write:statuses"], False, "lacks the scopes write:media"),
        (["profile"], False, "lacks the scopes read:accounts, read:statuses, write:statuses, write:media"),
        ([], True, ""),
        (None, True, ""),
        ("read", True, ""),
    ],
    ids=str,
)
async def test_a_check_says_which_scopes_are_missing(tmp_path: Path, scopes: Any, ok: bool, said: str) -> None:
    """Before a post fails for it; a server that does not say is believed to let it through."""

    async def application(request: web.Request) -> web.StreamResponse:
        return web.json_response({"name": "OneVoice", "scopes": scopes})

    handlers: dict[str, Handler] = {"GET /api/v1/accounts/verify_credentials": own}
    async with a_server(tmp_path, handlers | {"GET /api/v1/apps/verify_credentials": application}) as connector:
        health = await connector.check(a_profile("fire", "mastodon"))
    assert health.ok is ok, health
    assert said in health.detail
    assert bool(said) == ("scopes" in health.detail or "without" in health.detail)
