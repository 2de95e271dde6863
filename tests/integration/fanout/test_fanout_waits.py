"""What waits holds nobody up: rate limits, urgency, trouble of one profile, and a service that stops."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import pytest

from schemas.events.control import EocActivate, Hold, ProfileSuspend, Withdraw
from services.fanout.domain.limits import HostLimit, Rate, limit_of
from services.fanout.domain.retry import DeliveryPace
from tests.integration.fanout.fanout_city import SHORT_LEASE, FanoutCity, eventually, fanout, gatekeeper, later
from tests.support.emulators.folder import FolderPlatform
from tests.support.stopwatch import Stopwatch

FIRE, WATER, PARKS, WASTE = (f"{name}-townsquare" for name in ("fire", "water", "parks", "waste"))
Platforms = dict[str, FolderPlatform]
LONG = 280
"""Seconds for which a platform asks to wait: longer than any test waits for anything."""
IN_HAND = 23
"""Seconds that are waited for without letting go of the message (HOLD_SECONDS), chance included."""
URGENT: dict[str, Any] = {"severity": "extreme"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


def one_at_a_time(platform: str, host: str) -> HostLimit:
    """The platform's host takes one call at a time."""
    return HostLimit(at_once=1) if host == "townsquare" else limit_of(platform, host)


def one_an_hour(platform: str, host: str) -> HostLimit:
    """The platform's host takes one post, and one more an hour."""
    quota = Rate(1.0, 1 / 3_600.0, reserve=0.0)
    return HostLimit(at_once=8, host=quota) if host == "townsquare" else limit_of(platform, host)


async def limited(town: FanoutCity, platforms: Platforms, seconds: float = LONG, **changes: Any) -> Any:
    """A message to FIRE that the platform asks to wait so long with; a gatekeeper runs, and clears it."""
    platforms["mastodon"].behave(FIRE, f"rate_limit {seconds}")
    request = await town.request(FIRE, text="limited", **changes)
    await town.approve(request, "comms-officer")
    await town.until(request, FIRE, lambda receipt: receipt.retry_at is not None)
    return request


async def due(town: FanoutCity, request: Any) -> datetime:
    """When a message that waits is to be tried again."""
    [at] = [receipt.retry_at for _, receipt in await town.receipts(request, FIRE) if receipt.retry_at is not None]
    return at


async def test_a_rate_limit_with_a_long_wait_holds_nobody_else_up(town: FanoutCity, platforms: Platforms) -> None:
    """Neither on its host nor on its profile; not even on a host that takes one call at a time."""
    async with gatekeeper(town), fanout(town, platforms, limits=one_at_a_time):
        waiting = await limited(town, platforms)
        for number in range(3):
            other = await town.approved(FIRE, WATER, text=f"other {number}")
            for profile in other.targets:
                assert str((await town.final(other, profile)).outcome) == "delivered"
        assert await town.outcomes(waiting, FIRE) == ["withheld"]
    assert platforms["mastodon"].texts(FIRE) == ["other 0", "other 1", "other 2"]


@pytest.mark.parametrize("seconds", [LONG, IN_HAND], ids=["let-go", "in-hand"])
async def test_a_withdrawal_ends_a_wait_at_once(town: FanoutCity, platforms: Platforms, seconds: int) -> None:
    async with gatekeeper(town), fanout(town, platforms):
        request = await limited(town, platforms, seconds)
        await town.order("mcpe", Withdraw(request_id=request.request_id))
        receipt = await town.final(request, FIRE)
        assert str(receipt.outcome) == "withheld"
        assert receipt.at < await due(town, request)
    assert platforms["mastodon"].posts(FIRE) == []


async def test_an_expiry_ends_a_wait_at_once(town: FanoutCity, platforms: Platforms) -> None:
    async with gatekeeper(town), fanout(town, platforms):
        for seconds in (4.0, 16.0, 64.0):
            platforms["mastodon"].behave(FIRE, f"rate_limit {LONG}")
            request = await town.request(FIRE, expires_at=later(seconds))
            await town.approve(request, "comms-officer")
            assert str((await town.final(request, FIRE)).outcome) == "expired"
            if await town.outcomes(request, FIRE) == ["withheld", "expired"]:
                break  # else the machine was so slow that it was over before it waited
        assert await town.outcomes(request, FIRE) == ["withheld", "expired"]
    assert platforms["mastodon"].posts(FIRE) == []


