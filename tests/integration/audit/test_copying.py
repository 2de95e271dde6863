"""The second copy on a real nats-server: whole, sealed, the same as the ledger, whatever happens to it."""

from __future__ import annotations

import asyncio
import json
import random
import signal

import pytest

from schemas import flow, streams, subjects
from schemas.events.audit import Checkpoint, Seal
from schemas.events.desk import ServiceHealth
from services.audit.copying import SealRule
from services.audit.record import Record
from services.audit.verify import compare_record, list_entries, prove_entry, show_entry
from services.audit.verify.files import ALARMS, CHECKPOINTS, LEDGER
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.service import Runtime
from services.provision.broker.connection import as_provisioner
from tests.integration.audit.conftest import Town
from tests.support.ledger_builder import LedgerBuilder, story
from tests.support.mission import PATIENCE, eventually


async def test_the_copy_is_whole_sealed_and_verifies(town: Town) -> None:
    """What stands in the ledger stands in the copy, and the policy replay finds nothing."""
    story(town.builder, sealed=False)
    count = await town.flush()
    async with town.audit_here():
        await town.until_copied(count)
        report = town.verify()
        differences = await compare_record(town.city, town.ledger)

    assert report.violations == ()
    assert report.events >= count
    assert differences == ()
    assert prove_entry(show_entry(town.city, 5), "live", town.city.authority.audit_key)


async def test_kill_nine_in_mid_append_leaves_a_whole_copy(town: Town) -> None:
    """Killed again and again while the ledger grows, the copy is whole and proves itself in the end."""
    town.builder.genesis()
    await town.flush()
    chance = random.Random(11)
    flood = asyncio.create_task(town.flood(1_000, "rf"))
    audit = town.audit()
    for round_ in range(3):
        await town.until_copied(min(town.copied() + 40, 1_000))
        await asyncio.sleep(chance.random() * 0.2)
        await audit.end(signal.SIGKILL)
        audit = town.audit(f"audit-{round_}")
    await flood
    last = await town.ledger.last_seq()
    await town.until_copied(last)

    assert town.verify().violations == ()
    assert await compare_record(town.city, town.ledger) == ()
    assert [view.seq for view in list_entries(town.city)][:last] == list(range(1, last + 1))
    assert await audit.end() == 0


async def test_a_second_process_stands_by_and_takes_over(town: Town) -> None:
    """Two audit processes never write at once; the second one goes on when the first is gone."""
    town.builder.genesis()
    await town.flush()
    first = town.audit("first")
    await first.until_said("the record is open")
    second = town.audit("second")
    await second.until_said("standing by")
    town.builder.request("r2a")
    await town.until_copied(await town.flush())
    assert not second.said("the record is open")

    await first.end(signal.SIGKILL)
    await second.until_said("taking over")
    town.builder.request("r3b")
    await town.until_copied(await town.flush())

    assert town.verify().violations == ()


async def test_a_torn_last_line_is_taken_away(town: Town) -> None:
    """A line that a crash cut off was never acknowledged: it goes, and the entry comes again whole."""
    story(town.builder, sealed=False, lapses=False)
    count = await town.flush()
    async with town.audit_here():
        await town.until_copied(count)
    with (town.city.audit_folder / LEDGER).open("ab") as file:
        file.write(b'{"entry":{"at":"2026-01')

    town.builder.request("r9z")
    count = await town.flush()
    async with town.audit_here():
        await town.until_copied(count)

    report = town.verify()
    assert (report.violations, report.warnings) == ((), ())


async def test_damage_is_never_repaired(town: Town) -> None:
    """A flipped bit makes the service refuse to append, say so in its heartbeat, and leave the file alone."""
    story(town.builder, sealed=False)
    count = await town.flush()
    async with town.audit_here():
        await town.until_copied(count)
    path = town.city.audit_folder / LEDGER
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    town.builder.request("r9z")
    await town.flush()

    async with town.audit_here():
        trouble = await _trouble(town)

    assert "the second copy is not kept" in trouble
    assert path.read_bytes() == raw
    assert not town.verify().ok


async def _trouble(town: Town) -> str:
    client = await town.client("board")
    heard = await client.subscribe(subjects.health("audit"))
    for _ in range(20):
        health = ServiceHealth.from_bytes((await heard.next_msg(PATIENCE)).data)
        if health.trouble:
            return health.trouble
    pytest.fail("the heartbeat says nothing of the trouble")


