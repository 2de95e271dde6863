"""Servers that speak Mastodon's API and are not as Mastodon is, played by the townsquare over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.platforms import LIMITS, counted_length
from services.fanout.connectors.contract import Cause, Permanent, Posted, ReadsBack, Retryable
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from services.kernel.base.settings.city_platforms import ServerLimits
from services.townsquare.manners import count
from tests.integration.connectors.harnesses import MastodonHarness, an_intent, published, store

Opens = Callable[..., Awaitable[MastodonHarness]]
MARKED = "5*3*2 = 30 sandbags. _Bring_ a shovel.\n- gloves\n- boots"


@pytest.fixture
async def opens(tmp_path: Path) -> AsyncIterator[Opens]:
    """Start townsquares that have manners of their own."""
    made: list[MastodonHarness] = []

    async def start(**manners: Any) -> MastodonHarness:
        made.append(await MastodonHarness.open(tmp_path / str(len(made)), **manners))
        return made[-1]

    yield start
    for one in made:
        await one.close()


async def test_a_server_that_shows_marks_otherwise_is_told(opens: Opens) -> None:
    """In the receipt's note, and by each look afterwards; one that obeys the plain text that is asked for shows all."""
    for markup, differs in (("always", True), ("unless-plain", False), ("never", False)):
        square = await opens(markup=markup)
        intent = an_intent(square.profile("fire"), MARKED)
        posted = await published(square.connector, intent)
        assert ("shows the text otherwise" in posted.note) is differs
        [status] = await square.statuses(intent.profile)
        assert ("<em>" in status["content"]) is differs
        assert isinstance(square.connector, ReadsBack)
        found = await square.connector.read_back(intent, posted.remote_id)
        assert isinstance(found, Posted) is not differs


async def test_a_server_without_keys_gets_each_part_once(opens: Opens) -> None:
    """Although it shows the text otherwise than it was sent."""
    square = await opens(keys=False, markup="always")
    intent = an_intent(square.profile("fire"), MARKED, "And *more* to come.")
    await published(square.connector, intent)
    await published(square.restart(), replace(intent, repeat=True))
    assert len(await square.statuses(intent.profile)) == 2


async def test_a_check_says_that_a_server_takes_less_than_messages_are_made_for(opens: Opens) -> None:
    """With the lines for city.toml; where they are there, it says nothing."""
    square = await opens(characters=300, count="code-points")
    fire = square.profile("fire")
    health = await square.connector.check(fire)
    assert health.ok
    server = fire.account.rpartition("@")[2]
    assert f'[mastodon.limits."{server}"] characters = 300, code_points = true' in health.detail
    assert health.takes == ServerLimits(characters=300, code_points=True)
    known = square.city.settings
    section = known.mastodon.model_copy(update={"limits": {server: ServerLimits(characters=300, code_points=True)}})
    said = connectors(City(square.city.folder, known.model_copy(update={"mastodon": section})), "https://a.example")
    square.others += said.values()
    there = await said["mastodon"].check(fire)
    assert ("mastodon.limits" in there.detail, there.takes) == (False, None)
    usual = await opens()
    assert "mastodon.limits" not in (await usual.connector.check(usual.profile("fire"))).detail


async def test_more_than_the_server_takes_is_refused_in_its_words(opens: Opens) -> None:
    """Before anything is sent where its own number says so; by the server where it counts otherwise."""
    square = await opens(characters=300, count="code-points")
    long = "https://mission.example/" + "a" * 280
    cases = (("a" * 300, True), ("a" * 301, False), ("e\u0301" * 200, False), (long, False))
    for number, (text, fits) in enumerate(cases):
        intent = an_intent(square.profile("fire"), text, request_id=f"r{number}")
        result = await square.connector.publish(intent, store)
        assert isinstance(result, Posted if fits else Permanent), (text, result)


async def test_a_used_up_quota_is_waited_for(opens: Opens) -> None:
    """For as long as the server says by its own clock, five minutes at most."""
    square = await opens(quota=2)
    fire = square.profile("fire")
    for number in range(3):
        result = await square.connector.publish(an_intent(fire, f"Number {number}.", request_id=f"r{number}"), store)
        assert isinstance(result, Posted if number < 2 else Retryable)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.LIMIT
    assert result.after is not None
    assert 290 < result.after <= 300
    await published(square.connector, an_intent(square.profile("water")))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 20,
        "見https://mission.example/flood 。",
        "https://mission.example and http://villé.ca/a?b=(c)",
        "क्षत्रिय नमस्ते",
        "\U0001f1e8\U0001f1e6 \U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301",
        "@fire@mission.example, boil water.",
    ],
)
def test_what_fits_by_our_count_fits_by_the_servers(text: str) -> None:
    """The two are counted by code that has nothing in common."""
    limits = LIMITS["mastodon"]
    assert count(text, "graphemes") <= counted_length(text, limits)
    assert count(text, "code-points") <= counted_length(text, replace(limits, code_points=True))
