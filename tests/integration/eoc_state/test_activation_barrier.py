"""The barrier of activation on a real ledger: the EOC is told active only when nothing older can land any more.

Where a test is not about the end of a lease, leases are longer than any machine is slow: only receipts settle then.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from schemas import canonical, subjects
from schemas.events.broadcasts import EocBroadcast
from schemas.events.control import EocActive, Hold, Posture
from schemas.events.deliveries import ReceiptOutcome
from schemas.platforms import MIRROR
from schemas.streams import LEASE_SECONDS
from services.kernel.base.clock import SystemClock
from services.kernel.fold.reading import parse_control_event
from services.kernel.runtime.service import Runtime
from tests.support.mission import ACTIVATE, FIRE, PARKS, STAND_DOWN, Desk, Mission, Writer, eventually, flushed, now


class Ahead(SystemClock):
    """A machine whose clock is an hour ahead of the broker's."""

    def now(self) -> Any:
        return super().now() + timedelta(hours=1)


def lease(seconds: float) -> Any:
    def tune(runtime: Runtime) -> None:
        runtime.lease_seconds = seconds

    return tune


LONG = lease(3_600.0)


async def posture(writer: Writer, wanted: Posture) -> None:
    """Wait for a posture."""

    async def look() -> bool:
        return (await writer.state()).posture is wanted

    await eventually(look)


async def stays(writer: Writer, wanted: Posture, seconds: float = 1.0) -> None:
    """Watch a posture for a while: it is this one all the time."""
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        assert (await writer.state()).posture is wanted
        await asyncio.sleep(0.1)


class Watching:
    """A clerk who hears the broadcasts; they come at each control change, and at each look of the barrier."""

    def __init__(self) -> None:
        self.heard: list[EocBroadcast] = []

    @classmethod
    async def of(cls, mission: Mission) -> Watching:
        """Begin to listen."""
        self, clerk = cls(), await mission.desk("clerk")

        async def hear(message: Any) -> None:
            self.heard.append(EocBroadcast.from_value(canonical.loads(message.data)))

        await clerk.client.subscribe(subjects.EOC_STATE, cb=hear)
        await flushed(clerk.client)
        return self

    async def barrier_waits_for(self, in_flight: int) -> None:
        """Wait until the barrier has looked, and says that it waits for so many."""

        async def look() -> bool:
            said = [one.in_flight for one in self.heard if one.posture is Posture.EOC_ACTIVATING]
            return said[-3:] == [in_flight] * 3

        await eventually(look)


async def actives(writer: Writer) -> list[EocActive]:
    """All eoc_active events of the ledger."""
    events = [parse_control_event(entry.data) for entry in await writer.ledger.history(subjects.CONTROL)]
    return [event for event in events if isinstance(event, EocActive)]


async def until_active(writer: Writer, attempt: int) -> timedelta:
    """The time from an attempt to the end of the activation, by the broker's clock."""
    began, active = await writer.ledger.get(attempt), await writer.ledger.last(subjects.CONTROL)
    assert began is not None
    assert active is not None
    return active.at - began.at


@pytest.fixture
async def fanout(mission: Mission) -> Writer:
    await mission.begin()
    return await mission.writer("fanout")


@pytest.fixture
async def director(mission: Mission, fanout: Writer) -> Desk:
    return await mission.desk("eoc-director")


async def test_with_nothing_in_flight_it_is_active_at_once(mission: Mission, fanout: Writer, director: Desk) -> None:
    await mission.run("eoc_state")
    reply = await director.order(ACTIVATE)
    assert (reply["accepted"], reply["in_flight"]) == (True, 0)
    assert reply["posture"] in ("eoc_activating", "eoc_active")  # the reply may come after its completion
    await posture(fanout, Posture.EOC_ACTIVE)
    (active,) = await actives(fanout)
    assert (active.activating_seq, active.settled, active.lapsed) == (reply["control_seq"], 0, 0)


async def test_it_waits_for_the_receipt_of_what_is_in_flight(mission: Mission, fanout: Writer, director: Desk) -> None:
    request = await (await mission.writer("intake")).submit()
    await mission.run("eoc_state", "board", tune=LONG)
    watching = await Watching.of(mission)
    attempt = await fanout.attempt(request)
    reply = await director.order(ACTIVATE)
    assert (reply["posture"], reply["in_flight"]) == ("eoc_activating", 1)
    await watching.barrier_waits_for(1)
    await stays(fanout, Posture.EOC_ACTIVATING)
    view = (await director.board("eoc"))["eoc"]
    assert (view["posture"], view["in_flight"]) == ("eoc_activating", 1)
    await fanout.receipt(request, attempt)
    await posture(fanout, Posture.EOC_ACTIVE)
    (active,) = await actives(fanout)
    assert (active.settled, active.lapsed) == (1, 0)
    assert (await director.board("eoc"))["eoc"]["in_flight"] == 0


