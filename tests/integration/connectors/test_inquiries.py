"""What people ask, as each platform that shows it tells: mentions and answers in public, none of the city's words."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web as http

from schemas.events.authority import Profile
from services.fanout.connectors.bluesky.connector import BlueskyConnector
from services.fanout.connectors.contract import CannotTell, Cause
from services.fanout.connectors.facebook.connector import FacebookConnector
from services.fanout.connectors.registry import connectors
from services.kernel.base.network import web
from services.kernel.base.network.web import Running
from services.townsquare import make_accounts
from services.townsquare.posts import PostDraft
from services.townsquare.server import Townsquare
from tests.integration.connectors.harnesses import a_city, a_profile, an_intent, published
from tests.support.emulators.facebook import FacebookEmulator, token_of

BEGAN = datetime.now(UTC) - timedelta(minutes=5)


# --- Mastodon: a real townsquare ----------------------------------------------------------------------------------


@pytest.fixture
async def square(tmp_path: Path) -> AsyncIterator[tuple[Townsquare, Running, Any]]:
    city = a_city(tmp_path)
    for name, secret in make_accounts(city.folder, [(one, one, "") for one in ("fire", "water")]).items():
        path = city.token_path(f"{name}-mastodon")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secret)
    inside = Townsquare.of(city)
    running = await web.serve(inside.app(), "127.0.0.1", 0, "the townsquare")
    port = int(running.url.rsplit(":", 1)[1].rstrip("/"))
    connector = connectors(a_city(tmp_path, townsquare_port=port), "https://mission.example")["mastodon"]
    yield inside, running, connector
    await connector.close()
    await running.stop()


async def test_mastodon_tells_mentions_and_answers(square: tuple[Townsquare, Running, Any]) -> None:
    inside, running, connector = square
    fire, here = a_profile("fire", "mastodon"), running.url.split("/")[2]
    posted = await published(connector, an_intent(fire, "Boil water. @fire"))
    named = await inside.posts.create("water", PostDraft("@fire may I drink it? @firehouse"), None)
    answer = await inside.posts.create("water", PostDraft("And now?", in_reply_to=posted.remote_id), None)
    full = await inside.posts.create("water", PostDraft(f"Is it safe, @Fire@{here}?"), None)
    short = await inside.posts.create("water", PostDraft(f"@fire@{here.split(':')[0]}: how long?"), None)
    await inside.posts.create("water", PostDraft("@firehouse is another one"), None)
    await inside.posts.create("water", PostDraft("@fire@other.example and water@fire are others, too"), None)
    await inside.posts.create("water", PostDraft(f"@fire@{here}0 and @fire@{here.split(':')[0]}.example, too"), None)
    await inside.posts.create("water", PostDraft("@fire in private", visibility="direct"), None)
    found = await connector.inquiries(fire, BEGAN)
    assert {(one.id, one.author, one.under) for one in found} == {
        (named.id, "water", ""),
        (full.id, "water", ""),
        (short.id, "water", ""),
        (answer.id, "water", posted.remote_id),
    }
    assert all(one.url for one in found)
    assert await connector.inquiries(fire, datetime.now(UTC) + timedelta(minutes=1)) == []
    assert await connector.inquiries(a_profile("water", "mastodon"), BEGAN) == []


# --- Facebook: an emulator ----------------------------------------------------------------------------------------


async def test_facebook_tells_comments_under_the_newest_posts(tmp_path: Path) -> None:
    emulator = FacebookEmulator()
    await emulator.start()
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(token_of("1001"))
    connector = FacebookConnector(emulator.url, "v24.0", lambda _: token, site="https://www.facebook.com")
    page = Profile(id="fire-facebook", department="fire", platform="facebook", account="1001")
    try:
        posted = await published(connector, an_intent(page, "Boil water."))
        asked = emulator.ask("Jo", "For how long?", posted.remote_id)
        emulator.ask("1001", "Until Friday.", posted.remote_id)
        hidden = emulator.ask("", "Really?", posted.remote_id)
        found = await connector.inquiries(page, BEGAN)
        assert not isinstance(found, CannotTell)
        assert [(one.id, one.author, one.text, one.under) for one in found] == [
            (asked, "Jo", "For how long?", posted.remote_id),
            (hidden, "?", "Really?", posted.remote_id),
        ]
        emulator.misbehave("error", on="read", code="rights", calls=9)
        said = await connector.inquiries(page, BEGAN)
        assert isinstance(said, CannotTell)
    finally:
        await connector.close()
        await emulator.stop()


# --- Bluesky: a server that passes on what its AppView says -------------------------------------------------------

ME, JO = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"


def token() -> str:
    life = {"iat": time.time(), "exp": time.time() + 7_200}
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({}, life, {}))


def told(key: str, reason: str, text: str, at: datetime, under: str = "") -> dict[str, Any]:
    reply = {"root": {"uri": under, "cid": "c"}, "parent": {"uri": under, "cid": "c"}}
    record = {"$type": "app.bsky.feed.post", "text": text} | ({"reply": reply} if under else {})
    uri = f"at://{JO}/app.bsky.feed.post/{key}"
    author = {"did": JO, "handle": "jo.example"}
    return {"uri": uri, "reason": reason, "record": record, "author": author, "indexedAt": at.isoformat()}


async def test_bluesky_tells_mentions_answers_and_quotes_page_by_page(tmp_path: Path) -> None:
    now, mine = datetime.now(UTC), f"at://{ME}/app.bsky.feed.post/3lbaaaaaaaaaa"
    pages = {
        "": {
            "notifications": [
                told("3lbbbbbbbbbb2", "mention", "@fire where to?", now),
                told("3lbbbbbbbbbb3", "like", "", now),
                told("3lbbbbbbbbbb4", "reply", "And the school?", now, mine),
            ],
            "cursor": "more",
        },
        "more": {"notifications": [told("3lbbbbbbbbbb5", "quote", "old", now - timedelta(hours=1))], "cursor": "end"},
    }
    answers: list[int] = []

    async def log_in(_: http.Request) -> http.Response:
        return http.json_response(
            {"did": ME, "handle": "fire.example", "accessJwt": token(), "refreshJwt": token(), "active": True}
        )

    async def notifications(request: http.Request) -> http.Response:
        if answers:
            return http.json_response({"error": "UpstreamFailure", "message": "No AppView"}, status=answers[0])
        return http.json_response(pages[request.query.get("cursor", "")])

    app = http.Application()
    app.router.add_post("/xrpc/com.atproto.server.createSession", log_in)
    app.router.add_get("/xrpc/app.bsky.notification.listNotifications", notifications)
    running = await web.serve(app, "127.0.0.1", 0, "a server")
    secret = tmp_path / "token"
    secret.touch(mode=0o600)
    secret.write_text("app-password")
    base = running.url.rstrip("/")
    connector = BlueskyConnector(lambda _: base, lambda _: secret, app="https://bsky.app")
    fire = Profile(id="fire-bluesky", department="fire", platform="bluesky", account="fire.example")
    try:
        found = await connector.inquiries(fire, BEGAN)
        assert not isinstance(found, CannotTell), found
        assert [(one.author, one.text, one.under) for one in found] == [
            ("jo.example", "@fire where to?", ""),
            ("jo.example", "And the school?", mine),
        ]
        assert found[0].url == f"https://bsky.app/profile/{JO}/post/3lbbbbbbbbbb2"
        answers.append(502)
        said = await connector.inquiries(fire, BEGAN)
        assert isinstance(said, CannotTell)
        assert said.cause is Cause.HOST
    finally:
        await connector.close()
        await running.stop()
