"""What a person decides on an unconfirmed post is on record once, and carried out once, also across a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats.errors
import pytest

from schemas import canonical, flow, subjects
from schemas.events.control import Hold
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution, ResolutionStatement
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.delivery.records import key_of
from services.fanout.domain.resolution import read_statement
from services.fanout.resolving import Resolving
from services.fanout.wiring import compose
from services.kernel.authority.post_authorization import rendering_for
from services.kernel.authority.signing import load_key
from services.kernel.base.crashpoints import VARIABLE
from services.kernel.ledger.asking import AskLimits
from services.kernel.runtime.compose import on_nats
from tests.integration.fanout.fanout_city import SHORT_LEASE, FanoutCity, eventually, fanout
from tests.integration.fanout.test_fanout_mirror import with_a_site
from tests.support.broker import connect, short_memory
from tests.support.emulators.folder import FolderPlatform
from tests.support.messages import receipt_on
from tests.support.mission import PATIENCE
from tests.support.people import resolution_of

FIRE, WATER, PARKS, WASTE, ROADS = (f"{name}-townsquare" for name in ("fire", "water", "parks", "waste", "roads"))
URL = "https://mastodon.example/@fire/seen"
Platforms = dict[str, FolderPlatform]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Desk:
    """An officer at the desk, with the officer's own key and connection."""

    town: FanoutCity
    name: str

    def signed(self, request: Request, profile: str, receipt_seq: int, decision: str, **changes: Any) -> Resolution:
        about, key = (request.request_id, profile, receipt_seq), load_key(self.town.city.key_path(self.name))
        fields = {"url": URL if decision == "posted" else None} | changes
        return resolution_of(about, decision, self.name, key, self.town.clock.now(), **fields)

    async def send(self, resolution: Resolution, seconds: float = PATIENCE) -> dict[str, Any]:
        client = await connect(self.town.url, self.town.city.key_path(self.name), self.name)
        try:
            subject = subjects.desk(subjects.DESK_DELIVERY_RESOLVE, self.name)
            answer = await client.request(subject, resolution.to_bytes(), timeout=seconds)
            said: dict[str, Any] = canonical.loads(answer.data)
            return said
        finally:
            await client.close()

    async def decide(self, request: Request, profile: str, seq: int, decision: str, **changes: Any) -> dict[str, Any]:
        return await self.send(self.signed(request, profile, seq, decision, **changes))


async def unconfirmed(
    town: FanoutCity, platforms: Platforms, *profiles: str, text: str, mirror: bool = False
) -> tuple[Request, dict[str, int]]:
    """Post where the platform drops the call and shows no timeline, until nobody can find out any more."""
    for profile in profiles:
        platforms["mastodon"].behave(profile, "drop", *["blind"] * 20)
    request = await town.approved(*profiles, text=text)
    await town.verdict(request, mirror=True if mirror else None)
    for profile in profiles:
        assert str((await town.final(request, profile)).outcome) == "unconfirmed"
        platforms["mastodon"].behave(profile)
    return request, {profile: (await town.receipts(request, profile))[-1][0].seq for profile in profiles}


async def resolutions(town: FanoutCity, request: Request, profile: str) -> list[int]:
    entries = await (await town.ledger("board")).history(subjects.resolution(profile, request.request_id))
    return [entry.seq for entry in entries]


