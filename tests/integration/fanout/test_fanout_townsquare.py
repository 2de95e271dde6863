"""Fan-out on the city's own platforms: the townsquare by its API, the website in its folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from schemas import flow, subjects
from schemas.events.deliveries import ReceiptOutcome
from services.fanout.connectors.registry import connectors
from services.fanout.domain.limits import HostLimit, Rate, limit_of
from services.fanout.domain.retry import USUAL_PACE, DeliveryPace
from services.fanout.hosts.host import Limits
from services.fanout.wiring import compose, wire
from services.kernel.base.network import web
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.service import Runtime
from services.townsquare.faults import Fault, FaultKind
from services.townsquare.server import Townsquare
from tests.integration.fanout.fanout_city import FanoutCity, dropped_late, eventually
from tests.integration.fanout.test_fanout_resolving import Desk, forged_behind
from tests.support.running import said_up

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEASE = 6.0
FIRE, WATER, PARKS, WASTE = (f"{name}-townsquare" for name in ("fire", "water", "parks", "waste"))


class Square:
    """The running townsquare, seen from behind its counter."""

    def __init__(self, inside: Townsquare, url: str) -> None:
        self.inside = inside
        self.url = url

    def play(self, profile: str, kind: FaultKind, seconds: float | None = 0, **changes: Any) -> None:
        """Inject a fault into the next post of a profile."""
        account = profile.removesuffix("-townsquare")
        self.inside.faults.add(Fault(kind=kind, account=account, seconds=seconds, **changes))

    async def change(self, profile: str, post: str, text: str) -> None:
        """Change a post, as somebody with the account does."""
        await self.inside.posts.edit(profile.removesuffix("-townsquare"), post, text, "en")

    def texts(self, profile: str) -> list[str]:
        """The texts of a profile, oldest first."""
        posts = self.inside.posts.newest(profile.removesuffix("-townsquare"), 100)
        return [post.draft.text for post in reversed(posts)]


@pytest_asyncio.fixture(loop_scope="module")
async def square(town: FanoutCity) -> AsyncIterator[Square]:
    inside = Townsquare.of(town.city)
    running = await web.serve(inside.app(), "127.0.0.1", 0, "the townsquare")
    with said_up(town.city, townsquare_url=running.url):
        yield Square(inside, running.url)
    await running.stop()


@asynccontextmanager
async def the_fanout(
    town: FanoutCity, lease: float | None = None, pace: DeliveryPace = USUAL_PACE, limits: Limits = limit_of
) -> AsyncIterator[Runtime]:
    """Fan-out as it runs in a city: its own wiring and platforms; with another lease for drills that outlast one."""

    def wire_with_lease(runtime: Runtime) -> None:
        platforms = connectors(town.city, runtime.control.website)
        runtime.lease_seconds = lease or 0.0
        compose(runtime, platforms, lease=lease or 0.0, pace=pace, limits=limits)

    wiring = wire_with_lease if lease else wire
    runtime, app = on_nats(flow.service("fanout"), town.city, wiring, url=town.url)
    await app.start()
    try:
        yield runtime
    finally:
        await app.stop()


async def test_one_message_stands_on_townsquare_and_website_and_is_mirrored(town: FanoutCity, square: Square) -> None:
    async with the_fanout(town):
        both = await town.cleared(FIRE, WATER, "parks-website", text="Boil water advisory lifted.")
        for profile in both.targets:
            receipt = await town.final(both, profile)
            assert str(receipt.outcome) == "delivered"
            base = square.url if profile.endswith("townsquare") else "https://mission.example"
            assert str(receipt.url).startswith(base)
        only = await town.approved(WASTE, text="Collection moves to Tuesday.")
        await town.verdict(only, mirror=True)
        url = str((await town.final(only, WASTE)).url)
        page = town.city.site_folder / "messages" / only.request_id / "index.html"
        await eventually(page.exists)
        await eventually(lambda: url in page.read_text())
        assert "Collection moves to Tuesday." in page.read_text()
    assert square.texts(FIRE) == square.texts(WATER) == ["Boil water advisory lifted."]


async def test_an_answer_lost_after_posting_leaves_one_post(town: FanoutCity, square: Square) -> None:
    """500 after accepting, and a connection dropped after accepting: found on the timeline."""
    square.play(FIRE, FaultKind.ERROR_AFTER)
    square.play(WATER, FaultKind.DROP_AFTER)
    async with the_fanout(town):
        request = await town.cleared(FIRE, WATER, text="One post only.")
        for profile in (FIRE, WATER):
            assert str((await town.final(request, profile)).outcome) == "delivered"
            assert len(await town.attempts(request, profile)) == 1
            assert square.texts(profile).count("One post only.") == 1


async def test_too_many_requests_are_waited_out(town: FanoutCity, square: Square) -> None:
    square.play(FIRE, FaultKind.RATE_LIMIT, seconds=1)
    async with the_fanout(town):
        request = await town.cleared(FIRE, text="After the wait.")
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
    assert square.texts(FIRE).count("After the wait.") == 1


async def test_a_dropped_connection_and_a_platform_that_is_down_end_in_one_post(
    town: FanoutCity, square: Square
) -> None:
    square.play(FIRE, FaultKind.DROP_BEFORE)
    square.play(PARKS, FaultKind.ERROR_BEFORE)
    async with the_fanout(town, lease=LEASE):
        request = await town.cleared(FIRE, PARKS, text="In the end.")
        for profile in (FIRE, PARKS):
            assert str((await town.final(request, profile)).outcome) == "delivered"
            assert square.texts(profile).count("In the end.") == 1
    assert (await town.called(request, FIRE, LEASE)).outcomes == ["withheld", "delivered"]


async def test_a_slow_answer_beyond_the_lease_ends_in_one_post(town: FanoutCity, square: Square) -> None:
    """The platform posts two seconds after nobody waits for it any more."""
    square.play(WATER, FaultKind.SLOW, seconds=LEASE + 2)
    async with the_fanout(town, lease=LEASE):
        request = await town.cleared(WATER, text="Late but once.")
        assert str((await town.final(request, WATER)).outcome) == "delivered"
    assert square.texts(WATER).count("Late but once.") == 1


async def test_a_missing_credential_holds_back_loudly_and_goes_out_when_it_is_mended(
    town: FanoutCity, square: Square
) -> None:
    """Not lost: withheld, told in the heartbeat, asked for again without further attempts on record, and at once when
    its file is there, however seldom it is asked for else.
    """
    path = town.city.token_path(PARKS)
    kept = path.read_bytes()
    path.unlink()
    async with the_fanout(town, LEASE, DeliveryPace(credential_look=300.0)) as runtime:
        request = await town.cleared(PARKS, text="No way in.")
        receipt = await town.until(request, PARKS, lambda one: not one.final and not dropped_late(one, LEASE))
        assert str(receipt.outcome) == "withheld"
        assert kept.decode().strip() not in receipt.reason
        await eventually(lambda: PARKS in runtime.health.troubles.get("credentials", ""))
        await asyncio.sleep(4.0)
        assert (await town.called(request, PARKS, LEASE)).numbers == [1]
        path.write_bytes(kept)
        path.chmod(0o600)
        assert str((await town.final(request, PARKS)).outcome) == "delivered"
        assert "credentials" not in runtime.health.troubles
    assert (await town.called(request, PARKS, LEASE)).numbers == [1, 2]


async def test_what_vanished_while_fanout_was_away_is_found_after_its_start(town: FanoutCity, square: Square) -> None:
    """Read-back outlives the process: the delivered receipt stays, a later one tells people, and it is theirs to say.

    The platform keeps the key for what is gone, so that a second attempt is called with another.
    Whoever has fan-out's key hides nothing by a void receipt behind it.
    """
    square.play(WASTE, FaultKind.VANISH, seconds=0.2)
    async with the_fanout(town, lease=LEASE):
        request = await town.cleared(WASTE, text="Here and gone.")
        assert str((await town.final(request, WASTE)).outcome) == "delivered"
    await eventually(lambda: "Here and gone." not in square.texts(WASTE))
    await forged_behind(town, request, WASTE, ReceiptOutcome.WITHHELD)
    await (await town.js("fanout")).publish(subjects.receipt(WASTE, "rjunk"), b"{")  # it stops no reader
    async with the_fanout(town, lease=LEASE / 3):  # it looks that much sooner, and posts nothing
        receipt = await town.until(request, WASTE, lambda receipt: str(receipt.outcome) == "unconfirmed")
        assert receipt.final
        assert "is not there any more" in receipt.reason
        await town.idle()
        called = await town.called(request, WASTE, LEASE)
        assert (called.outcomes, called.numbers) == (["delivered", "withheld", "unconfirmed"], [1])
        assert square.texts(WASTE).count("Here and gone.") == 0
        entry, gone = (await town.receipts(request, WASTE))[-1]
        assert (await Desk(town, "pio").decide(request, WASTE, entry.seq, "post_again"))["accepted"]
        anew = await town.until(request, WASTE, lambda one: one.final and one.attempt_seq > gone.attempt_seq)
        assert (str(anew.outcome), anew.url == gone.url) == ("delivered", False)
    assert square.texts(WASTE).count("Here and gone.") == 1
    assert len({one.idempotency_key for _, one in await town.attempts(request, WASTE)}) == 1


async def test_what_somebody_changed_on_the_platform_is_found(town: FanoutCity, square: Square) -> None:
    """The delivered receipt stays, and a later one says what is other than was approved.

    To look takes nothing of what the account may post, which is one post here.
    """
    one_post = HostLimit(64, 192, host=Rate(100.0, 10.0, reserve=30.0), account=Rate(1.0, 1e-6, reserve=0.0))
    async with the_fanout(town, lease=LEASE, limits=lambda _platform, _host: one_post):
        request = await town.cleared(WASTE, text="Collection is on Friday.")
        delivered = await town.final(request, WASTE)
        assert str(delivered.outcome) == "delivered"
        await square.change(WASTE, delivered.remote_id or "", "Collection is on Monday.")
        receipt = await town.until(request, WASTE, lambda receipt: str(receipt.outcome) == "unconfirmed")
        assert receipt.final
        assert "its text was changed since" in receipt.reason
        await town.idle()
    called = await town.called(request, WASTE, LEASE)
    assert (called.outcomes, called.numbers) == (["delivered", "unconfirmed"], [1])
