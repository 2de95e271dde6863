"""Scripts of people who do not mean it now: they schedule messages, return them, and revise them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from schemas import subjects
from schemas.events.control import Withdraw
from schemas.events.requests import SUBMITTED_TYPE, Submission, SubmissionEvent
from tests.simulation import people
from tests.simulation.simulated_city import START

if TYPE_CHECKING:
    from tests.simulation.record import Record
    from tests.simulation.world import World

LINK = "https://mission.example/news"


async def schedule(world: World) -> None:
    """Messages for the next minute, while control changes."""
    rng = world.rng
    for number in range(rng.randint(3, 6)):
        world.loop.create_task(_scheduled(world, number))
        await asyncio.sleep(rng.uniform(0.0, 6.0))
    for name in rng.choice((("activate", "stand_down"), ("crisis", "activate"), ("hold", "release"), ("revoke",), ())):
        await asyncio.sleep(rng.uniform(2.0, 20.0))
        people.order_now(world, name)


async def _scheduled(world: World, number: int) -> None:
    rng = world.rng
    event = SubmissionEvent(
        specversion="1.0",
        id=f"s{number}",
        source="sim",
        type=SUBMITTED_TYPE,
        data=Submission(
            text=f"Number {number}, for later. {LINK}",
            targets=(rng.choice(world.town.profiles),),
            crisis=False,
            link=LINK,
            not_before=people.now(world) + timedelta(seconds=rng.uniform(8.0, 45.0)),
        ),
    )
    request_id = await _submitted(world, "mcpe", event)
    if request_id is None:
        return
    await people.decide(world, request_id, rng.choice(("mcpe", "mcpe", "comms-officer")), rejects=False)
    if rng.random() < 0.2:
        await asyncio.sleep(rng.uniform(0.0, 30.0))
        await people.order(world, "mcpe", Withdraw(request_id=request_id))


async def revise(world: World) -> None:
    """Messages that are returned and revised while officers approve them."""
    rng = world.rng
    for number in range(rng.randint(3, 5)):
        world.loop.create_task(_revised(world, number))
        await asyncio.sleep(rng.uniform(0.0, 3.0))


async def _revised(world: World, number: int) -> None:
    rng = world.rng
    request_id = await people.submit(world, f"m{number}", "clerk", (rng.choice(world.town.profiles),))
    if request_id is None:
        return
    for revision in range(2, 2 + rng.randint(1, 3)):
        if rng.random() < 0.6:
            await people.decide(world, request_id, "mcpe", rejects=False, says=rng.choice(("approve", "return")))
        await asyncio.sleep(rng.uniform(0.0, 1.0))
        text = f"Number {number}, revision {revision}. {LINK}"
        data = Submission(
            text=text,
            targets=(rng.choice(world.town.profiles),),
            crisis=False,
            link=LINK,
            revises=request_id,
            revision=revision,
        )
        event = SubmissionEvent(
            specversion="1.0", id=f"m{number}-{revision}", source="sim", type=SUBMITTED_TYPE, data=data
        )
        editors = [("clerk", event), (rng.choice(("comms-officer", "mcpe")), event)][: rng.randint(1, 2)]
        await asyncio.gather(*(people.ask(world, subjects.DESK_REQUEST_SUBMIT, who, one) for who, one in editors))
    await people.decide(world, request_id, "comms-officer", rejects=False)
    await people.decide(world, request_id, "mcpe", rejects=False)


async def _submitted(world: World, author: str, event: SubmissionEvent) -> str | None:
    answer = await people.ask(world, subjects.DESK_REQUEST_SUBMIT, author, event)
    if answer is None or "error" in answer:
        return None
    request_id = str(answer["request_id"])
    world.told.requests[request_id] = (world.loop.now, answer["seq"])
    return request_id


def in_its_time(world: World, record: Record) -> Iterator[str]:
    """What is scheduled is not public before its time; that it is not long after is a rule for everything."""
    from tests.simulation.fault_scheduler import SKEW  # it needs the kinds of day, which need this

    for post in world.platforms.posts:
        request = record.fold.requests[post.request_id].request
        if request.not_before is not None and START + timedelta(seconds=post.at + SKEW) < request.not_before:
            yield f"{post.request_id} became public on {post.profile} before its time"


def newest_revision(world: World, record: Record) -> Iterator[str]:
    """Nothing but the newest revision that counts is public, and nobody who returned one wrote the next."""
    for request_id, state in record.fold.requests.items():
        hashes = {one.sha256 for one in state.request.renderings}
        for post in world.platforms.posts:
            if post.request_id == request_id and post.rendering_sha256 not in hashes:
                yield f"{request_id}: another revision than {state.request.revision} is public on {post.profile}"
        if state.request.author in state.returned and any(
            one.request_id == request_id for one in world.platforms.posts
        ):
            yield f"{request_id}: {state.request.author} returned a revision and wrote the next"
