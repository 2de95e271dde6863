"""Posts that did not come through the gate: found on the townsquare, told once with evidence, acknowledged once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import structlog

from schemas import canonical, subjects
from schemas.events.authority import Profile
from schemas.events.outside import Acknowledgement, OutsidePost
from services.fanout.connectors.contract import CannotTell, Cause, Health
from services.fanout.connectors.listing import ListsPosts
from services.fanout.connectors.registry import connectors
from services.fanout.delivery.caller import Caller
from services.fanout.delivery.destinations import Destinations
from services.fanout.domain.credit import month_of
from services.fanout.hosts.host import HostRegistry
from services.fanout.hosts.starts import Starts
from services.fanout.watching.checks import ProfileChecks
from services.fanout.watching.evidence import record_of
from services.fanout.watching.marks import Mark
from services.fanout.watching.watch import A_TURN, IN_VAIN, OutsideWatch
from services.kernel.authority.signing import load_key
from services.kernel.base.network import web
from services.kernel.base.settings.city_file import CheckSection, OutsideSection
from services.kernel.runtime.service import Runtime
from services.townsquare.posts import PostDraft
from services.townsquare.server import Townsquare
from tests.integration.fanout.fanout_city import FanoutCity, fanout
from tests.support.broker import connect, flushed
from tests.support.mission import PATIENCE, now
from tests.support.people import acknowledgement_of
from tests.support.running import said_up

pytestmark = pytest.mark.asyncio(loop_scope="module")
FIRE, WATER = "fire-townsquare", "water-townsquare"


@pytest_asyncio.fixture(loop_scope="module")
async def square(town: FanoutCity) -> AsyncIterator[Townsquare]:
    inside = Townsquare.of(town.city)
    running = await web.serve(inside.app(), "127.0.0.1", 0, "the townsquare")
    with said_up(town.city, townsquare_url=running.url):
        yield inside
    await running.stop()


def watch_of(
    town: FanoutCity, runtime: Runtime, a_turn: int = A_TURN, section: OutsideSection | None = None
) -> OutsideWatch:
    platforms = connectors(town.city, runtime.control.website)
    destinations = Destinations(runtime, platforms, HostRegistry(runtime))
    for one in platforms.values():
        runtime.supervisor.at_end(one.close)
    # What was published a moment ago is told: nobody waits two minutes here.
    at_once = timedelta(0)
    return OutsideWatch(runtime, destinations, Starts(), section or OutsideSection(), a_turn=a_turn, settles=at_once)


def profile_of(runtime: Runtime, name: str) -> Profile:
    return runtime.control.profiles[name]


async def by_hand(square: Townsquare, profile: str, text: str) -> str:
    """Post as somebody does who has the account's password; return the post's id."""
    post = await square.posts.create(profile.removesuffix("-townsquare"), PostDraft(text), None)
    return str(post.id)


async def told(town: FanoutCity) -> list[OutsidePost]:
    entries = await (await town.ledger("board")).history(subjects.OUTSIDE_POSTS)
    return [OutsidePost.from_bytes(entry.data) for entry in entries]


async def test_what_did_not_come_through_the_gate_is_told_once_with_evidence(
    town: FanoutCity, square: Townsquare
) -> None:
    """Not what stood there before the watch began, not what we posted, and not again after a restart."""
    await by_hand(square, FIRE, "Before anybody watched.")
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        watch = watch_of(town, runtime)
        assert await watch.look(profile_of(runtime, FIRE)) is None
        request = await town.cleared(FIRE, text="Road closed at Wren Street.")
        await town.final(request, FIRE)
        ledger = await town.ledger("fanout")
        js = ledger.client.jetstream(timeout=PATIENCE)
        await js.publish(subjects.receipt(FIRE, "rjunk"), b"junk")  # it counts for nothing
        name = await by_hand(square, FIRE, "Free barbecue at the hall! \N{FIRE}")
        for _ in range(2):
            assert await watch.look(profile_of(runtime, FIRE)) is None
        (found,) = await told(town)
        assert (found.remote_id, found.profile, found.text) == (name, FIRE, "Free barbecue at the hall! \N{FIRE}")
        assert found.url
        assert found.url.endswith(f"/@fire/{name}")
        record = canonical.loads(await ledger.get_media(found.record_sha256))
        assert (record["said"]["id"], record["text"]) == (name, found.text)
        assert found.card_sha256
        assert (await ledger.get_media(found.card_sha256)).startswith(b"\xff\xd8")
        watch._marks.save()
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        later = watch_of(town, runtime)
        later._marks.load()
        assert await later.look(profile_of(runtime, FIRE)) is None
        assert len(await told(town)) == 1
        while_nobody_looked = await by_hand(square, FIRE, "And again.")
        assert await later.look(profile_of(runtime, FIRE)) is None
        assert [one.remote_id for one in await told(town)] == [name, while_nobody_looked]


async def test_two_copies_that_look_at_once_tell_it_once(town: FanoutCity, square: Townsquare) -> None:
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        watches = [watch_of(town, runtime) for _ in range(3)]
        for watch in watches:
            assert await watch.look(profile_of(runtime, FIRE)) is None
        await by_hand(square, FIRE, "Once.")
        for watch in watches:
            assert await watch.look(profile_of(runtime, FIRE)) is None
        other_machine = watch_of(town, runtime, section=OutsideSection(minutes=0, x_minutes=0))
        await other_machine.turn()
        assert other_machine._due == {}, "a machine that is set to look for nothing asks nobody"
    assert [one.text for one in await told(town)] == ["Once."]


async def test_junk_under_the_hash_of_the_evidence_keeps_nothing_silent(town: FanoutCity, square: Townsquare) -> None:
    """Whoever wrote the post knows its record beforehand, and with a stolen service's key could put junk there."""
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        watch, fire = watch_of(town, runtime), profile_of(runtime, FIRE)
        assert await watch.look(fire) is None
        name = await by_hand(square, FIRE, "Drink the water, it is fine.")
        connector = watch._destinations.of_platform(fire.platform)
        assert isinstance(connector, ListsPosts)
        posts = await connector.posts_of(fire, now() - timedelta(minutes=5))
        assert isinstance(posts, list)
        record = next(record_of(fire, post) for post in posts if post.id == name)
        thief = await town.ledger("fanout")
        await thief.js.publish(subjects.media(canonical.sha256(record)), b"junk", stream="MEDIA")
        assert await watch.look(fire) is None
        assert [one.remote_id for one in await told(town)] == [name]


