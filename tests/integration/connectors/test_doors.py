"""What a platform says when it is asked whose a credential is: held until it is mended, and no message's end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.fanout.connectors.contract import Cause, Permanent, Retryable
from tests.integration.connectors.harnesses import an_intent, store
from tests.integration.connectors.small_servers import DOORS, says, serving, the_profile

_NOT_ENROLLED = {
    "title": "Client Forbidden",
    "detail": "You must use keys and tokens from a developer App that is attached to a Project.",
    "reason": "client-not-enrolled",
    "type": "https://api.twitter.com/2/problems/client-forbidden",
}
_SUBSET = {"errors": [{"code": 453, "message": "You currently have access to a subset of X API V2 endpoints only."}]}
_NO_ROUTE = {"title": "Not Found", "detail": "Not Found", "type": "about:blank", "status": 404}


@pytest.mark.parametrize(
    ("platform", "status", "body"),
    [
        ("mastodon", 404, {"error": "Not Found"}),
        ("mastodon", 406, {"error": "Not Acceptable"}),
        ("mastodon", 410, {"error": "Gone"}),
        ("mastodon", 422, {"error": "Unprocessable"}),
        ("mastodon", 503, {"error": "Service Unavailable"}),
        ("x", 403, _NOT_ENROLLED),
        ("x", 403, _SUBSET),
        ("x", 404, _NO_ROUTE),
        ("x", 503, {"title": "Service Unavailable"}),
    ],
)
async def test_what_is_no_messages_fault_ends_none(tmp_path: Path, platform: str, status: int, body: Any) -> None:
    """An address that is the site's and not the API's, an application without access: held until it is mended."""
    (door,) = DOORS[platform]
    async with serving(platform, tmp_path, {door: says(body, status)}) as connector:
        result = await connector.publish(an_intent(the_profile(platform)), store)
        health = await connector.check(the_profile(platform))
    assert isinstance(result, Retryable)
    assert result.cause is health.cause
    assert result.cause in ((Cause.HOST,) if status == 503 else (Cause.OWN, Cause.CREDENTIAL))


@pytest.mark.parametrize("platform", ["mastodon", "x"])
async def test_an_account_that_is_suspended_posts_no_more(tmp_path: Path, platform: str) -> None:
    (door,) = DOORS[platform]
    refused = says({"error": "Forbidden", "detail": "Your account is suspended."}, 403)
    async with serving(platform, tmp_path, {door: refused}) as connector:
        result = await connector.publish(an_intent(the_profile(platform)), store)
    assert isinstance(result, Permanent)
