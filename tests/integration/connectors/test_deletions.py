"""What counts as a deletion: the platform's own word, and never a page of what is before its servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from services.fanout.connectors.contract import CannotTell, ReadsBack, Retracted, Retryable, Unknown
from tests.integration.connectors.harnesses import an_intent, store
from tests.integration.connectors.small_servers import DID, Handler, a_page, says, serving, the_profile

_URN = "urn:li:share:77"
_URI = f"at://{DID}/app.bsky.feed.post/3lbaaaaaaaaaa"
_RECORD = {"uri": _URI, "cid": "bafy", "value": {"text": "Boil water."}}
_STANDS: dict[str, Handler] = {"GET /xrpc/com.atproto.repo.getRecord": says(_RECORD)}
_GONE: dict[str, Handler] = {"GET /xrpc/com.atproto.repo.getRecord": says({"error": "RecordNotFound"}, 400)}
DELETIONS = {
    "mastodon": ("11", "DELETE /api/v1/statuses/11"),
    "x": ("11", "DELETE /2/tweets/11"),
    "x repost": ("repost:11", "DELETE /2/users/9/retweets/11"),
    "linkedin": (_URN, f"DELETE /rest/posts/{_URN}"),
    "linkedin comment": (f"{_URN}/8", f"DELETE /rest/socialActions/{_URN}/comments/8"),
    "bluesky": (_URI, "POST /xrpc/com.atproto.repo.deleteRecord"),
}
_COMMENT: dict[str, Handler] = {
    f"GET /rest/socialActions/{_URN}/comments/8": says({"id": "8", "actor": "urn:li:organization:1001"})
}


@pytest.mark.parametrize("status", [200, 202, 404, 410, 502])
@pytest.mark.parametrize("where", DELETIONS)
async def test_a_page_is_no_deletion(tmp_path: Path, where: str, status: int) -> None:
    """A maintenance page, an ingress without a route: the post stands, and a recall is not over."""
    platform, (remote_id, place) = where.partition(" ")[0], DELETIONS[where]
    handlers = {**_STANDS, **_COMMENT, place: a_page(status)}
    async with serving(platform, tmp_path, handlers) as connector:
        result = await connector.retract(an_intent(the_profile(platform)), remote_id)
    assert isinstance(result, Retryable | Unknown), result


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ("mastodon", says({"id": "11"})),
        ("mastodon", says({"id": 11})),
        ("mastodon", says({"error": "Record not found"}, 404)),
        ("mastodon", says({"error": "Gone"}, 410)),
        ("x repost", says({"title": "Not Found Error", "detail": "Could not find it.", "type": "about:blank"}, 404)),
        ("linkedin", says({"status": 404, "code": "RESOURCE_NOT_FOUND", "message": "Entity is not found"}, 404)),
        ("bluesky", says({"commit": {"cid": "bafy", "rev": "1"}})),
        ("bluesky", says({})),
        ("bluesky", says(None)),
    ],
)
async def test_what_the_platform_says_is_gone_is_deleted(tmp_path: Path, where: str, answer: Handler) -> None:
    """A repeat is told that there is nothing; Bluesky's server answers that without a commit, and is asked."""
    platform, (remote_id, place) = where.partition(" ")[0], DELETIONS[where]
    async with serving(platform, tmp_path, {**_GONE, place: answer}) as connector:
        assert await connector.retract(an_intent(the_profile(platform)), remote_id) == Retracted()


async def test_an_error_of_a_gateway_is_no_deletion(tmp_path: Path) -> None:
    place = DELETIONS["mastodon"][1]
    answer = says({"message": "no Route matched with those values"}, 404)
    async with serving("mastodon", tmp_path, {place: answer}) as connector:
        assert isinstance(await connector.retract(an_intent(the_profile("mastodon")), "11"), Retryable)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_page_says_nothing_of_a_post_either(tmp_path: Path, status: int) -> None:
    """Neither that it vanished, nor that what a message answers is not there."""
    here = []

    async def page(request: web.Request) -> web.StreamResponse:
        here.append(request.url.origin())
        return await a_page(status)(request)

    async with serving("mastodon", tmp_path, {"GET /api/v1/statuses/11": page}) as connector:
        intent = an_intent(the_profile("mastodon"))
        assert isinstance(connector, ReadsBack)
        assert isinstance(await connector.read_back(intent, "11"), CannotTell)
        answer = an_intent(the_profile("mastodon"), answers=f"{here[0]}/@jo/11")
        assert isinstance(await connector.publish(answer, store), Retryable)
