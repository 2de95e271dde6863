"""The connector before any server that speaks Mastodon's API: one that is named, else the townsquare.

``ONEVOICE_TEST_MASTODON_URL`` and ``ONEVOICE_TEST_MASTODON_TOKEN`` name it and an account that is for tests: what is
posted there is deleted again, but for what a failing test leaves.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from schemas.events.authority import Profile
from schemas.platforms import LIMITS
from services.fanout.connectors.contract import Absent, Connector, Intent, Permanent, Posted, ReadsBack, Retracted
from services.fanout.connectors.mastodon.connector import MastodonConnector
from services.kernel.base.network import web
from services.townsquare.accounts import make_accounts
from services.townsquare.server import Townsquare
from tests.integration.connectors.harnesses import PICTURE, a_city, a_profile, an_intent, store

URL, TOKEN = (os.environ.get(f"ONEVOICE_TEST_MASTODON_{name}", "") for name in ("URL", "TOKEN"))
SHOWN_TIMES = 40
"""How often a server is asked, twice a second, whether it shows any more what was deleted."""


@dataclass
class Server:
    """A server, an account on it, and connectors to it."""

    url: str
    token: str
    path: Path
    profile: Profile
    made: list[Connector]

    def connector(self) -> MastodonConnector:
        """Return a fresh connector that remembers nothing of this process."""
        one = MastodonConnector(lambda _: self.url, lambda _: self.path, language="en")
        self.made.append(one)
        return one

    async def get(self, path: str) -> tuple[int, Any]:
        """Ask the server with other code than the connector's."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(self.url + path) as answer:
            return answer.status, await answer.json(content_type=None)

    async def text_of(self, status: str) -> str | None:
        """Return what people read, None where there is nothing any more."""
        code, body = await self.get(f"/api/v1/statuses/{status}")
        if code != 200:
            return None
        plain = body["content"].replace("</p><p>", "\n\n").replace("<br>", "\n").replace("<br />", "\n")
        return unescape(re.sub(r"<[^>]+>", "", plain))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    if URL and not TOKEN:
        pytest.fail("ONEVOICE_TEST_MASTODON_TOKEN is not set")
    running, url, token = None, URL.rstrip("/"), TOKEN
    if not URL:
        token = make_accounts(tmp_path, [("fire", "City of Mission: fire", "A note.")])["fire"]
        running = await web.serve(Townsquare.of(a_city(tmp_path)).app(), "127.0.0.1", 0, "the townsquare")
        url = running.url
    path = tmp_path / "fire.token"
    path.touch(mode=0o600)
    path.write_text(token)
    found = Server(url, token, path, a_profile("fire", "mastodon"), [])
    code, me = await found.get("/api/v1/accounts/verify_credentials")
    assert code == 200, me
    found.profile = found.profile.model_copy(update={"account": f"{me['username']}@server"})
    yield found
    for one in found.made:
        await one.close()
    if running is not None:
        await running.stop()


def fresh(server: Server, *texts: str, **more: Any) -> Intent:
    """Return a message that nobody has posted before."""
    mark = secrets.token_hex(6)
    parts = [f"{text} [{mark}]" for text in texts]
    return an_intent(server.profile, *parts, request_id=f"r{mark}", **more)


async def test_the_whole_life_of_a_post(server: Server) -> None:
    """Absent, posted once by ten calls, its exact text, found by a fresh process, read back, deleted, gone."""
    intent = fresh(server, 'EXERCISE: boil water <now> & "please".\n\nhttps://mission.example/water?a=1&b=2')
    assert await server.connector().reconcile(intent) == Absent()
    connector = server.connector()
    results = await asyncio.gather(*(connector.publish(intent, store) for _ in range(10)))
    posted = next(one for one in results if isinstance(one, Posted))
    assert set(results) == {posted}
    shown = await server.text_of(posted.remote_id)
    assert shown is not None
    assert 'boil water <now> & "please".' in shown
    again = await server.connector().publish(replace(intent, repeat=True), store)
    assert (type(again), getattr(again, "remote_id", "")) == (Posted, posted.remote_id)
    other = server.connector()
    found = await other.reconcile(intent)
    assert (type(found), getattr(found, "remote_id", "")) == (Posted, posted.remote_id)
    assert isinstance(other, ReadsBack)
    back = await other.read_back(intent, posted.remote_id)
    assert isinstance(back, Posted), back
    assert await other.retract(intent, posted.remote_id) == Retracted()
    await _gone(server, posted.remote_id)
    assert await other.retract(intent, posted.remote_id) == Retracted()
    assert await other.read_back(intent, posted.remote_id) == Absent()


async def test_a_picture_keeps_its_description(server: Server) -> None:
    intent = fresh(server, "EXERCISE: the map.", pictures=(PICTURE,))
    connector = server.connector()
    posted = await connector.publish(intent, store)
    assert isinstance(posted, Posted), posted
    assert posted.note == ""
    _, body = await server.get(f"/api/v1/statuses/{posted.remote_id}")
    assert [one["description"] for one in body["media_attachments"]] == [PICTURE.alt]
    assert isinstance(await connector.read_back(intent, posted.remote_id), Posted)
    assert await connector.retract(intent, posted.remote_id) == Retracted()


async def test_a_thread_hangs_together(server: Server) -> None:
    intent = fresh(server, "EXERCISE: one (1/3)", "Two (2/3)", "Three (3/3)")
    connector = server.connector()
    posted = await connector.publish(intent, store)
    assert isinstance(posted, Posted), posted
    ids = posted.remote_id.split(",")
    above = [(await server.get(f"/api/v1/statuses/{one}"))[1]["in_reply_to_id"] for one in ids]
    assert above == [None, *ids[:2]]
    assert await connector.retract(intent, posted.remote_id) == Retracted()
    for one in ids:
        await _gone(server, one)


async def test_one_character_more_than_it_takes_is_refused_before_it_is_sent(server: Server) -> None:
    """By the server's own limit, where that is smaller than what rendering counts with."""
    most = LIMITS["mastodon"].characters
    intent = an_intent(server.profile, "A" * (most + 1), request_id=f"r{secrets.token_hex(6)}")
    assert isinstance(await server.connector().publish(intent, store), Permanent)


async def test_its_check_says_whose_account_it_is(server: Server) -> None:
    health = await server.connector().check(server.profile)
    assert health.ok, health
    other = server.profile.model_copy(update={"account": "somebody-else@server"})
    assert not (await server.connector().check(other)).ok


async def _gone(server: Server, status: str) -> None:
    for _ in range(SHOWN_TIMES):
        if await server.text_of(status) is None:
            return
        await asyncio.sleep(0.5)
    pytest.fail("what was deleted is still shown")