async def test_the_board_says_what_it_waits_for(mission: Mission, fanout: Writer, director: Desk) -> None:
    """The website's page, and a post that another than its worker answered, are counted by both."""
    request = await (await mission.writer("intake")).submit(targets=(FIRE, PARKS))
    await mission.run("eoc_state", "board", tune=LONG)
    watching = await Watching.of(mission)
    post, page = await fanout.attempt(request, FIRE), await fanout.attempt(request, MIRROR)
    other = await fanout.attempt(request, PARKS)
    await fanout.receipt(request, other, PARKS, ReceiptOutcome.WITHHELD, final=False, worker="another")

    async def both_say(count: int) -> None:
        await watching.barrier_waits_for(count)
        view = (await director.board("eoc"))["eoc"]
        assert (view["posture"], view["in_flight"]) == ("eoc_activating", count)

    assert (await director.order(ACTIVATE))["in_flight"] == 3
    await both_say(3)
    await fanout.receipt(request, post)
    await both_say(2)
    await fanout.receipt(request, page, MIRROR)
    await both_say(1)


@pytest.mark.parametrize("outcome", [ReceiptOutcome.WITHHELD, ReceiptOutcome.UNCONFIRMED, ReceiptOutcome.FAILED])
async def test_any_receipt_settles_an_attempt(
    mission: Mission, fanout: Writer, director: Desk, outcome: ReceiptOutcome
) -> None:
    request = await (await mission.writer("intake")).submit()
    await mission.run("eoc_state", tune=LONG)
    attempt = await fanout.attempt(request)
    await director.order(ACTIVATE)
    await fanout.receipt(request, attempt, outcome=outcome, final=False)
    await posture(fanout, Posture.EOC_ACTIVE)


async def test_it_waits_for_each_profile_and_counts_how_they_ended(
    mission: Mission, fanout: Writer, director: Desk
) -> None:
    request = await (await mission.writer("intake")).submit(targets=(FIRE, PARKS))
    await mission.run("eoc_state", tune=lease(10.0))
    watching = await Watching.of(mission)
    first, second = await fanout.attempt(request, FIRE), await fanout.attempt(request, PARKS)
    assert (await director.order(ACTIVATE))["in_flight"] == 2
    await watching.barrier_waits_for(2)
    await fanout.receipt(request, first, FIRE)
    await posture(fanout, Posture.EOC_ACTIVE)
    (active,) = await actives(fanout)
    assert (active.settled, active.lapsed) == (1, 1)
    assert await until_active(fanout, second) >= timedelta(seconds=10.0)


async def test_without_a_receipt_it_waits_until_the_lease_is_over_and_not_less(
    mission: Mission, fanout: Writer, director: Desk
) -> None:
    request = await (await mission.writer("intake")).submit()
    await mission.run("eoc_state", tune=lease(8.0))
    attempt = await fanout.attempt(request)
    await director.order(ACTIVATE)
    await posture(fanout, Posture.EOC_ACTIVE)
    (active,) = await actives(fanout)
    assert active.lapsed == 1
    assert await until_active(fanout, attempt) >= timedelta(seconds=8.0)


async def test_a_clock_that_is_ahead_does_not_end_a_lease_early(mission: Mission, fanout: Writer) -> None:
    """The lease is counted on the broker's clock, which dated the attempt."""
    request = await (await mission.writer("intake")).submit()

    def tune(runtime: Runtime) -> None:
        runtime.clock = Ahead()
        runtime.lease_seconds = 600.0

    attempt = await fanout.attempt(request)
    await mission.order("eoc-director", ACTIVATE)
    watching = await Watching.of(mission)
    await mission.run("eoc_state", tune=tune)
    await watching.barrier_waits_for(1)
    await stays(fanout, Posture.EOC_ACTIVATING)
    await fanout.receipt(request, attempt)
    await posture(fanout, Posture.EOC_ACTIVE)


def test_a_lease_is_as_long_as_a_platform_call_may_last() -> None:
    assert LEASE_SECONDS == 15.0


async def test_what_is_attempted_after_the_activation_is_not_waited_for(
    mission: Mission, fanout: Writer, director: Desk
) -> None:
    """It was decided under 2(iii) already."""
    intake = await mission.writer("intake")
    old, new = await intake.submit(), await intake.submit()
    await mission.run("eoc_state", tune=LONG)
    attempt = await fanout.attempt(old)
    reply = await director.order(ACTIVATE)
    await fanout.attempt(new, control_seq=reply["control_seq"])
    await fanout.receipt(old, attempt)
    await posture(fanout, Posture.EOC_ACTIVE)


