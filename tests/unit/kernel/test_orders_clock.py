"""An order counts by the broker's clock: a service's own that is wrong refuses none, and lets no old one in."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import EocActivate, Ordered, Posture
from schemas.events.envelope import CLOCK_SKEW, ORDER_TYPE, Envelope
from services.kernel.authority.judged import judged
from services.kernel.authority.orders import carry_out
from services.kernel.base.errors import Refused
from tests.support.people import order_of
from tests.unit.fanout.world import SIGNERS
from tests.unit.kernel.test_orders_barrier import Deposed
from tests.unit.projection.story import Story, begun

ACTIONS = frozenset({"eoc_activate"})
WRONG = [timedelta(seconds=100), timedelta(seconds=-100), timedelta(hours=7), timedelta(hours=-7)]


class Astray(Deposed):
    """A service whose clock is so much ahead; ``asked`` is how often it asked the broker."""

    def __init__(self, story: Story, ahead: timedelta) -> None:
        super().__init__(story)
        self.clock = SimpleNamespace(now=lambda: story.now + ahead)
        self.asked = 0

    async def server_time(self) -> datetime:
        """Tell the broker's time."""
        self.asked += 1
        return await super().server_time()


def activation(signed_at: datetime) -> Envelope:
    """The director activates the EOC, by an order that was signed at a time."""
    return SIGNERS["director"].sign(ORDER_TYPE, order_of("director", EocActivate(level=2, incident="flood"), signed_at))


@pytest.mark.parametrize("ahead", WRONG)
async def test_the_eoc_is_activated_whatever_the_clock_says(ahead: timedelta) -> None:
    story = begun()
    runtime: Any = Astray(story, ahead)
    done = await carry_out(runtime, activation(story.now), "director", ACTIONS)
    assert (done.changed, done.state.posture) == (True, Posture.EOC_ACTIVATING)
    written = Ordered.from_bytes(story.entries[-1].data)
    assert abs(written.at - story.entries[-1].at) < CLOCK_SKEW, "it is dated by the broker's clock"


@pytest.mark.parametrize("ahead", WRONG)
async def test_a_repeat_is_answered_as_the_first_time(ahead: timedelta) -> None:
    """Its answer was lost; by the wrong clock it would be an old order that somebody replays."""
    story = begun()
    runtime: Any = Astray(story, ahead)
    order = activation(story.now)
    first = await carry_out(runtime, order, "director", ACTIONS)
    again = await carry_out(runtime, order, "director", ACTIONS)
    assert again.state.seq == first.state.seq
    assert story.last(subjects.CONTROL) == first.state.seq


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=-61), timedelta(seconds=61), *WRONG])
@pytest.mark.parametrize("signed", [timedelta(seconds=-61), timedelta(seconds=62)])
async def test_what_is_not_fresh_by_the_broker_s_clock_is_never_carried_out(
    ahead: timedelta, signed: timedelta
) -> None:
    """Neither where the wrong clock would take it for fresh: the stamp of its entry says otherwise."""
    story = begun()
    runtime: Any = Astray(story, ahead)
    with pytest.raises(Refused) as caught:
        await carry_out(runtime, activation(story.now + signed), "director", ACTIONS)
    assert caught.value.code == "order.expired"
    assert runtime.fold.control.posture is Posture.ROUTINE


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=30)])
async def test_what_is_not_refused_asks_nobody(ahead: timedelta) -> None:
    story = begun()
    runtime: Any = Astray(story, ahead)
    await carry_out(runtime, activation(story.now), "director", ACTIONS)
    assert runtime.asked == 0


async def test_what_is_refused_by_a_right_clock_is_judged_once() -> None:
    story = begun()
    seen: list[datetime] = []

    async def judge(now: datetime) -> None:
        seen.append(now)
        raise Refused("order.role", "no", "ask")

    with pytest.raises(Refused):
        await judged(story.now, Astray(story, timedelta(0)).server_time, judge)
    assert seen == [story.now]