async def test_a_profile_that_cannot_be_looked_at_is_named_until_it_can(town: FanoutCity, square: Townsquare) -> None:
    path = town.city.token_path(FIRE)
    kept = path.read_bytes()
    path.unlink()
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        watch = watch_of(town, runtime)
        for number in range(IN_VAIN):
            assert "watch" not in runtime.health.troubles, number
            watch._due.clear()
            await watch.turn()
        assert FIRE in runtime.health.troubles["watch"]
        assert WATER not in runtime.health.troubles["watch"]
        path.touch(mode=0o600)
        path.write_bytes(kept)
        watch._due.clear()
        await watch.turn()
        assert "watch" not in runtime.health.troubles
        said = await watch.look(profile_of(runtime, WATER))
        assert said is None
        path.unlink()
        assert await watch.look(profile_of(runtime, FIRE)) == CannotTell(
            f"no credential at secrets/live/{FIRE}.token: No such file or directory", Cause.OWN
        )


async def test_a_watch_that_is_behind_tells_the_gap_and_goes_on(town: FanoutCity, square: Townsquare) -> None:
    """It asked for more each time, for ever; what it can read is looked at, and the next look asks for less."""
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        watch, fire = watch_of(town, runtime), profile_of(runtime, FIRE)
        assert await watch.look(fire) is None
        begun = now() - timedelta(hours=2)
        watch._marks.set(FIRE, Mark(fire.account, begun, begun))
        names = [await by_hand(square, FIRE, f"Number {number}.") for number in range(203)]
        for one in names[3:-1]:
            watch._settled.setdefault(FIRE, set()).add(one)  # told long ago: one is enough here
        with structlog.testing.capture_logs() as lines:
            assert await watch.look(fire) is None
        assert [one.remote_id for one in await told(town)] == names[-1:]
        assert watch._marks.of(fire, now()).since > begun + timedelta(hours=1)
        (gap,) = [line for line in lines if "too many of them" in line["event"]]
        assert (gap["log_level"], gap["alarm"], gap["profile"]) == ("error", True, FIRE)


def signed(town: FanoutCity, officer: str, post: OutsidePost, seq: int, **changes: Any) -> Acknowledgement:
    key = load_key(town.city.key_path(officer))
    return acknowledgement_of((post.outside, post.profile, seq), officer, key, town.clock.now(), **changes)


async def send(town: FanoutCity, officer: str, event: Acknowledgement) -> dict[str, Any]:
    client = await connect(town.url, town.city.key_path(officer), officer)
    try:
        subject = subjects.desk(subjects.DESK_OUTSIDE_ACKNOWLEDGE, officer)
        answer = await client.request(subject, event.to_bytes(), timeout=PATIENCE)
        said: dict[str, Any] = canonical.loads(answer.data)
        return said
    finally:
        await client.close()