async def test_a_crash_in_between_is_completed_by_the_next_start(
    mission: Mission, fanout: Writer, director: Desk
) -> None:
    """Nobody has to give the order again."""
    request = await (await mission.writer("intake")).submit()
    (runtime,) = await mission.run("eoc_state", tune=LONG)
    attempt = await fanout.attempt(request)
    await director.order(ACTIVATE)
    await mission.stop(runtime)
    assert (await fanout.state()).posture is Posture.EOC_ACTIVATING
    await fanout.receipt(request, attempt)
    await mission.run("eoc_state", tune=LONG)
    await posture(fanout, Posture.EOC_ACTIVE)
    assert len(await actives(fanout)) == 1


async def test_two_copies_tell_it_once(mission: Mission, fanout: Writer, director: Desk) -> None:
    request = await (await mission.writer("intake")).submit()
    runtimes = await mission.run("eoc_state", "eoc_state")
    for _ in range(3):
        attempt = await fanout.attempt(request)
        activating = (await director.order(ACTIVATE))["control_seq"]
        await fanout.receipt(request, attempt, final=False, outcome=ReceiptOutcome.WITHHELD)
        await posture(fanout, Posture.EOC_ACTIVE)
        assert [active.activating_seq for active in await actives(fanout)].count(activating) == 1
        assert (await director.order(STAND_DOWN))["posture"] == "routine"
    for runtime in runtimes:
        await mission.stop(runtime)  # what either has in hand is finished
    assert len(await actives(fanout)) == 3


async def test_standing_down_while_activating_ends_it(mission: Mission, fanout: Writer, director: Desk) -> None:
    """The barrier gives up; a late receipt activates nothing."""
    request = await (await mission.writer("intake")).submit()
    await mission.run("eoc_state")
    attempt = await fanout.attempt(request)
    await director.order(ACTIVATE)
    reply = await director.order(STAND_DOWN)
    assert reply["posture"] == "routine"
    await fanout.receipt(request, attempt)
    await stays(fanout, Posture.ROUTINE, 1.5)
    state = await fanout.state()
    assert (state.posture, state.seq) == (Posture.ROUTINE, reply["control_seq"])


async def test_a_second_activation_waits_for_what_the_first_did_not_know(
    mission: Mission, fanout: Writer, director: Desk
) -> None:
    """Stood down and activated anew at once: the barrier of the new activation counts, not the old one's."""
    intake = await mission.writer("intake")
    old, new = await intake.submit(), await intake.submit()
    await mission.run("eoc_state", tune=LONG)
    watching = await Watching.of(mission)
    first = await fanout.attempt(old)
    await director.order(ACTIVATE)
    await director.order(STAND_DOWN)
    second = await fanout.attempt(new)
    again = await director.order(ACTIVATE)
    assert again["in_flight"] == 2
    await fanout.receipt(old, first)
    await watching.barrier_waits_for(1)
    await stays(fanout, Posture.EOC_ACTIVATING)
    await fanout.receipt(new, second)
    await posture(fanout, Posture.EOC_ACTIVE)
    assert [active.activating_seq for active in await actives(fanout)] == [again["control_seq"]]


async def test_the_stop_button_while_activating_does_not_stop_the_activation(
    mission: Mission, fanout: Writer, director: Desk
) -> None:
    request = await (await mission.writer("intake")).submit()
    await mission.run("eoc_state", tune=LONG)
    attempt = await fanout.attempt(request)
    await director.order(ACTIVATE)
    await director.order(Hold(on=True))
    await fanout.receipt(request, attempt)
    await posture(fanout, Posture.EOC_ACTIVE)
    assert (await fanout.state()).hold


async def test_the_posture_is_broadcast_to_people_and_services(
    mission: Mission, fanout: Writer, director: Desk
) -> None:
    """A clerk at the desk hears activating with what is in flight, and active; the registry sees it too."""
    request = await (await mission.writer("intake")).submit()
    _, registry = await mission.run("eoc_state", "registry", tune=LONG)
    heard = (await Watching.of(mission)).heard
    attempt = await fanout.attempt(request)
    began = now()
    await director.order(ACTIVATE)

    async def told(wanted: Posture, in_flight: int) -> bool:
        return any((one.posture, one.in_flight) == (wanted, in_flight) for one in heard)

    await eventually(lambda: told(Posture.EOC_ACTIVATING, 1))
    await fanout.receipt(request, attempt)
    await eventually(lambda: told(Posture.EOC_ACTIVE, 0))
    assert max(one.in_flight for one in heard) == 1
    last = heard[-1]
    assert (last.incident, last.level, last.hold) == (ACTIVATE.incident, 2, False)
    assert began <= last.at <= now()

    async def seen() -> bool:
        return registry.control.posture is Posture.EOC_ACTIVE

    await eventually(seen)
