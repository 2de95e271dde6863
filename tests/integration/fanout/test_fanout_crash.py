"""Fan-out processes that are killed or stopped at any point: each message is posted once, and ends in a receipt."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate
from schemas.events.requests import Request
from services.fanout.delivery.posting import STALE_SECONDS
from tests.integration.fanout.fanout_city import SHORT_LEASE, FanoutCity, dropped_late, eventually, fanout
from tests.support import mission
from tests.support.emulators.folder import FolderPlatform
from tests.support.stopwatch import Stopwatch

NAMES = ("fire", "water", "parks", "waste", "roads", "bylaw")
FIRE, WATER, PARKS, WASTE, ROADS, BYLAW = (f"{name}-townsquare" for name in NAMES)
Platforms = dict[str, FolderPlatform]
LEASE = 12.0
"""Long enough that a call begins within a third of it on a busy machine too, and no longer: its end is waited for."""
LONG = 60.0
"""Where nothing ends by it."""
REDELIVERY = 150.0
"""Seconds to wait at most: a killed process's verdict comes again after its durable's ack_wait."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


@asynccontextmanager
async def a_process(
    town: FanoutCity, folder: Path, *trips: str, lease: float = LEASE
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A fanout process of its own; killed at the end if it still runs."""
    arguments = ["--city", str(town.city.folder), "--url", town.url, "--platforms", str(folder)]
    arguments += ["--lease", str(lease), *(f"--trip={trip}" for trip in trips)]
    log = (folder / "log.txt").open("ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.fanout.program", *arguments, stdout=log, stderr=log
    )
    log.close()
    try:
        await eventually(lambda: process.returncode is not None or (folder / f"{process.pid}.ready").exists())
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def folder_of(platforms: Platforms) -> Path:
    return platforms["mastodon"].folder.parent


async def posted_once(town: FanoutCity, platforms: Platforms, request: object, profile: str) -> None:
    receipt = await town.final(request, profile, REDELIVERY)  # type: ignore[arg-type]
    assert (str(receipt.outcome), len(platforms["mastodon"].posts(profile))) == ("delivered", 1)


POINTS = {FIRE: "after-attempt", WATER: "in-call", PARKS: "after-call", WASTE: "after-receipt", ROADS: "before-attempt"}


async def test_killed_or_asleep_at_any_point_it_is_posted_once_and_has_its_receipt(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Invariants 4, 5 and 6, without a person.

    One process sleeps between an attempt and its call; another is killed while a profile is at each point. A third
    one takes over all of it. Then the sleeper wakes, finds that out, posts nothing and writes nothing.
    """
    folder = folder_of(platforms)
    async with a_process(town, folder, f"after-attempt=stop@{BYLAW}") as sleeper:
        slept_over = await town.cleared(BYLAW, text="slept over")
        await eventually((folder / "after-attempt.tripped").exists)
        (folder / "after-attempt.tripped").unlink()
        await town.unheard()
        trips = [f"{point}=hang@{profile}" for profile, point in POINTS.items()]
        async with a_process(town, folder, *trips, lease=LONG) as killed:
            requests = {profile: await town.cleared(profile, text=point) for profile, point in POINTS.items()}
            for point in POINTS.values():
                await eventually((folder / f"{point}.tripped").exists)
            killed.kill()
            await killed.wait()
        assert [len(await town.attempts(requests[name], name)) for name in POINTS] == [1, 1, 1, 1, 0]
        assert [len(await town.receipts(requests[name], name)) for name in POINTS] == [0, 0, 0, 1, 0]
        async with fanout(town, platforms, lease=LEASE):
            for profile, request in {**requests, BYLAW: slept_over}.items():
                await posted_once(town, platforms, request, profile)
            os.kill(sleeper.pid, signal.SIGCONT)
            following = await town.cleared(BYLAW, text="the next")
            await town.final(following, BYLAW, REDELIVERY)
            await town.idle(REDELIVERY)
    for profile, request in {**requests, BYLAW: slept_over}.items():
        settled = {receipt.attempt_seq for _, receipt in await town.receipts(request, profile)}
        assert settled == {entry.seq for entry, _ in await town.attempts(request, profile)}
    for profile, request in ((FIRE, requests[FIRE]), (BYLAW, slept_over)):
        assert (await town.called(request, profile, LEASE)).outcomes == ["withheld", "delivered"]
    assert await town.outcomes(requests[PARKS], PARKS) == ["delivered"]
    assert platforms["mastodon"].calls(WASTE) == ["publish"]
    assert platforms["mastodon"].texts(BYLAW) == ["slept over", "the next"]


async def test_a_process_that_was_stopped_before_its_call_does_not_post_when_it_wakes(
    town: FanoutCity, platforms: Platforms
) -> None:
    """It sleeps longer than a third of the lease between attempt and call: nothing is sent on that attempt."""
    folder = folder_of(platforms)
    async with a_process(town, folder, f"after-attempt=stop@{FIRE}") as process:
        request = await town.cleared(FIRE)
        await eventually((folder / "after-attempt.tripped").exists)
        await asyncio.sleep(LEASE / 3 + 0.5)
        os.kill(process.pid, signal.SIGCONT)
        await posted_once(town, platforms, request, FIRE)
    *before, (_, last) = await town.receipts(request, FIRE)
    assert before
    assert all(dropped_late(receipt, LEASE) for _, receipt in before)
    assert str(last.outcome) == "delivered"
    assert platforms["mastodon"].calls(FIRE) == ["publish"]


async def test_a_hold_while_a_process_sleeps_stops_its_post(town: FanoutCity, platforms: Platforms) -> None:
    """Stopped after its attempt and woken after the hold: it asks the ledger anew, and posts nothing."""
    folder = folder_of(platforms)
    async with a_process(town, folder, f"after-attempt=stop@{FIRE}", lease=LONG) as process:
        request = await town.cleared(FIRE)
        await eventually((folder / "after-attempt.tripped").exists)
        await town.hold()
        await asyncio.sleep(STALE_SECONDS + 0.5)
        os.kill(process.pid, signal.SIGCONT)
        receipt = await town.until(request, FIRE, lambda receipt: receipt.attempt_seq > 0)
        assert (str(receipt.outcome), receipt.final) == ("withheld", False)
        assert "stop button" in receipt.reason
        await town.idle()
    assert platforms["mastodon"].posts(FIRE) == []


@pytest.mark.parametrize("decided_anew", [True, False])
async def test_an_attempt_on_record_is_called_though_something_unrelated_changed_since(
    town: FanoutCity, platforms: Platforms, decided_anew: bool
) -> None:
    """Whether the gate has decided anew by then or not: no second attempt for a change that takes nothing back."""
    folder = folder_of(platforms)
    async with a_process(town, folder, f"after-attempt=stop@{FIRE}", lease=LONG) as process:
        request = await town.cleared(FIRE)
        await eventually((folder / "after-attempt.tripped").exists)
        await town.order("cao", Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED)))
        if decided_anew:
            await town.verdict(request)
        await asyncio.sleep(STALE_SECONDS + 0.5)
        os.kill(process.pid, signal.SIGCONT)
        await posted_once(town, platforms, request, FIRE)
        await town.idle()
    assert await town.outcomes(request, FIRE) == ["delivered"]
    assert len(await town.attempts(request, FIRE)) == 1


