"""What comes after a message on platforms where the message's post was deleted by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector, Intent, Posted, PublishResult, Retracted, Retryable
from services.fanout.following.answering import STANDS_ALONE, AnswersEarlier
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import MastodonHarness, an_intent, published, store
from tests.integration.connectors.send_only_harnesses import SendOnlyHarness

CORRECTION = "Correction: to 5 pm."


@pytest.fixture(params=["mastodon", "x", "threads"])
async def shown(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MastodonHarness | EmulatedHarness]:
    """Each platform where what comes after a message answers its post, and where posts can be looked at."""
    kind = request.param
    made = await (MastodonHarness.open(tmp_path) if kind == "mastodon" else EmulatedHarness.open(kind, tmp_path))
    yield made
    await made.close()


@pytest.fixture
async def telegram(tmp_path: Path) -> AsyncIterator[SendOnlyHarness]:
    made = await SendOnlyHarness("telegram", tmp_path).open()
    yield made
    await made.close()


async def called_twice(way: AnswersEarlier, correction: Intent) -> PublishResult:
    """What comes of it: a second call is made where the first one found that what it answers is gone."""
    first = await way.publish(correction, store)
    return await way.publish(correction, store) if isinstance(first, Retryable) else first


async def corrected(connector: Connector, fire: Profile) -> tuple[Intent, Intent, Posted]:
    """A message, its correction, and what the platform made of that when the message had been deleted."""
    earlier = an_intent(fire, "Closed to 4 pm.")
    stood = await published(connector, earlier)
    assert await connector.retract(earlier, stood.remote_id) == Retracted()
    correction = replace(an_intent(fire, CORRECTION, request_id="rnew"), follows=stood.remote_id)
    made = await called_twice(AnswersEarlier(connector, earlier), correction)
    assert isinstance(made, Posted), made
    assert made.note == STANDS_ALONE
    return earlier, correction, made


@pytest.mark.parametrize("again", ["reconcile", "publish"])
async def test_a_correction_stands_for_itself_once(shown: MastodonHarness | EmulatedHarness, again: str) -> None:
    """Also when its answer was lost: the next call, of another process, finds it."""
    fire = shown.profile("fire")
    earlier, correction, made = await corrected(shown.connector, fire)
    assert [one.text for one in await shown.stands(fire)] == [CORRECTION]
    fresh, repeat = AnswersEarlier(shown.restart(), earlier), replace(correction, repeat=True)
    found = await (fresh.reconcile(repeat) if again == "reconcile" else called_twice(fresh, repeat))
    assert isinstance(found, Posted), found
    assert (found.url, found.remote_id) == (made.url, made.remote_id)
    # Mastodon answers a repeated key with the post that it made of it, which answers nothing.
    assert found.note in (STANDS_ALONE, "it does not stand in its thread")
    assert len(await shown.stands(fire)) == 1


async def test_telegram_says_itself_what_is_gone(telegram: SendOnlyHarness) -> None:
    """It shows no post to a bot; so its own refusal counts."""
    await corrected(telegram.connector, telegram.profile("fire"))
    assert [(one.text, one.under) for one in telegram.emulator.of("@fire")] == [(CORRECTION, "")]