async def test_a_ledger_that_changed_its_story_is_an_alarm_with_evidence(town: Town) -> None:
    """Another body under a known sequence: the copy stays its own story, the ledger's is kept as evidence."""
    builder = town.builder
    builder.genesis()
    builder.request("r2a")
    builder.request("r3b")
    other = builder.branch(2)
    other.request("r3b", text="Another story. https://mission.example")
    await town.flush()
    _take_times(other, await _live(town))
    other.write()
    before = (town.city.audit_folder / LEDGER).read_bytes()

    builder.request("r4c")
    await town.flush()
    async with town.audit_here():
        trouble = await _trouble(town)
    violations = town.verify().violations
    differences = await compare_record(town.city, town.ledger)

    assert "alarms on record: 1" in trouble
    assert [(one.seq, one.code) for one in violations] == [(3, "ledger.rewritten")]
    assert [(one.seq, one.code) for one in differences] == [(3, "ledger.rewritten")]
    # What follows on another story's entry is not put on top of the copy's own.
    assert (town.city.audit_folder / LEDGER).read_bytes() == before
    alarm = json.loads((town.city.audit_folder / ALARMS).read_text().splitlines()[0])
    assert json.loads(json.loads(alarm["evidence"])["entry"]["text"])["text"].startswith("Road closed")


async def test_a_ledger_that_lost_entries_is_an_alarm_and_the_copy_is_kept(town: Town) -> None:
    """The ledger ends before the copy does: said loudly, and nothing of the copy goes."""
    town.builder.genesis()
    await town.flush()
    longer = town.builder.branch(1)
    longer.request("r2a")
    _take_times(longer, await _live(town))
    longer.write()

    async with town.audit_here():
        trouble = await _trouble(town)

    assert "alarms on record: 2" in trouble
    assert town.copied() == 2
    assert [one.code for one in town.verify().violations] == ["ledger.lost", "ledger.missing"]


async def test_a_forged_entry_that_nobody_signed_is_not_vouched_for(town: Town) -> None:
    """After a crash the unsigned end is compared with the ledger before it is signed."""
    town.builder.genesis()
    town.builder.request("r2a")
    forged = town.builder.branch(1)
    forged.request("r2a", text="Forged. https://mission.example")
    await town.flush()
    _take_times(forged, await _live(town))
    with Record(town.city.audit_folder, "live", forged.audit_signer()) as record:
        record.append(forged.entries[:1])
        record.seal(forged.now)
        record.append(forged.entries[1:])
    checkpoints = (town.city.audit_folder / CHECKPOINTS).read_bytes()

    async with town.audit_here():
        trouble = await _trouble(town)

    assert "another body" in trouble
    assert (town.city.audit_folder / CHECKPOINTS).read_bytes() == checkpoints
    assert "record.unsealed" in {one.code for one in town.verify().violations}


async def test_seals_are_appended_now_and_then_and_never_for_their_own_sake(town: Town) -> None:
    """The ledger vouches for the copy; a seal alone does not call for the next seal.

    How many it takes until all is sealed is a matter of how fast it was copied; each seals something more.
    """
    story(town.builder, sealed=False)
    count = await town.flush()

    async def sealed() -> list[int]:
        seals = await town.ledger.history(subjects.SEAL)
        checkpoints = [Seal.from_bytes(entry.data).checkpoint for entry in seals]
        return [Checkpoint.from_bytes(one.payload_bytes()).last_seq for one in checkpoints]

    async def all_sealed() -> bool:
        return max(await sealed(), default=0) >= count

    async with town.audit_here(SealRule(entries=5, seconds=0.3)):
        await eventually(all_sealed)
        before = await town.ledger.last_seq()
        await asyncio.sleep(2.5)
        assert await town.ledger.last_seq() == before
        await town.until_copied(before)

    told = [min(last, count) for last in await sealed()]
    assert told == sorted(set(told)), "each seals entries that the one before it does not"
    kinds = [view.kind for view in list_entries(town.city) if view.seq > count]
    assert kinds == ["seal"] * len(told)
    assert town.verify().violations == ()


async def test_a_durable_that_is_gone_is_said(town: Town) -> None:
    """No silent waiting for what will never come."""
    town.builder.genesis()
    count = await town.flush()
    async with town.audit_here():
        await town.until_copied(count)
        async with as_provisioner(town.city, town.broker.url) as client:
            await client.jetstream().delete_consumer(streams.LEDGER, streams.AUDIT_COPY.durable)
        trouble = await _trouble(town)

    assert "audit-copy" in trouble


async def _live(town: Town) -> list[object]:
    last = await town.ledger.last_seq()
    return [await town.ledger.get(seq) for seq in range(1, last + 1)]


def _take_times(builder: LedgerBuilder, live: list[object]) -> None:
    """Give a made-up copy the times and headers that the ledger has, so that only the story differs."""
    for index, entry in enumerate(live[: len(builder.entries)]):
        line = builder.entries[index]
        builder.entries[index] = type(line)(line.seq, line.subject, entry.at, line.data, entry.headers)  # type: ignore[attr-defined]


async def test_a_stop_is_not_lost_when_a_cancellation_is(town: Town) -> None:
    """Python 3.11's wait_for can swallow a cancellation: the runtime asks again until the work has ended."""
    town.builder.genesis()
    await town.flush()
    swallowed = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            swallowed.append(1)
        await asyncio.sleep(60)

    def wire(runtime: Runtime) -> None:
        runtime.supervisor.supervise(stubborn)

    _, app = on_nats(flow.service("audit"), town.city, wire, url=town.broker.url)
    await app.start()
    await asyncio.wait_for(app.stop(), PATIENCE)

    assert swallowed == [1]