async def carried_out(town: FanoutCity, request: Request, profile: str, seq: int) -> Receipt:
    """Wait for the receipt that carries a decision out, whatever follows on it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = [one for _, one in await town.receipts(request, profile) if one.resolution_seq == seq]
            if found:
                return found[0]
            await asyncio.sleep(0.05)


async def done(town: FanoutCity) -> None:
    """Wait until each decision on record is carried out and acknowledged."""
    js = await town.js("fanout")
    async with asyncio.timeout(PATIENCE):
        while True:
            info = await js.consumer_info("LEDGER", "fanout-resolutions")
            if not info.num_pending and not info.num_ack_pending:
                return
            await asyncio.sleep(0.05)


async def test_each_decision_is_carried_out_and_a_repeat_answered_like_the_first_time(
    town: FanoutCity, platforms: Platforms
) -> None:
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, FIRE, WATER, PARKS, text="each decision")
        pio, office = Desk(town, "pio"), Desk(town, "comms-officer")
        employee = await Desk(town, "clerk").decide(request, FIRE, seqs[FIRE], "give_up")
        assert employee["error"]["code"] == "resolution.no_authority"
        assert await resolutions(town, request, FIRE) == []

        posted = pio.signed(request, FIRE, seqs[FIRE], "posted")
        first = await pio.send(posted)
        assert first["accepted"], first
        again, anew = await pio.send(posted), await pio.decide(request, FIRE, seqs[FIRE], "posted")
        assert first["seq"] == again["seq"] == anew["seq"]
        receipt = await carried_out(town, request, FIRE, first["seq"])
        assert (str(receipt.outcome), receipt.final, receipt.url) == ("delivered", True, URL)
        assert receipt.reason == "confirmed by pio"

        given_up = await office.decide(request, WATER, seqs[WATER], "give_up")
        receipt = await carried_out(town, request, WATER, given_up["seq"])
        assert (str(receipt.outcome), receipt.final, receipt.url) == ("failed", True, None)

        once_more = await pio.decide(request, PARKS, seqs[PARKS], "post_again")
        await carried_out(town, request, PARKS, once_more["seq"])
        assert str((await town.final(request, PARKS)).outcome) == "delivered"
        called = await town.called(request, PARKS)
        assert (called.outcomes, called.numbers) == (["unconfirmed", "withheld", "delivered"], [1, 2])
        assert len({one.idempotency_key for _, one in await town.attempts(request, PARKS)}) == 1

        late = await office.decide(request, PARKS, seqs[PARKS], "give_up")
        assert late["error"]["code"] == "resolution.decided"
        assert "pio decided it already: post it again" in late["error"]["message"]
        over = await office.decide(request, FIRE, seqs[FIRE] + 1, "give_up")
        assert over["error"]["code"] == "resolution.nothing_unconfirmed"
        assert URL in over["error"]["message"]
    assert [len(await resolutions(town, request, one)) for one in (FIRE, WATER, PARKS)] == [1, 1, 1]
    assert [len(platforms["mastodon"].posts(one)) for one in (FIRE, WATER, PARKS)] == [0, 0, 1]


async def test_a_decision_whose_append_is_repeated_late_is_carried_out_once(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Stored twice, as the broker knew its id no more: the copy does nothing, and nobody is alarmed."""
    request = await town.approved(FIRE, text="a late repeat")
    await town.verdict(request)
    place, attempt = (FIRE, request.request_id), await town.attempt_on(request, FIRE)
    fence = (subjects.CONTROL, attempt.control_seq)
    ledger = (await town.mission.writer("fanout", asks=AskLimits(PATIENCE))).ledger  # that repeats nothing by itself
    seq = (await ledger.append(subjects.attempt(*place), attempt, fence=fence)).seq
    doubt = receipt_on(request.request_id, FIRE, seq, town.clock.now(), outcome=ReceiptOutcome.UNCONFIRMED)
    seq = (await ledger.append(subjects.receipt(*place), doubt, expect_last=0)).seq
    word = Desk(town, "pio").signed(request, FIRE, seq, "post_again")
    async with short_memory((await town.mission.provisioner()).js) as seconds:
        stored = set[int]()
        while len(stored) < 2:  # the broker forgets an id when it comes to that
            fence = (subjects.receipt(*place), seq)
            stored.add((await ledger.append(subjects.resolution(*place), word, msg_id="one word", fence=fence)).seq)
            await asyncio.sleep(1.1 * seconds)
    first, _ = await resolutions(town, request, FIRE)
    await (await town.js("fanout")).publish(subjects.receipt(*place), b"{")  # it stops no reader
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0) as runtime:
        await town.until(request, FIRE, lambda one: one.outcome is ReceiptOutcome.DELIVERED)
        await done(town)
        assert runtime.projection.void_count == 1  # that one
    assert [one.resolution_seq for _, one in (await town.called(request, FIRE)).receipts] == [None, first, None]
    assert len(platforms["mastodon"].posts(FIRE)) == 1


