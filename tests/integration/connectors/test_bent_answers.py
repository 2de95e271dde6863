"""What a connector makes of an answer that is bent in one place: a result in time, and never a wrong certainty."""

from __future__ import annotations

import asyncio
import inspect
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.fanout.connectors.contract import (
    Absent,
    Connector,
    Intent,
    Permanent,
    Posted,
    ReadsBack,
    Retracted,
    Retryable,
)
from services.fanout.connectors.inquiry import BringsInquiries
from services.fanout.connectors.listing import ListsPosts
from tests.integration.connectors.asking import answer_to, asked, forget, words_under
from tests.integration.connectors.bent import Bent
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import GROWING, an_intent, published, store
from tests.support.emulators.bending import ways_to_bend

TRIALS = 40
"""So many of the ways to bend are tried of each kind of call; which, a fixed seed says."""
SINCE = timedelta(minutes=5)
BOUND = 10.0
TEXTS = ("text", "message", "caption", "commentary", "content")

Look = Callable[[Connector, Intent, Posted], Awaitable[Any]]


async def stands(harness: Bent, intent: Intent) -> int:
    found = harness.stands(intent.profile)
    found = await found if inspect.isawaitable(found) else found
    return sum(intent.content.parts[0] in one.text for one in found)


def a_message(harness: Bent, number: int) -> Intent:
    return an_intent(
        harness.profile("fire"), f"Boil water, says {number}.", request_id=f"r{number:012d}", timeout=BOUND
    )


async def bounded(call: Awaitable[Any]) -> Any:
    """Have it end within its own time, and a little for a busy machine."""
    async with asyncio.timeout(BOUND * GROWING[1]):
        return await call


def sample(bent: Bent, call: str) -> list[tuple[int, str, Any]]:
    """Return some ways to bend the answers that were given since it began: which, what, and how."""
    ways = [(number, *way) for number, answer in enumerate(bent.bends.answers) for way in ways_to_bend(answer)]
    chance = random.Random(f"{call} {bent.profile('fire').platform}")
    return chance.sample(ways, min(getattr(bent, "trials", TRIALS), len(ways)))


def is_sound(result: Any) -> bool:
    """Say whether a receipt can be made of it: a wait that is one."""
    after = getattr(result, "after", None)
    return after is None or (isinstance(after, int | float) and math.isfinite(after) and after >= 0)


async def test_what_stands_is_never_called_refused(bent: Bent) -> None:
    """The platform has done the call: what stands is said to stand, or to be in doubt, and is there once in the end."""
    bends, looks = bent.bends, getattr(bent, "repeats", True)
    bends.begin()
    assert isinstance(await bent.restart().publish(a_message(bent, 0), store), Posted)
    for number, (which, what, bend) in enumerate(sample(bent, "publish"), 1):
        intent = a_message(bent, number)
        bends.begin((which, bend))
        result = await bounded(bent.restart().publish(intent, store))
        bends.begin()
        count = await stands(bent, intent)
        assert is_sound(result), what
        if isinstance(result, Permanent | Retryable) and result.begun is None:
            assert count == 0, (what, result)
        if isinstance(result, Posted):
            assert count == 1, (what, result)
        if looks and count:
            again = await bent.restart().publish(replace(intent, repeat=True), store)
            assert (isinstance(again, Posted), await stands(bent, intent)) == (True, 1), (what, again)


async def _reconciled(connector: Connector, intent: Intent, posted: Posted) -> Any:
    return await connector.reconcile(replace(intent, repeat=True))


async def _read_back(connector: Connector, intent: Intent, posted: Posted) -> Any:
    return await connector.read_back(intent, posted.remote_id) if isinstance(connector, ReadsBack) else None


async def _retracted(connector: Connector, intent: Intent, posted: Posted) -> Any:
    return await connector.retract(intent, posted.remote_id)


async def _checked(connector: Connector, intent: Intent, posted: Posted) -> Any:
    return await connector.check(intent.profile)


async def _asked(connector: Connector, intent: Intent, posted: Posted) -> Any:
    since = datetime.now(UTC) - SINCE
    return await connector.inquiries(intent.profile, since) if isinstance(connector, BringsInquiries) else None


async def _listed(connector: Connector, intent: Intent, posted: Posted) -> Any:
    since = datetime.now(UTC) - SINCE
    return await connector.posts_of(intent.profile, since) if isinstance(connector, ListsPosts) else None


@pytest.mark.parametrize("look", [_reconciled, _read_back, _retracted, _checked, _asked, _listed])
async def test_a_look_at_what_cannot_be_read_ends_with_a_value(bent: Bent, look: Look) -> None:
    """In time; and what stands is not called absent for a value of a wrong kind, nor deleted while it stands."""
    bends = bent.bends
    intent = a_message(bent, 0)
    posted = await bent.restart().publish(intent, store)
    assert isinstance(posted, Posted)
    bends.begin()
    await look(bent.restart(), intent, posted)
    for number, (which, what, bend) in enumerate(sample(bent, look.__name__), 1):
        if look is _retracted:
            intent = a_message(bent, number)
            bends.begin()
            posted = await bent.restart().publish(intent, store)
            assert isinstance(posted, Posted)
        bends.begin((which, bend))
        result = await bounded(look(bent.restart(), intent, posted))
        assert is_sound(result), what
        bends.begin()
        if isinstance(result, Retracted):
            assert await stands(bent, intent) == 0, what
        if isinstance(result, Absent) and result.begun is None:
            assert _is_of_another(what), what


def _is_of_another(what: str) -> bool:
    """Say whether an answer, bent so, is a good one in which the post is not there, or is another's."""
    place, _, value = what.partition(" is ")
    if what.endswith("message is {'': None}"):  # a comment that is a picture
        return True
    # A text that is none is not another's text.
    other = () if place.endswith(TEXTS) else ("-1", "0", "[]")
    return value in ("gone", "None", *other) or value.startswith("'")


async def _published(connector: Connector, intent: Intent, posted: Posted) -> Any:
    return await connector.publish(replace(intent, repeat=True), store)


@pytest.mark.parametrize("look", [_published, _reconciled, _read_back, _retracted])
@pytest.mark.parametrize("emulated", ["facebook", "linkedin", "threads", "instagram"], indirect=True)
async def test_an_answer_to_somebody_is_not_called_absent_for_a_value_of_a_wrong_kind(
    emulated: EmulatedHarness, look: Look
) -> None:
    """Nor written a second time, nor said to be deleted while it stands."""
    ways: list[tuple[int, str, Any]] = [(0, "", None)]
    for number in range(TRIALS):
        question = await asked(emulated, text=f"May I drink it, says {number}?")
        intent = replace(answer_to(emulated, question.url), call_timeout=BOUND, idempotency_key=f"key-{number}")
        posted = await published(emulated.restart(), intent)
        forget(emulated)
        which, what, bend = ways[number % len(ways)]
        emulated.bends.begin((which, bend) if bend else None)
        result = await bounded(look(emulated.restart(), intent, posted))
        count = len(words_under(emulated, question.id))
        assert is_sound(result), what
        if isinstance(result, Retracted):
            assert count == 0, what
        elif count > 1 or isinstance(result, Absent):
            assert _is_of_another(what), (what, result)
        ways = ways if bend else [(0, "", None), *sample(emulated, f"answer {look.__name__}")]
        emulated.bends.begin()
