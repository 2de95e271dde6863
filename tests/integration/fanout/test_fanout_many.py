"""One message to many profiles, with a real gatekeeper: what is stored of it, and what a control change costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import CrisisDeclare, Designate, ProfileAdd
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR
from services.provision.plan.city_plan import Department, local_profiles
from tests.integration.fanout.fanout_city import FanoutCity, a_fanout_city, eventually, fanout, gatekeeper
from tests.support.emulators.folder import FolderPlatform

COUNT = 26
NAMES = tuple(f"office-{number:02}" for number in range(COUNT))
PROFILES = tuple(f"{name}-townsquare" for name in NAMES)
Platforms = dict[str, FolderPlatform]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def large(tmp_path: Path) -> AsyncIterator[FanoutCity]:
    async with a_fanout_city(tmp_path / "large", NAMES) as town:
        await town.order("pio", CrisisDeclare(incident="Flood"))  # in routine nobody may post to all of them: 2(iv)
        yield town


async def entries_of(town: FanoutCity, request: Request) -> Counter[str]:
    """How many entries of each kind the ledger has on a request."""
    ledger = await town.ledger("board")
    found: Counter[str] = Counter()
    for pattern in subjects.all_of(request.request_id):
        found.update(entry.subject.split(".")[1] for entry in await ledger.history(pattern))
    return found


async def test_a_delivery_costs_two_appends_and_a_request_four(large: FanoutCity, platforms: Platforms) -> None:
    """An attempt and a receipt for each of 26 profiles and the website's page; before them at most four entries."""
    async with gatekeeper(large), fanout(large, platforms):
        before = await (await large.ledger("board")).last_seq()
        request = await large.approved(*PROFILES)
        for profile in (*PROFILES, MIRROR):
            assert str((await large.final(request, profile)).outcome) == "delivered"
        await large.idle()
        after = await (await large.ledger("board")).last_seq()
    found = await entries_of(large, request)
    assert (found["attempt"], found["receipt"]) == (COUNT + 1, COUNT + 1)
    assert found["request"] + found["approval"] + found["verdict"] <= 4
    assert after - before == found.total(), "nothing else is stored"


async def test_one_unrelated_control_change_during_a_fan_out_brings_one_verdict_and_no_second_attempt(
    large: FanoutCity, platforms: Platforms
) -> None:
    """Half of the posts are under way as it comes, the other half are not attempted yet."""
    mastodon = platforms["mastodon"]
    for profile in PROFILES:
        mastodon.behave(profile, "wait")
    half = PROFILES[: COUNT // 2]
    async with gatekeeper(large), fanout(large, platforms, lease=60.0):
        first = await large.approved(*half, text="under way")
        await eventually(lambda: all(mastodon.calls(profile) for profile in half))
        second = await large.approved(*PROFILES, text="second")
        await eventually(lambda: all(mastodon.calls(profile) for profile in PROFILES))
        cleared = {one.request_id: await clearances(large, one) for one in (first, second)}
        await large.order("cao", Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED)))
        for request in (first, second):  # else it could be over before the gate hears of the change
            await large.decided(request)
        for profile in PROFILES:
            mastodon.open(profile)
        for request, profiles in ((first, half), (second, PROFILES)):
            for profile in profiles:
                assert str((await large.final(request, profile)).outcome) == "delivered"
        await large.idle()
        for request, profiles in ((first, half), (second, PROFILES)):
            assert await clearances(large, request) == cleared[request.request_id] + 1
            for profile in profiles:
                assert len(await large.attempts(request, profile)) == 1, profile
    for profile in PROFILES:
        assert mastodon.texts(profile) == ["under way", "second"][0 if profile in half else 1 :]


async def clearances(town: FanoutCity, request: Request) -> int:
    """How many cleared verdicts stand on a request."""
    found = await (await town.ledger("board")).history(subjects.verdict(request.request_id))
    return sum(Verdict.from_bytes(entry.data).outcome is Outcome.CLEARED for entry in found)


async def test_a_new_profile_is_served_without_a_restart(town: FanoutCity, platforms: Platforms) -> None:
    async with gatekeeper(town), fanout(town, platforms):
        before = await town.approved("fire-townsquare")
        await town.final(before, "fire-townsquare")
        profiles = local_profiles("City", "https://mission.example", [Department("library", "Library", "library")])
        new = next(profile for profile in profiles if profile.id == "library-townsquare")
        await town.order("mcpe", ProfileAdd(profile=new))
        request = await town.approved("fire-townsquare", new.id, text="With the library.")
        for profile in request.targets:
            assert str((await town.final(request, profile)).outcome) == "delivered"
    assert platforms["mastodon"].texts(new.id) == ["With the library."]
