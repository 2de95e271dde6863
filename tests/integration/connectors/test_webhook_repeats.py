"""A receiver of events that refuses what it has already: the answer to the first sending was lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from services.fanout.connectors.contract import Permanent, Posted, PublishResult, Unknown
from services.fanout.connectors.webhook.connector import WebhookConnector
from services.kernel.base.network.web import serve
from tests.integration.connectors.harnesses import a_profile, an_intent, store
from tests.support.emulators.hooks import SECRET


async def answered(folder: Path, status: int, words: str, *, repeat: bool = True) -> PublishResult:
    return await answered_with(folder, {"text": json.dumps({"error": words}), "status": status}, repeat=repeat)


async def answered_with(folder: Path, answer: dict[str, Any], *, repeat: bool = False) -> PublishResult:
    async def receive(_request: web.Request) -> web.Response:
        return web.Response(**{"content_type": "application/json"} | answer)

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
        return await connector.publish(replace(an_intent(a_profile("fire", "webhook")), repeat=repeat), store)
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


@pytest.mark.parametrize(("status", "kind"), [(400, Permanent), (422, Permanent), (409, Posted)])
async def test_what_is_sent_for_the_first_time_is_there_only_by_a_conflict(
    tmp_path: Path, status: int, kind: type
) -> None:
    """A duplicate field, say, is no event: it was told to be delivered, and never came."""
    assert isinstance(await answered(tmp_path, status, "duplicate header: X-Signature", repeat=False), kind)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (204, "", Posted),
        (200, "", Posted),
        (200, "OK", Posted),
        (201, '{"ok": true}', Posted),
        (200, "<!doctype html><p>Down for maintenance.", Unknown),
        (202, "\n<br />\n<b>Warning</b>: no such table", Unknown),
        (200, "<html>" + "x" * 1024 * 1024, Unknown),
    ],
)
async def test_a_success_is_one_whatever_kind_it_names(tmp_path: Path, status: int, text: str, kind: type) -> None:
    """PHP, Flask and Django call all that they answer HTML; a page of something before the receiver is no success."""
    answer = {"status": status, "text": text, "content_type": "text/html", "charset": "utf-8"}
    assert isinstance(await answered_with(tmp_path, answer), kind)
