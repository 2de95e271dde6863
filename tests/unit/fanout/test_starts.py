"""No more posts are between their attempt and their call than can be called in time: else overload feeds itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from schemas.events.authority import Profile
from schemas.streams import LEASE_SECONDS
from services.fanout.connectors.contract import Correction, Declaration, WhenUnknown
from services.fanout.domain.limits import HostLimit, Rate
from services.fanout.domain.retry import CALL_STARTS_WITHIN
from services.fanout.domain.step import LookAgain
from services.fanout.following.earlier import Follow
from services.fanout.hosts.host import Host
from services.fanout.hosts.starts import AT_ONCE, Starts
from tests.support.broker import PATIENCE
from tests.unit.fanout.test_posting_receipts import Harness
from tests.unit.fanout.world import profile, request
from tests.unit.states import state

A_CALL_BEGINS_WITHIN = 0.02
"""Seconds that one post takes from its attempt to its call on a busy machine, one after the other."""


async def enter(starts: Starts, begun: list[int], number: int, may_end: asyncio.Event) -> None:
    async with starts.one((0,)) as start:
        begun.append(number)
        await may_end.wait()
        start.over()
        start.over()  # said twice, it gives no second place
        await asyncio.sleep(3_600)


async def test_who_finds_no_place_waits_until_a_call_begins() -> None:
    """Not until it ends: a call may last as long as its lease."""
    starts, begun, ends = Starts(2), list[int](), [asyncio.Event() for _ in range(4)]
    tasks = [asyncio.create_task(enter(starts, begun, number, ends[number])) for number in range(4)]
    await asyncio.sleep(0.01)
    assert begun == [0, 1]
    ends[0].set()
    await asyncio.sleep(0.01)
    assert begun == [0, 1, 2]
    assert starts.under_way == 3
    tasks[1].cancel()
    await asyncio.sleep(0.01)
    assert begun == [0, 1, 2, 3], "who is cancelled before its call gives its place back"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert starts.under_way == 0


def test_all_that_find_a_place_are_called_in_time() -> None:
    assert AT_ONCE * A_CALL_BEGINS_WITHIN < LEASE_SECONDS * CALL_STARTS_WITHIN


async def test_no_attempt_is_made_before_there_is_a_place_for_its_call() -> None:
    harness, connector = Harness(), SimpleNamespace(declaration=Declaration(WhenUnknown.LOOK, Correction.NEW_POST))
    host = Host("host", HostLimit(at_once=1, host=Rate(3.0, 1 / 3_600.0, reserve=0.0)), harness.posting._runtime)

    async def follow(*_: object) -> Any:
        return Follow(cast("Any", connector))

    parts: Any = harness.posting
    starts = parts._starts = Starts(1)
    parts._judge, parts._earlier = SimpleNamespace(violations=lambda *_: ()), SimpleNamespace(of=follow)
    parts._destinations = SimpleNamespace(profile=profile, connector=lambda _: connector, host=lambda _: host)
    async with starts.one((0,)) as other:
        post = asyncio.create_task(harness.posting.post(harness.place, 2, cast("Any", None)))
        await asyncio.sleep(0.01)
        assert not post.done()
        other.over()
        assert await asyncio.wait_for(post, PATIENCE) == LookAgain()


async def test_a_crisis_post_goes_before_the_routine_posts_of_other_hosts() -> None:
    """Before, it stood behind all of a large routine message, though its own platform was idle."""
    harness, connector = Harness(), SimpleNamespace(declaration=Declaration(WhenUnknown.LOOK, Correction.NEW_POST))

    async def follow(*_: object) -> Any:
        return Follow(cast("Any", connector))

    def host(of: Profile) -> Host:
        return Host(of.id, HostLimit(at_once=1), harness.posting._runtime)

    parts: Any = harness.posting
    starts = parts._starts = Starts(1)
    parts._judge, parts._earlier = SimpleNamespace(violations=lambda *_: ()), SimpleNamespace(of=follow)
    parts._destinations = SimpleNamespace(profile=profile, connector=lambda _: connector, host=host)
    over: list[str] = []

    async def post(name: str, crisis: bool) -> None:
        place = harness.place._replace(
            profile=name, state=state(request(request_id=f"of-{name}", crisis=crisis), seq=20)
        )
        assert await harness.posting.post(place, 1, cast("Any", None)) == LookAgain()
        over.append(name)

    async with starts.one((0,)):
        routine = [asyncio.create_task(post(name, False)) for name in ("fire-social", "parks-social")]
        await asyncio.sleep(0.01)
        crisis = asyncio.create_task(post("police-social", True))
        await asyncio.sleep(0.01)
        assert over == []
    await asyncio.wait_for(asyncio.gather(*routine, crisis), PATIENCE)
    assert over == ["police-social", "fire-social", "parks-social"]