@pytest.mark.parametrize(
    ("officer", "action"),
    [
        ("pio", Hold(on=True)),
        ("mcpe", ProfileSuspend(profile=FIRE)),
        ("eoc-director", EocActivate(level=1, incident="Flood")),
    ],
    ids=["hold", "suspend", "activate"],
)
async def test_a_control_change_that_takes_it_back_ends_the_work_at_once(
    town: FanoutCity, platforms: Platforms, officer: str, action: Any
) -> None:
    """Nothing is in hand any more, long before the wait is over."""
    async with gatekeeper(town), fanout(town, platforms):
        request = await limited(town, platforms, IN_HAND)
        await town.order(officer, action)
        await town.idle()
        assert town.clock.now() < await due(town, request)
        assert len(await town.attempts(request, FIRE)) == 1
    assert platforms["mastodon"].posts(FIRE) == []


async def test_a_hold_and_its_release_during_a_wait_make_one_attempt_when_it_is_due(
    town: FanoutCity, platforms: Platforms
) -> None:
    async with gatekeeper(town), fanout(town, platforms, lease=SHORT_LEASE):
        request = await limited(town, platforms, 6)
        await town.hold()
        await town.idle()
        await town.hold(False)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
        called = await town.called(request, FIRE)
        assert called.numbers == [1, 2]
        [(_, waited), (_, done)] = called.receipts
        assert waited.retry_at is not None
        assert done.at >= waited.retry_at, "the platform's wish is kept"


async def test_an_urgent_message_passes_a_routine_one_that_waits_on_the_same_profile(
    town: FanoutCity, platforms: Platforms
) -> None:
    platforms["mastodon"].behave(FIRE, "wait")
    async with fanout(town, platforms, lease=60.0):
        await town.cleared(FIRE, text="under way")
        await eventually(lambda: bool(platforms["mastodon"].calls(FIRE)))
        requests = [await town.cleared(FIRE, text=f"routine {number}") for number in range(2)]
        requests.append(await town.cleared(FIRE, text="urgent", **URGENT))
        await town.in_line(*requests)
        platforms["mastodon"].open(FIRE)
        for request in requests:
            await town.final(request, FIRE)
    assert platforms["mastodon"].texts(FIRE) == ["under way", "urgent", "routine 0", "routine 1"]


async def test_an_urgent_message_passes_a_routine_one_that_waits_at_the_same_host(
    town: FanoutCity, platforms: Platforms
) -> None:
    platforms["mastodon"].behave(WATER, "wait")
    async with fanout(town, platforms, lease=60.0, limits=one_at_a_time):
        await town.cleared(WATER, text="under way")
        await eventually(lambda: bool(platforms["mastodon"].calls(WATER)))
        routine = await town.cleared(PARKS, text="routine")
        urgent = await town.cleared(FIRE, text="urgent", **URGENT)
        await town.in_line(routine, urgent)
        platforms["mastodon"].open(WATER)
        await town.final(routine, PARKS)
        await town.final(urgent, FIRE)
    [(first, _)], [(second, _)] = await town.attempts(urgent, FIRE), await town.attempts(routine, PARKS)
    assert first.seq < second.seq