async def test_what_is_confirmed_is_mirrored_like_anything_delivered(town: FanoutCity, platforms: Platforms) -> None:
    """The website's page waits for the first post that stands; a person's word that it does is as good."""
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, FIRE, text="mirrored", mirror=True)
        assert await town.receipts(request, MIRROR) == []
        await Desk(town, "mcpe").decide(request, FIRE, seqs[FIRE], "posted")
        assert str((await town.final(request, MIRROR)).outcome) == "delivered"
    assert platforms["website"].texts(MIRROR) == ["mirrored"]


async def test_the_websites_page_is_decided_on_like_a_post(town: FanoutCity, platforms: Platforms) -> None:
    """A full disk, say, left it unconfirmed: an officer has it written anew, and the message is over."""
    request = await town.approved(FIRE, text="The page, too.")
    await town.verdict(request, mirror=True)
    writer, rendering = await town.ledger("fanout"), rendering_for(request, WEBSITE)
    assert rendering is not None
    page: dict[str, Any] = {"platform": WEBSITE, "rendering_sha256": rendering.sha256}
    page["idempotency_key"] = key_of(request, MIRROR, rendering.sha256)
    for profile, said in ((FIRE, ReceiptOutcome.DELIVERED), (MIRROR, ReceiptOutcome.UNCONFIRMED)):
        attempt = await town.attempt_on(request, profile, **(page if profile == MIRROR else {}))
        fence = (subjects.CONTROL, attempt.control_seq)
        seq = (await writer.append(subjects.attempt(profile, request.request_id), attempt, fence=fence)).seq
        found = {"outcome": said, "platform": attempt.platform, "remote_id": "7" if profile == FIRE else None}
        receipt = receipt_on(request.request_id, profile, seq, town.clock.now(), **found)
        stands = (await writer.append(subjects.receipt(profile, request.request_id), receipt, expect_last=0)).seq
    async with with_a_site(town, platforms) as runtime:
        assert request.request_id in runtime.fold.requests
        answer = await Desk(town, "pio").decide(request, MIRROR, stands, "post_again")
        assert answer["accepted"], answer
        await town.until(request, MIRROR, lambda one: one.outcome is ReceiptOutcome.DELIVERED)
        await eventually(lambda: request.request_id not in runtime.fold.requests)
    assert await town.outcomes(request, MIRROR) == ["unconfirmed", "withheld", "delivered"]
    written = town.city.site_folder / "messages" / request.request_id / "index.html"
    assert "The page, too." in written.read_text()


