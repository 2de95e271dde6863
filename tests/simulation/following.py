"""Scripts of people who come back to what they said: corrections, updates, recalls, all-clears, and new profiles."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemas import subjects
from schemas.events.control import ProfileAdd
from schemas.events.requests import SUBMITTED_TYPE, Submission, SubmissionEvent
from tests.simulation import people
from tests.simulation.later import LINK

if TYPE_CHECKING:
    from tests.simulation.record import Record
    from tests.simulation.world import World

ACTS: tuple[Any, ...] = ("correct", "correct", "correct", "update", "recall", "all_clear")


async def follow(world: World) -> None:
    """Messages that are followed by others while they are still on their way."""
    rng = world.rng
    for number in range(rng.randint(2, 3)):
        world.loop.create_task(_followed(world, number))
        await asyncio.sleep(rng.uniform(0.0, 3.0))


async def _followed(world: World, number: int) -> None:
    """One message and what is about it: two officers may correct it at once, and a correction may be corrected."""
    rng = world.rng
    targets = tuple(sorted(rng.sample(world.town.profiles, rng.randint(1, 2))))
    about = await people.submit(world, f"m{number}", "mcpe", targets)
    if about is None:
        return
    await people.decide(world, about, rng.choice(("mcpe", "comms-officer")), rejects=False)
    for step in range(rng.randint(1, 3)):
        await asyncio.sleep(rng.choice((0.1, 1.0, 6.0, 25.0)) * rng.random())
        names = [f"m{number}-{step}-{rival}" for rival in range(rng.choice((1, 1, 2)))]
        found = await asyncio.gather(*(_about(world, name, about, rng.choice(ACTS)) for name in names))
        about = next((one for one in found if one is not None), about)


async def _about(world: World, name: str, about: str, act: Any) -> str | None:
    """Submit what is about an earlier message, and have it approved; return its id if it was accepted."""
    data = Submission(text=f"{name} is about it. {LINK}", targets=(), crisis=False, link=LINK, act=act, about=about)
    event = SubmissionEvent(specversion="1.0", id=name, source="sim", type=SUBMITTED_TYPE, data=data)
    for _ in range(4):  # intake takes it once the earlier one was cleared
        answer = await people.ask(world, subjects.DESK_REQUEST_SUBMIT, "mcpe", event)
        if answer is not None and "error" not in answer:
            request_id = str(answer["request_id"])
            world.told.requests[request_id] = (world.loop.now, answer["seq"])
            await people.decide(world, request_id, world.rng.choice(("mcpe", "comms-officer")), rejects=False)
            return request_id
        await asyncio.sleep(world.rng.uniform(0.2, 2.0))
    return None


def in_order(world: World, record: Record) -> Iterator[str]:
    """Nothing that a cleared correction or recall replaces lands on a profile after that one did (invariant 9)."""
    landed: dict[tuple[str, str], float] = {}
    for post in world.platforms.posts:
        landed.setdefault((post.profile, post.request_id), post.at)
    for post in world.platforms.posts:
        later = record.fold.chain.replaced.get(post.request_id)
        while later is not None:
            at = landed.get((post.profile, later), float("inf"))
            if at < post.at:
                yield f"9: {post.request_id} landed on {post.profile} after {later}, which replaces it"
            later = record.fold.chain.replaced.get(later)
    for earlier, later in record.fold.chain.replaced.items():
        for (profile, request_id), at in landed.items():
            stood = [one for one in world.platforms.posts if (one.profile, one.request_id) == (profile, earlier)]
            if request_id == later and any(world.platforms.vanished.get(one.number, at + 1) > at for one in stood):
                yield f"9: {later} landed on {profile} beside {earlier}, which it replaces"


def each_in_turn(world: World, record: Record) -> Iterator[str]:
    """What comes after a message is attempted on a profile only when nothing of that one is under way there."""
    for attempt in record.attempts:
        if attempt.void:
            continue
        for earlier in record.fold.chain.before(attempt.event.request_id):
            before = [one for one in record.effective((attempt.event.profile, earlier)) if one.seq < attempt.seq]
            said = record.receipts.get((attempt.event.profile, earlier), [])
            for one in before:
                ends = [seq for seq, receipt in said if receipt.attempt_seq == one.seq]
                if not ends or min(ends) > attempt.seq:
                    yield f"9: the attempt at {attempt.seq} comes before that at {one.seq} on {earlier} had its receipt"


async def add_profiles(world: World) -> None:
    """Profiles are added while services die, and messages go to them at once."""
    rng = world.rng
    for number, profile in enumerate(world.town.new_profiles):
        await asyncio.sleep(rng.uniform(0.0, 12.0))
        if not await people.order(world, "cao", ProfileAdd(profile=profile)):
            continue
        for again in range(rng.randint(1, 2)):
            old = rng.choice(world.town.profiles)
            targets = tuple(sorted({profile.id, old} if rng.random() < 0.5 else {profile.id}))
            request_id = await people.submit(world, f"n{number}-{again}", "mcpe", targets)
            if request_id is not None:
                await people.decide(world, request_id, rng.choice(("mcpe", "comms-officer")), rejects=False)


def served(world: World, record: Record) -> Iterator[str]:
    """A profile that was added is posted to by services that were there before it."""
    new = {profile.id for profile in world.town.new_profiles}
    public = {(post.profile, post.request_id) for post in world.platforms.posts}
    for request_id, state in record.fold.requests.items():
        if not state.is_cleared:
            continue
        for profile in new & set(state.wanted):
            if (profile, request_id) not in public:
                yield f"{request_id} was cleared for {profile}, which is new, and is not there"
