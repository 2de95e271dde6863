"""Fan-out on the city's own platforms: the townsquare by its API, the website in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from schemas import flow
from services.fanout.connectors.registry import connectors
from services.fanout.wiring import compose, wire
from services.kernel import web
from services.kernel.service import Runtime
from services.townsquare.mischief import Kind, Trick
from services.townsquare.server import Townsquare
from tests.services.fanout.town import Town, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
FIRE, WATER, PARKS, WASTE = (f"{name}-townsquare" for name in ("fire", "water", "parks", "waste"))


class Square:
    """The running townsquare, seen from behind its counter."""

    def __init__(self, inside: Townsquare, url: str) -> None:
        self.inside = inside
        self.url = url

    def play(self, profile: str, kind: Kind, seconds: int = 0) -> None:
        """Play a trick on the next post of a profile."""
        self.inside.mischief.add(Trick(kind=kind, account=profile.removesuffix("-townsquare"), seconds=seconds))

    def texts(self, profile: str) -> list[str]:
        """The texts of a profile, oldest first."""
        posts = self.inside.posts.newest(profile.removesuffix("-townsquare"), 100)
        return [post.draft.text for post in reversed(posts)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def square(town: Town) -> AsyncIterator[Square]:
    inside = Townsquare.of(town.city)
    running = await web.serve(inside.app(), "127.0.0.1", 0, "the townsquare")
    town.city.run_path.parent.mkdir(parents=True, exist_ok=True)
    town.city.run_path.write_text(json.dumps({"pid": os.getpid(), "townsquare_url": running.url}))
    yield Square(inside, running.url)
    await running.stop()


@asynccontextmanager
async def the_fanout(town: Town, lease: float | None = None) -> AsyncIterator[None]:
    """Fan-out as it runs in a city: its own wiring and platforms; with another lease for drills that outlast one."""

    def wire_with_lease(runtime: Runtime) -> None:
        platforms = connectors(town.city, runtime.control.state.website)
        compose(runtime, platforms, None, lease=lease or 0.0)

    app = Runtime(flow.service("fanout"), town.city, url=town.broker.url).app(wire_with_lease if lease else wire)
    await app.start()
    try:
        yield
    finally:
        await app.stop()


async def test_one_message_stands_on_townsquare_and_website_and_is_mirrored(town: Town, square: Square) -> None:
    async with the_fanout(town):
        both = await town.cleared(FIRE, WATER, "parks-website", text="Boil water advisory lifted.")
        for profile in both.targets:
            receipt = await town.final(both, profile)
            assert str(receipt.outcome) == "delivered"
            base = square.url if profile.endswith("townsquare") else "https://mission.example"
            assert str(receipt.url).startswith(base)
        only = await town.cleared(WASTE, text="Collection moves to Tuesday.")
        url = str((await town.final(only, WASTE)).url)
        page = town.city.site_folder / "messages" / only.request_id / "index.html"
        await eventually(page.exists)
        await eventually(lambda: url in page.read_text())
        assert "Collection moves to Tuesday." in page.read_text()
    assert square.texts(FIRE) == square.texts(WATER) == ["Boil water advisory lifted."]


async def test_an_answer_lost_after_posting_leaves_one_post(town: Town, square: Square) -> None:
    """500 after accepting, and a connection dropped after accepting: found on the timeline."""
    square.play(FIRE, Kind.ERROR_AFTER)
    square.play(WATER, Kind.DROP_AFTER)
    async with the_fanout(town):
        request = await town.cleared(FIRE, WATER, text="One post only.")
        for profile in (FIRE, WATER):
            assert str((await town.final(request, profile)).outcome) == "delivered"
            assert len(await town.attempts(request, profile)) == 1
            assert square.texts(profile).count("One post only.") == 1


async def test_too_many_requests_are_waited_out(town: Town, square: Square) -> None:
    square.play(FIRE, Kind.RATE_LIMIT, seconds=1)
    async with the_fanout(town):
        request = await town.cleared(FIRE, text="After the wait.")
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
    assert square.texts(FIRE).count("After the wait.") == 1


async def test_a_dropped_connection_and_a_platform_that_is_down_end_in_one_post(town: Town, square: Square) -> None:
    square.play(FIRE, Kind.DROP_BEFORE)
    square.play(PARKS, Kind.ERROR_BEFORE)
    async with the_fanout(town, lease=3.0):
        request = await town.cleared(FIRE, PARKS, text="In the end.")
        for profile in (FIRE, PARKS):
            assert str((await town.final(request, profile, 60)).outcome) == "delivered"
            assert square.texts(profile).count("In the end.") == 1
    assert await town.outcomes(request, FIRE) == ["withheld", "delivered"]


async def test_a_slow_answer_beyond_the_lease_ends_in_one_post(town: Town, square: Square) -> None:
    """The platform posts two seconds after nobody waits for it any more."""
    square.play(WATER, Kind.SLOW, seconds=5)
    async with the_fanout(town, lease=3.0):
        request = await town.cleared(WATER, text="Late but once.")
        assert str((await town.final(request, WATER, 60)).outcome) == "delivered"
    assert square.texts(WATER).count("Late but once.") == 1


async def test_a_missing_credential_ends_visibly(town: Town, square: Square) -> None:
    path = town.city.token_path(PARKS)
    kept = path.read_bytes()
    path.unlink()
    try:
        async with the_fanout(town):
            request = await town.cleared(PARKS, text="No way in.")
            receipt = await town.final(request, PARKS)
            assert str(receipt.outcome) == "failed"
            assert kept.decode().strip() not in receipt.reason
    finally:
        path.write_bytes(kept)
        path.chmod(0o600)