async def test_two_copies_share_the_work_and_post_nothing_twice(town: FanoutCity, platforms: Platforms) -> None:
    """Eight messages, and more until each of the two has got one: which of them that is, is the server's choice."""
    folder = folder_of(platforms)
    profiles = (FIRE, WATER, PARKS, WASTE, ROADS)
    texts: list[str] = []
    workers: set[str] = set()

    async def send(count: int) -> None:
        mine = [f"message {len(texts) + number:03}" for number in range(count)]
        texts.extend(mine)
        for request in [await town.cleared(*profiles, text=text) for text in mine]:
            for profile in profiles:
                assert str((await town.final(request, profile, REDELIVERY)).outcome) == "delivered"
                workers.update(attempt.worker for _, attempt in await town.attempts(request, profile))

    async with a_process(town, folder), fanout(town, platforms, lease=LEASE):
        await send(8)
        for _ in range(20):
            if len(workers) < 2:
                await send(2)
    for profile in profiles:
        assert sorted(platforms["mastodon"].texts(profile)) == texts
    assert len(workers) == 2, "both copies worked"


# --- two copies that want the same -----------------------------------------------------------------------------------


async def test_two_attempts_at_the_same_place_one_counts_and_one_is_void(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Two workers that do not know of each other: the ledger's order decides, and nothing is owed to the second."""
    async with fanout(town, platforms, lease=LONG) as runtime:
        request = await town.cleared(WATER)
        await town.final(request, WATER)
        request = await town.request(ROADS, text="wanted twice")
        await town.approve(request)
        platforms["mastodon"].behave(ROADS, "wait")
        await town.verdict(request)
        await eventually(lambda: platforms["mastodon"].calls(ROADS) == ["publish wait"])
        other = await town.attempt_on(request, ROADS, number=2)
        writer = await town.ledger("fanout")
        void = await writer.append(
            subjects.attempt(ROADS, request.request_id), other, fence=(subjects.CONTROL, other.control_seq)
        )
        await runtime.projection.at_least(void.seq, mission.PATIENCE)
        platforms["mastodon"].open(ROADS)
        await town.final(request, ROADS)
        await town.idle()
    [(first, _), (second, _)] = await town.attempts(request, ROADS)
    [(_, receipt)] = await town.receipts(request, ROADS)
    assert (receipt.attempt_seq, second.seq) == (first.seq, void.seq)
    assert platforms["mastodon"].calls(ROADS) == ["publish wait"]


async def test_two_copies_at_the_same_profile_at_once_call_one_after_the_other(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Each has a message for the profile: the first attempt counts; the other one is void, and made again after it."""
    folder = folder_of(platforms)
    async with a_process(town, folder, f"before-attempt=stop@{ROADS}", lease=LONG) as other:
        theirs = await town.cleared(ROADS, text="theirs")
        await eventually((folder / "before-attempt.tripped").exists)
        await town.unheard()
        async with fanout(town, platforms, lease=LONG):
            platforms["mastodon"].behave(ROADS, "wait")
            ours = await town.cleared(ROADS, text="ours")
            await eventually(lambda: platforms["mastodon"].calls(ROADS) == ["publish wait"])
            os.kill(other.pid, signal.SIGCONT)  # its fold is behind: it does not know of our attempt
            await until_attempted(town, theirs, ROADS, 1)
            assert platforms["mastodon"].calls(ROADS) == ["publish wait"]
            platforms["mastodon"].open(ROADS)
            for request in (ours, theirs):
                await posted_once_with(town, platforms, request, ROADS)
            await town.idle(REDELIVERY)
    settled = [receipt.attempt_seq for _, receipt in await town.receipts(theirs, ROADS)]
    made = [entry.seq for entry, _ in await town.attempts(theirs, ROADS)]
    assert settled == made[-1:], "what was void needs no receipt"


async def until_attempted(town: FanoutCity, request: Request, profile: str, count: int) -> None:
    async def look() -> bool:
        return len(await town.attempts(request, profile)) >= count

    await mission.eventually(look)


async def posted_once_with(town: FanoutCity, platforms: Platforms, request: Request, profile: str) -> None:
    """One post has the request's words."""
    assert str((await town.final(request, profile, REDELIVERY)).outcome) == "delivered"
    assert platforms["mastodon"].texts(profile).count(request.text) == 1


@pytest.mark.parametrize("action", ["kill", "stop"])
async def test_the_death_or_sleep_of_a_copy_in_a_call_is_taken_over_within_5_s_of_its_lease(
    town: FanoutCity, platforms: Platforms, action: str
) -> None:
    """It had posted, and could not say so. Another copy finds that out; measured by the server's own stamps."""
    folder, trip = folder_of(platforms), f"after-call={action}@{FIRE}"
    ledger = await town.ledger("board")
    # It may begin its call a little later than the other copy would, and still before that one looks for it.
    async with fanout(town, platforms, lease=LEASE), a_process(town, folder, trip, lease=2 * LEASE) as other:
        async with Stopwatch(ledger.last_seq) as watch:
            attempted = await attempted_by(town, platforms, str(other.pid))
            await eventually((folder / "after-call.tripped").exists)
            receipt = await town.final(attempted, FIRE, REDELIVERY)
        [(entry, _)] = await town.attempts(attempted, FIRE)
        [(answer, _)] = await town.receipts(attempted, FIRE)
        took = (answer.at - entry.at).total_seconds()
        assert (str(receipt.outcome), receipt.reason) == ("delivered", "found on the platform")
        assert LEASE < took < LEASE + 5.0 + watch.still
    assert platforms["mastodon"].texts(FIRE).count(attempted.text) == 1


async def attempted_by(town: FanoutCity, platforms: Platforms, pid: str) -> Request:
    """Send messages to FIRE until a process gets one: the server chooses which copy a verdict is handed to."""
    for number in range(60):
        request = await town.cleared(FIRE, text=f"message {number}")
        await until_attempted(town, request, FIRE, 1)
        (_, attempt), *_ = await town.attempts(request, FIRE)
        if f"-{pid}-" in attempt.worker:
            return request
        await town.final(request, FIRE)
    raise AssertionError("the other copy got no verdict")


async def test_an_unknown_outcome_lets_other_messages_through_after_its_lease_and_never_the_same(
    town: FanoutCity, platforms: Platforms
) -> None:
    """The platform dropped the call and shows nothing: the profile is freed, the message itself waits for a word."""
    platforms["mastodon"].behave(FIRE, "drop", *["blind"] * 1_000)
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=600.0):
        unknown = await town.cleared(FIRE, text="unknown")
        await eventually(lambda: platforms["mastodon"].calls(FIRE)[:1] == ["publish drop"])
        others = [await town.cleared(FIRE, text=f"other {number}") for number in range(3)]
        for request in others:
            await posted_once_with(town, platforms, request, FIRE)
        of_unknown = await town.called(unknown, FIRE)
        assert (of_unknown.outcomes, of_unknown.numbers) == (["lapsed"], [1]), "freed once, whoever waits"
        platforms["mastodon"].behave(FIRE)
        assert str((await town.final(unknown, FIRE)).outcome) == "delivered"
    of_unknown = await town.called(unknown, FIRE)
    first = of_unknown.attempts[0][0].seq
    said = [(str(one.outcome), one.attempt_seq == first) for _, one in of_unknown.receipts]
    assert said == [("lapsed", True), ("withheld", True), ("delivered", False)]
    tries = {request.text: [entry.seq for entry, _ in await town.attempts(request, FIRE)] for request in others}
    called = sorted(tries, key=lambda text: tries[text][-1])
    assert platforms["mastodon"].texts(FIRE) == [*called, "unknown"]
    if all(len(made) == 1 for made in tries.values()):  # one that was dropped stands in line again
        assert called == ["other 0", "other 1", "other 2"]