async def test_two_officers_at_once_decide_once_and_the_stale_word_is_refused(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Ten at the same moment, in two minds: one resolution, one receipt, and the others hear who was first."""
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, WATER, text="two officers")
        pio, mcpe = Desk(town, "pio"), Desk(town, "mcpe")
        answers = await asyncio.gather(
            *(pio.decide(request, WATER, seqs[WATER], "post_again") for _ in range(5)),
            *(mcpe.decide(request, WATER, seqs[WATER], "give_up") for _ in range(5)),
        )
        accepted = [one for one in answers if "accepted" in one]
        refused = {one["error"]["code"] for one in answers if "error" in one}
        assert (len(accepted), refused) == (5, {"resolution.decided"})
        [seq] = await resolutions(town, request, WATER)
        assert {one["seq"] for one in accepted} == {seq}
        await carried_out(town, request, WATER, seq)
        await done(town)
        assert len([one for _, one in await town.receipts(request, WATER) if one.resolution_seq]) == 1
        await town.idle()
        if "post_again" in str(await _decision(town, seq)):
            await town.final(request, WATER)
    assert len(platforms["mastodon"].posts(WATER)) <= 1


async def _decision(town: FanoutCity, seq: int) -> str:
    entry = await (await town.ledger("board")).get(seq)
    assert entry is not None
    event = Resolution.from_bytes(entry.data)
    return ResolutionStatement.from_bytes(event.envelope.payload_bytes()).decision


async def test_posted_again_and_unconfirmed_anew_a_decision_on_the_first_time_is_stale(
    town: FanoutCity, platforms: Platforms
) -> None:
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, PARKS, text="twice in doubt")
        platforms["mastodon"].behave(PARKS, "drop", *["blind"] * 20)
        desk = Desk(town, "cao")
        first = await desk.decide(request, PARKS, seqs[PARKS], "post_again")
        await carried_out(town, request, PARKS, first["seq"])
        await town.final(request, PARKS)
        stands = (await town.receipts(request, PARKS))[-1][0].seq
        stale = await desk.decide(request, PARKS, seqs[PARKS] + 1, "give_up")
        assert stale["error"]["code"] == "resolution.receipt"
        assert str(stands) in stale["error"]["message"]
        second = await desk.decide(request, PARKS, stands, "post_again")
        platforms["mastodon"].behave(PARKS)
        assert str((await town.final(request, PARKS)).outcome) in ("delivered", "unconfirmed")
        await carried_out(town, request, PARKS, second["seq"])
        await town.until(request, PARKS, lambda one: str(one.outcome) == "delivered")
    assert (await town.called(request, PARKS)).numbers == [1, 2, 3]
    assert len(platforms["mastodon"].posts(PARKS)) == 1


async def test_posted_again_while_all_is_held_waits_for_the_next_clearance(
    town: FanoutCity, platforms: Platforms
) -> None:
    """The new post has no privilege: the fence holds it back, and a newer verdict brings it."""
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, WASTE, text="held")
        await town.order("pio", Hold(on=True))
        answer = await Desk(town, "pio").decide(request, WASTE, seqs[WASTE], "post_again")
        await carried_out(town, request, WASTE, answer["seq"])
        await done(town)
        await town.idle()
        assert (await town.called(request, WASTE)).numbers == [1]
        await town.order("pio", Hold(on=False))
        await town.verdict(request)
        assert str((await town.final(request, WASTE)).outcome) == "delivered"
    assert len(platforms["mastodon"].posts(WASTE)) == 1


async def test_a_late_word_of_the_platform_is_better_than_a_decision_that_came_too_late(
    town: FanoutCity, platforms: Platforms
) -> None:
    """The fence: a decision cannot be put on record behind a receipt that its officer did not see."""
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, ROADS, text="late word")
        (_, standing) = (await town.receipts(request, ROADS))[-1]
        late = standing.model_copy(
            update={"outcome": ReceiptOutcome.DELIVERED, "url": URL, "remote_id": "7", "reason": ""}
        )
        writer = await town.ledger("fanout")
        await writer.append(subjects.receipt(ROADS, request.request_id), late, expect_last=seqs[ROADS])
        answer = await Desk(town, "pio").decide(request, ROADS, seqs[ROADS], "post_again")
    assert answer["error"]["code"] == "resolution.nothing_unconfirmed"
    assert await resolutions(town, request, ROADS) == []


async def test_the_server_refuses_a_decision_behind_a_receipt_and_a_second_one_on_the_same(town: FanoutCity) -> None:
    """The fence and the message id alone: who looked before cannot write after, and of two the first is stored."""
    runtime, _ = on_nats(flow.service("fanout"), town.city, lambda _: None, url=town.url)
    work = compose(runtime, {})
    runtime.ledger = writer = await town.ledger("fanout")
    request = await town.cleared(ROADS, text="the server's word")
    subject = subjects.receipt(ROADS, request.request_id)
    ended = {"outcome": ReceiptOutcome.UNCONFIRMED}
    receipt = receipt_on(request.request_id, ROADS, 1, town.clock.now(), **ended)
    seq = (await writer.append(subject, receipt)).seq

    async def append(by: str, decision: str, receipt_seq: int) -> int:
        signed = Desk(town, by).signed(request, ROADS, receipt_seq, decision)
        return await Resolving(runtime, work)._append(signed, read_statement(signed, by), receipt_seq)

    first = await append("pio", "give_up", seq)
    assert first > seq
    assert await append("mcpe", "post_again", seq) == 0
    late = receipt.model_copy(update={"outcome": ReceiptOutcome.DELIVERED, "url": URL, "remote_id": "7"})
    stands = (await writer.append(subject, late, expect_last=seq)).seq
    assert await append("cao", "post_again", stands - 1) == 0
    assert await resolutions(town, request, ROADS) == [first]


async def forged_behind(town: FanoutCity, request: Request, profile: str, outcome: ReceiptOutcome) -> int:
    """Whoever has fan-out's key writes behind what stands: that it ended without an attempt, and with no reason."""
    writer, subject = await town.ledger("fanout"), subjects.receipt(profile, request.request_id)
    last = await writer.last(subject)
    forged = receipt_on(request.request_id, profile, 0, town.clock.now(), outcome=outcome)
    return (await writer.append(subject, forged, expect_last=last.seq if last else 0)).seq


async def test_what_is_void_behind_an_unconfirmed_receipt_keeps_no_officer_from_deciding(
    town: FanoutCity, platforms: Platforms
) -> None:
    """Nor what was decided from being carried out; the record verifies."""
    async with fanout(town, platforms, lease=1.0, patience=0.3):
        request, seqs = await unconfirmed(town, platforms, FIRE, text="void behind it")
        await forged_behind(town, request, FIRE, ReceiptOutcome.FAILED)
        answer = await Desk(town, "pio").decide(request, FIRE, seqs[FIRE], "posted")
        assert answer["accepted"], answer
        receipt = await carried_out(town, request, FIRE, answer["seq"])
        assert (str(receipt.outcome), receipt.url) == ("delivered", URL)
        # The request is over, and has left memory: what a second officer is told is read again.
        await forged_behind(town, request, FIRE, ReceiptOutcome.UNCONFIRMED)
        answer = await Desk(town, "mcpe").decide(request, FIRE, seqs[FIRE], "give_up")
    assert answer["error"]["code"] == "resolution.decided"


async def test_a_decision_on_record_that_is_not_genuine_does_nothing(town: FanoutCity, platforms: Platforms) -> None:
    """Whoever got one into the ledger: it is carried out only with the officer's own signature on it."""
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, WASTE, text="forged")
        forged = Desk(town, "clerk").signed(request, WASTE, seqs[WASTE], "post_again", officer="pio")
        writer = await town.ledger("fanout")
        await writer.append(subjects.resolution(WASTE, request.request_id), forged)
        await done(town)
        called = await town.called(request, WASTE)
        assert (called.outcomes, called.numbers) == (["unconfirmed"], [1])