async def test_one_officer_acknowledges_it_once(town: FanoutCity, square: Townsquare) -> None:
    """Who may not is refused, a repeat is answered as before, a second officer is told who was first."""
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        watch = watch_of(town, runtime)
        assert await watch.look(profile_of(runtime, FIRE)) is None
        await by_hand(square, FIRE, "Who wrote this?")
        assert await watch.look(profile_of(runtime, FIRE)) is None
        (post,) = await told(town)
        entry = await (await town.ledger("board")).last(subjects.outside(FIRE, post.outside))
        assert entry is not None
        refused = {
            "acknowledgement.no_authority": ("clerk", signed(town, "clerk", post, entry.seq)),
            "acknowledgement.sender": ("mcpe", signed(town, "pio", post, entry.seq)),
            "acknowledgement.post": ("pio", signed(town, "pio", post, entry.seq - 1)),
            "acknowledgement.realm": ("pio", signed(town, "pio", post, entry.seq, realm="exercise")),
            "outside.unknown": ("pio", signed(town, "pio", post, entry.seq, outside="ffff")),
        }
        for code, (officer, event) in refused.items():
            assert (await send(town, officer, event))["error"]["code"] == code
        thief, said = await town.ledger("fanout"), subjects.acknowledgement(FIRE, post.outside)
        await thief.append(said, signed(town, "mcpe", post, entry.seq, realm="exercise"), msg_id="of another realm")
        await thief.js.publish(said, b"junk")
        for copied in (entry.data, b"junk", *[entry.data] * 300):  # elsewhere than the board shows the post
            await thief.client.publish(subjects.outside(FIRE, post.outside), copied)
        await flushed(thief.client)
        asked = runtime.ledger.client.stats["out_msgs"]
        first = await send(town, "pio", signed(town, "pio", post, entry.seq))
        assert first["accepted"] is True
        assert runtime.ledger.client.stats["out_msgs"] - asked < 100, "not each copy is asked for"
        assert await send(town, "pio", signed(town, "pio", post, entry.seq)) == first
        second = await send(town, "mcpe", signed(town, "mcpe", post, entry.seq))
        assert second["error"]["code"] == "acknowledgement.done"
        assert "pio" in second["error"]["message"]
    subject = subjects.acknowledgement(FIRE, post.outside)
    assert len(await (await town.ledger("board")).history(subject)) == 3, "two of them are nobody's word"


async def test_a_large_city_is_looked_at_a_few_at_a_time_and_everybody_has_a_turn(
    town: FanoutCity, square: Townsquare
) -> None:
    """A thousand looks at once, with the marks written for each, took a sixth of a core."""
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        watch = watch_of(town, runtime, a_turn=2)
        watched = [one.id for one in runtime.control.profiles.values() if watch._pause(one) is not None]
        for looked in range(0, len(watched), 2):
            assert len(watch._due) == looked
            await watch.turn()
        assert set(watch._due) == set(watched)
        await watch.turn()
        assert watch_of(town, runtime)._marks.load()


async def test_a_profile_that_could_not_be_posted_to_is_named_without_posting(
    town: FanoutCity, square: Townsquare
) -> None:
    """Until it can; a credential that ends soon, and a page that does not name the city, too. Nothing is posted."""
    path = town.city.token_path(FIRE)
    kept = path.read_bytes()
    path.write_bytes(b"wrong")
    ends = town.clock.now() + timedelta(days=3)
    town.city.token_path(WATER).with_suffix(".expires").write_text(ends.isoformat())
    async with fanout(town, connectors(town.city, "https://mission.example")) as runtime:
        platforms = connectors(town.city, runtime.control.website)
        for one in platforms.values():
            runtime.supervisor.at_end(one.close)
        destinations = Destinations(runtime, platforms, HostRegistry(runtime))
        caller = Caller(runtime, runtime.ledger.get_media)
        checks = ProfileChecks(runtime, destinations, caller, Starts(), CheckSection())
        runtime.health.profiles = checks.troubles
        now = town.clock.now()
        await checks.turn(now + timedelta(minutes=1))
        assert [one.profile for one in checks.troubles()] == [WATER]
        [left] = checks.measures()
        assert (left.name, left.labels) == ("onevoice_token_days_left", {"profile": WATER})
        assert 2.9 < left.value < 3.1
        for _ in range(4):
            await checks.turn(now)
        fire, water = checks.troubles()
        assert (fire.profile, water.profile) == (FIRE, WATER)
        assert "refuses the credential" in fire.reason
        assert "within 7 days" in water.reason
        path.write_bytes(kept)
        checks._due.clear()
        for _ in range(4):
            await checks.turn(now)
        assert [one.profile for one in checks.troubles()] == [WATER]
        checks._compare(profile_of(runtime, FIRE), Health(True, "", shows="Fire and rescue."))
        told = next(one for one in checks.troubles() if one.profile == FIRE)
        assert "does not say that it is the City of Mission's" in told.reason
        assert told.since == month_of(now), "the same for each copy, and after a restart"
    assert square.posts.posts == {}
