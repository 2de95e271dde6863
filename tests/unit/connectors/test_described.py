"""Emulators hold both sides to the platforms' documents: what is not documented is refused, and noted."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.support.emulators import facebook, instagram, linkedin, meta, nextdoor, telegram, threads
from tests.support.emulators.base import Emulator
from tests.support.emulators.described import described
from tests.support.emulators.hooks import ReceiverEmulator, SlackEmulator, TeamsEmulator
from tests.support.emulators.x import XEmulator

EMULATORS: tuple[type[Emulator], ...] = (
    XEmulator,
    facebook.FacebookEmulator,
    linkedin.LinkedInEmulator,
    threads.ThreadsEmulator,
    instagram.InstagramEmulator,
    telegram.TelegramEmulator,
    nextdoor.NextdoorEmulator,
    SlackEmulator,
    TeamsEmulator,
    ReceiverEmulator,
)
THREADS = {"Authorization": f"Bearer {meta.token_of('1001')}"}


async def asked(
    emulator: Emulator, method: str, path: str, value: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Make one call of an emulator that runs for it; return the status and the words."""
    await emulator.start()
    try:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, emulator.url + path, json=value) as answer,
        ):
            return answer.status, await answer.text()
    finally:
        await emulator.stop()


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("/v1.0/1001/threads", {"media_type": "TEXT", "text": "Hi", "topic": "x"}, "topic"),
        ("/v1.0/1001/threads", {"media_type": "GIF", "text": "Hi"}, "media_type"),
        ("/v1.0/1001/threads?draft=1", {"media_type": "TEXT", "text": "Hi"}, "draft"),
        ("/v1.0/1001/threads_publish", {}, "creation_id"),
        ("/v1.0/1001/posts", {"text": "Hi"}, "no such call"),
    ],
)
async def test_what_is_not_documented_is_refused(path: str, value: Any, fault: str) -> None:
    """A field, a value, a query, a field that is missing, a path: 400, and it is noted."""
    emulator = threads.ThreadsEmulator()
    status, words = await asked(emulator, "POST", path, value, THREADS)
    assert status == 400
    assert fault in words
    assert len(emulator.undocumented) == 1
    with pytest.raises(AssertionError, match="asked POST"):
        emulator.only_documented()


async def test_what_is_documented_passes() -> None:
    """The same call without the field."""
    emulator = threads.ThreadsEmulator()
    status, words = await asked(emulator, "POST", "/v1.0/1001/threads", {"media_type": "TEXT", "text": "Hi"}, THREADS)
    assert (status, list(json.loads(words))) == (200, ["id"])
    emulator.only_documented()


class _Loose(threads.ThreadsEmulator):
    """An emulator that tells more than Threads does."""

    async def me(self, request: web.Request) -> web.Response:
        return web.json_response({"id": self._who(request), "mood": "calm"})


async def test_an_emulator_that_tells_more_than_the_platform_is_found_out() -> None:
    """So no connector can come to lean on it."""
    emulator = _Loose()
    status, _ = await asked(emulator, "GET", "/v1.0/me?fields=id", headers=THREADS)
    assert status == 200
    with pytest.raises(AssertionError, match=r"answered GET /v1\.0/me with 200"):
        emulator.only_documented()


POSTS: dict[str, str] = {
    "x": "/2/tweets",
    "facebook": "/v24.0/1001/feed",
    "linkedin": "/rest/posts",
    "threads": "/v1.0/1001/threads_publish",
    "instagram": "/v24.0/1001/media_publish",
    "telegram": "/bot1:a/sendMessage",
    "nextdoor": "/external/api/partner/v1/post/create/",
    "slack": "/services/T0/B0/fire",
    "teams": "/workflows/fire/triggers/manual/paths/invoke",
    "webhook": "/in/fire",
}


@pytest.mark.parametrize("kind", EMULATORS, ids=lambda kind: kind.document)
def test_each_error_has_the_documented_form(kind: type[Emulator]) -> None:
    """Every error that an emulator can be told to answer with is one that the platform's documents allow."""
    emulator = kind()
    document = described(kind.document)
    operation = document.of("POST", POSTS[kind.document])
    assert operation is not None
    errors: dict[str, Any] = vars(kind).get("errors", meta.MetaEmulator.errors)
    for code in [*errors, "rate_limit"]:
        answer = emulator.refuse(code, 5)
        responses = operation.said["responses"]
        said = responses.get(str(answer.status), responses.get("default"))
        raw = bytes(answer.body or b"")  # type: ignore[arg-type]
        if not said.get("content"):
            assert raw == b"", code
            continue
        schema = said["content"][answer.content_type]["schema"]
        value = json.loads(raw) if answer.content_type.endswith("json") else raw.decode()
        assert document.fault(schema, value) == "", code