async def test_the_trouble_of_one_profile_does_not_prolong_the_wait_of_another(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Both belong to one message: FIRE fails again and again, WATER is due after its rate limit."""
    platforms["mastodon"].behave(FIRE, *["unreachable"] * 1_000)
    platforms["mastodon"].behave(WATER, "rate_limit 4")
    async with fanout(town, platforms, lease=9.0, pace=DeliveryPace(hold=3.0, cap=2.0)):
        request = await town.cleared(FIRE, WATER)
        assert str((await town.final(request, WATER)).outcome) == "delivered"
        assert not any(receipt.final for _, receipt in await town.receipts(request, FIRE))
        platforms["mastodon"].behave(FIRE)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"


async def test_what_only_waits_leaves_the_copys_hands(town: FanoutCity, platforms: Platforms) -> None:
    """When all that is left of a message waits long it is handed out again when it is due, to whoever is there."""
    platforms["mastodon"].behave(FIRE, "rate_limit 8")
    platforms["mastodon"].behave(WATER, "rate_limit 8")
    async with fanout(town, platforms, lease=9.0, pace=DeliveryPace(hold=1.0)):
        request = await town.cleared(FIRE, WATER, PARKS)
        for profile in (FIRE, WATER):
            await town.until(request, profile, lambda receipt: receipt.retry_at is not None)
        await town.final(request, PARKS)
    async with fanout(town, platforms, lease=9.0, pace=DeliveryPace(hold=1.0)):
        for profile in (FIRE, WATER):
            assert str((await town.final(request, profile)).outcome) == "delivered"
    for profile in request.targets:
        assert len(platforms["mastodon"].posts(profile)) == 1


async def test_all_that_wait_for_a_quota_are_counted_and_told_until_it_gives(
    town: FanoutCity, platforms: Platforms
) -> None:
    """And not until the next look, which is seconds away."""
    async with fanout(town, platforms, limits=one_an_hour) as runtime:
        request = await town.cleared(FIRE, WATER, PARKS, text="a quota")
        await eventually(lambda: runtime.health.waiting() == 2)
        [wait] = runtime.health.waits()
        assert (wait.request_id, wait.posts, wait.reason) == (
            request.request_id,
            2,
            "the quota of townsquare is used up",
        )
        assert 3_000 < (wait.until - runtime.clock.now()).total_seconds() < 3_610
        await town.order("mcpe", Withdraw(request_id=request.request_id))
        await eventually(lambda: runtime.health.waiting() == 0)


async def test_a_stop_lets_go_of_what_waits_and_finishes_what_is_being_posted(
    town: FanoutCity, platforms: Platforms
) -> None:
    """What stood behind the post on its profile, and what waited in hand, is the next copy's at once."""
    platforms["mastodon"].behave(FIRE, "wait")
    platforms["mastodon"].behave(WATER, "rate_limit 12")
    async with AsyncExitStack() as running:
        runtime = await running.enter_async_context(fanout(town, platforms))
        waiting = await town.cleared(WATER, text="waits")
        await town.until(waiting, WATER, lambda receipt: receipt.retry_at is not None)
        posted = await town.cleared(FIRE, text="being posted")
        await eventually(lambda: bool(platforms["mastodon"].calls(FIRE)))
        behind = await town.cleared(FIRE, text="behind")
        await town.in_line(behind)

        async def goes_on() -> None:
            platforms["mastodon"].open(FIRE)

        runtime.supervisor.at_stop(goes_on)
        async with Stopwatch() as watch:
            await running.aclose()
    assert watch.seconds < 10.0, "nobody waits for a platform's rate limit"
    assert await town.outcomes(posted, FIRE) == ["delivered"]
    assert await town.attempts(behind, FIRE) == []
    async with fanout(town, platforms):
        assert str((await town.final(behind, FIRE)).outcome) == "delivered"
        assert str((await town.final(waiting, WATER)).outcome) == "delivered"
    assert platforms["mastodon"].texts(FIRE) == ["being posted", "behind"]


async def test_a_copy_that_stops_follows_the_ledger_until_its_last_receipt_is_in(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Also past an entry on a request that is over, which has to be read back first."""
    platforms["mastodon"].behave(FIRE, "wait")
    async with fanout(town, platforms, lease=60.0) as runtime:
        over = await town.cleared(WATER, text="over")
        await town.final(over, WATER)
        posted = await town.cleared(FIRE, text="being posted")
        await eventually(lambda: bool(platforms["mastodon"].calls(FIRE)))
        stopping = asyncio.Event()
        runtime.supervisor.at_stop(_noting(stopping))

        async def meanwhile() -> int:
            await stopping.wait()
            seq = await town.approve(over, "pio")
            platforms["mastodon"].open(FIRE)
            return seq

        late = asyncio.create_task(meanwhile())
    [(receipt, _)] = await town.receipts(posted, FIRE)
    assert runtime.fold.seq >= receipt.seq > await late


def _noting(event: asyncio.Event) -> Any:
    async def note() -> None:
        event.set()

    return note
