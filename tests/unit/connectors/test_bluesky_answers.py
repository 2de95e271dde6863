"""Which addresses lead to a post on Bluesky that can be answered, without a server."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from services.fanout.connectors.answers import NOT_OURS
from services.fanout.connectors.bluesky.answering import answered, answering
from services.fanout.connectors.bluesky.reading import Reader
from services.fanout.connectors.calls.http import Http
from services.fanout.connectors.contract import CannotTell, Intent, Permanent
from services.kernel.base.clock import SystemClock
from tests.integration.connectors.harnesses import a_profile, an_intent
from tests.support.broker import PATIENCE

APP = "https://bsky.app"
DID = "did:plc:abcdefghijklmnopqrstuvwx"
KEY = "3lbaaaaaaaaaa"
NOWHERE = "http://127.0.0.1:1"


async def led_to(intent: Intent) -> Intent | CannotTell | Permanent:
    http = Http(1)
    deadline = asyncio.get_running_loop().time() + PATIENCE
    found = await answering(Reader(http, SystemClock(), "en"), NOWHERE, APP, intent, deadline)
    await http.close()
    return found


def an_answer(address: str | None) -> Intent:
    return an_intent(a_profile("fire", "bluesky"), answers=address)


@pytest.mark.parametrize(
    "address",
    [
        f"{APP}/profile/{DID}/post/{KEY}",
        f"{APP}/profile/{DID}/post/{KEY}/?ref=share#top",
        f"https://BSKY.app/profile/did%3Aplc%3Aabcdefghijklmnopqrstuvwx/post/{KEY}",
    ],
)
async def test_an_address_of_the_application_names_a_record(address: str) -> None:
    found = await led_to(an_answer(address))
    assert isinstance(found, Intent)
    assert found.follows == f"at://{DID}/app.bsky.feed.post/{KEY}"


@pytest.mark.parametrize(
    "address",
    [
        f"https://elsewhere.example/profile/{DID}/post/{KEY}",
        f"https://a@bsky.app/profile/{DID}/post/{KEY}",
        f"{APP}/profile/{DID}/post/short",
        f"{APP}/profile/{DID}/post/{KEY}/liked-by",
        f"{APP}/profile/{DID}",
        f"{APP}/profile/..%2F{DID}/post/{KEY}",
        APP,
    ],
)
async def test_any_other_address_is_no_post(address: str) -> None:
    assert await led_to(an_answer(address)) == NOT_OURS


async def test_a_handle_that_cannot_be_looked_up_waits() -> None:
    assert isinstance(await led_to(an_answer(f"{APP}/profile/jo.example/post/{KEY}")), CannotTell)


async def test_what_answers_nothing_and_what_follows_are_left_as_they_are() -> None:
    plain = an_answer(None)
    assert await led_to(plain) is plain
    following = replace(an_answer(f"{APP}/profile/{DID}/post/{KEY}"), follows=f"at://{DID}/app.bsky.feed.post/{KEY}")
    assert await led_to(following) is following


async def test_an_answer_to_no_record_is_refused() -> None:
    http = Http(1)
    reader = Reader(http, SystemClock(), "en")
    for follows, wanted in (("", None), ("at://elsewhere/x/y", NOT_OURS)):
        assert await answered(reader, NOWHERE, replace(an_answer(None), follows=follows), 0.0) == wanted
    await http.close()
