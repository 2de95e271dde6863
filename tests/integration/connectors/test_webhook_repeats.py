"""A receiver of events that refuses what it has already: the answer to the first sending was lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from services.fanout.connectors.contract import Permanent, Posted, PublishResult, Unknown
from services.fanout.connectors.webhook.connector import WebhookConnector
from services.kernel.base.network.web import serve
from tests.integration.connectors.rigs import a_profile, an_intent, store
from tests.support.emulators.hooks import SECRET


async def answered(folder: Path, status: int, words: str) -> PublishResult:
    async def receive(_request: web.Request) -> web.Response:
        return web.json_response({"error": words}, status=status)

    app = web.Application()
    app.router.add_post("/in", receive)
    receiver = await serve(app, "127.0.0.1", 0, "the receiver")
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    connector = WebhookConnector(
        lambda _: f"{receiver.url}/in", lambda _: secret, source="https://mission.example", realm="live"
    )
    try:
        return await connector.publish(an_intent(a_profile("fire", "webhook")), store)
    finally:
        await connector.close()
        await receiver.stop()


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_what_the_receiver_has_already_is_delivered(tmp_path: Path, status: int) -> None:
    """It was failed for good, and the event was there."""
    for words in ("duplicate event id", "this event was already received"):
        result = await answered(tmp_path, status, words)
        assert isinstance(result, Posted)
        assert "has the event already" in result.note


@pytest.mark.parametrize(("status", "kind"), [(400, Permanent), (422, Permanent), (409, Unknown)])
async def test_another_refusal_is_none_of_it(tmp_path: Path, status: int, kind: type) -> None:
    assert isinstance(await answered(tmp_path, status, "the text is too long"), kind)