@asynccontextmanager
async def a_process(town: FanoutCity, folder: Path, crash_at: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A fanout process of its own that dies at a crash point."""
    arguments = [
        "--city",
        str(town.city.folder),
        "--url",
        town.url,
        "--platforms",
        str(folder),
        "--lease",
        str(SHORT_LEASE),
    ]
    with (folder / "log.txt").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.fanout.program",
            *arguments,
            stdout=log,
            stderr=log,
            env=os.environ | {VARIABLE: crash_at},
        )
    try:
        await eventually(lambda: process.returncode is not None or (folder / f"{process.pid}.ready").exists())
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("point", ["fanout.resolution.stored", "fanout.resolution.done"])
async def test_a_crash_after_the_decision_is_completed_by_the_next_start(
    town: FanoutCity, platforms: Platforms, point: str
) -> None:
    """Killed before its officer had an answer, or before it was acknowledged: it is posted again exactly once."""
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request, seqs = await unconfirmed(town, platforms, FIRE, text=point)
    desk = Desk(town, "pio")
    signed = desk.signed(request, FIRE, seqs[FIRE], "post_again")
    async with a_process(town, platforms["mastodon"].folder.parent, point) as process:
        if point.endswith("stored"):
            with pytest.raises((nats.errors.TimeoutError, nats.errors.NoRespondersError)):
                await desk.send(signed, 3.0)
        else:
            assert (await desk.send(signed))["accepted"]
        assert await asyncio.wait_for(process.wait(), PATIENCE) == -signal.SIGKILL
    [seq] = await resolutions(town, request, FIRE)
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        assert (await desk.send(signed))["seq"] == seq
        assert str((await town.until(request, FIRE, lambda one: str(one.outcome) == "delivered")).outcome)
        await done(town)
        await town.idle()
    called = await town.called(request, FIRE)
    assert (called.outcomes, called.numbers) == (["unconfirmed", "withheld", "delivered"], [1, 2])
    assert await resolutions(town, request, FIRE) == [seq]
    assert len(platforms["mastodon"].posts(FIRE)) == 1
