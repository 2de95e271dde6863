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
from services.audit.copy_plan import SealRule
from services.audit.proof import compare_record, list_entries, prove_entry, show_entry
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.folder import ALARMS, CHECKPOINTS, LEDGER
from services.audit.record.writer import RecordWriter
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.service import Runtime
from services.provision.broker.connection import as_provisioner
from tests.integration.audit.conftest import AuditedCity
from tests.support.broker import jetstream
from tests.support.ledger_builder import LedgerBuilder, story
from tests.support.mission import PATIENCE, eventually


async def test_the_copy_is_whole_sealed_and_verifies(audited: AuditedCity) -> None:
    """What is in the ledger is in the copy, and the policy replay finds nothing."""
    story(audited.builder, sealed=False)
    count = await audited.flush()
    async with audited.audit_here():
        await audited.until_copied(count)
        report = audited.verify()
        differences = await compare_record(audited.city, audited.ledger)

    assert report.violations == ()
    assert report.events >= count
    assert differences == ()
    assert prove_entry(show_entry(audited.city, 5), "live", AuditKeys(audited.city.authority.audit_key))


async def test_kill_nine_in_mid_append_leaves_a_whole_copy(audited: AuditedCity) -> None:
    """Killed again and again while the ledger grows, the copy is whole and proves itself in the end."""
    audited.builder.genesis()
    await audited.flush()
    chance = random.Random(11)
    flood = asyncio.create_task(audited.flood(1_000, "rf"))
    audit = audited.audit()
    for round_ in range(3):
        await audited.until_copied(min(audited.copied() + 40, 1_000))
        await asyncio.sleep(chance.random() * 0.2)
        await audit.end(signal.SIGKILL)
        audit = audited.audit(f"audit-{round_}")
    await flood
    last = await audited.ledger.last_seq()
    await audited.until_copied(last)

    assert audited.verify().violations == ()
    assert await compare_record(audited.city, audited.ledger) == ()
    assert [view.seq for view in list_entries(audited.city)][:last] == list(range(1, last + 1))
    await audit.until_said("the record is open")  # its handlers of signals stand by then
    assert await audit.end() == 0


async def test_a_second_process_stands_by_and_takes_over(audited: AuditedCity) -> None:
    """Two audit processes never write at once; the second one goes on when the first is gone."""
    audited.builder.genesis()
    await audited.flush()
    first = audited.audit("first")
    await first.until_said("the record is open")
    second = audited.audit("second")
    await second.until_said("standing by")
    audited.builder.request("r2a")
    await audited.until_copied(await audited.flush())
    assert not second.said("the record is open")

    await first.end(signal.SIGKILL)
    await second.until_said("taking over")
    audited.builder.request("r3b")
    await audited.until_copied(await audited.flush())

    assert audited.verify().violations == ()


async def test_a_torn_last_line_is_taken_away(audited: AuditedCity) -> None:
    """A line that a crash cut off was never acknowledged: it goes, and the entry comes again whole."""
    story(audited.builder, sealed=False, lapses=False)
    count = await audited.flush()
    async with audited.audit_here():
        await audited.until_copied(count)
    with (audited.city.audit_folder / LEDGER).open("ab") as file:
        file.write(b'{"entry":{"at":"2026-01')

    audited.builder.request("r9z")
    count = await audited.flush()
    async with audited.audit_here():
        await audited.until_copied(count)

    report = audited.verify()
    assert (report.violations, report.warnings) == ((), ())


async def test_damage_is_never_repaired(audited: AuditedCity) -> None:
    """A flipped bit makes the service refuse to append, say so in its heartbeat, and leave the file alone."""
    story(audited.builder, sealed=False)
    count = await audited.flush()
    async with audited.audit_here():
        await audited.until_copied(count)
    path = audited.city.audit_folder / LEDGER
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    audited.builder.request("r9z")
    await audited.flush()

    async with audited.audit_here():
        trouble = await _trouble(audited)

    assert "the second copy is not kept" in trouble
    assert path.read_bytes() == raw
    assert not audited.verify().ok


async def _trouble(audited: AuditedCity) -> str:
    client = await audited.client("board")
    heard = await client.subscribe(subjects.health("audit"))
    for _ in range(20):
        health = ServiceHealth.from_bytes((await heard.next_msg(PATIENCE)).data)
        if health.trouble:
            return health.trouble
    pytest.fail("the heartbeat says nothing of the trouble")


async def test_a_ledger_that_changed_its_story_is_an_alarm_with_evidence(audited: AuditedCity) -> None:
    """Another body under a known sequence: the copy stays its own story, the ledger's is kept as evidence."""
    builder = audited.builder
    builder.genesis()
    builder.request("r2a")
    builder.request("r3b")
    other = builder.branch(2)
    other.request("r3b", text="Another story. https://mission.example")
    await audited.flush()
    _take_times(other, await _live(audited))
    other.write()
    before = (audited.city.audit_folder / LEDGER).read_bytes()

    builder.request("r4c")
    await audited.flush()
    async with audited.audit_here():
        trouble = await _trouble(audited)
    violations = audited.verify().violations
    differences = await compare_record(audited.city, audited.ledger)

    assert "alarms on record: 1" in trouble
    assert [(one.seq, one.code) for one in violations] == [(3, "ledger.rewritten")]
    assert [(one.seq, one.code) for one in differences] == [(3, "ledger.rewritten")]
    # What follows on another story's entry is not put on top of the copy's own.
    assert (audited.city.audit_folder / LEDGER).read_bytes() == before
    alarm = json.loads((audited.city.audit_folder / ALARMS).read_text().splitlines()[0])
    assert json.loads(json.loads(alarm["evidence"])["entry"]["text"])["text"].startswith("Road closed")


async def test_a_ledger_that_lost_entries_is_an_alarm_and_the_copy_is_kept(audited: AuditedCity) -> None:
    """The ledger ends before the copy does: said loudly, and nothing of the copy goes."""
    audited.builder.genesis()
    await audited.flush()
    longer = audited.builder.branch(1)
    longer.request("r2a")
    _take_times(longer, await _live(audited))
    longer.write()

    async with audited.audit_here():
        trouble = await _trouble(audited)

    assert "alarms on record: 2" in trouble
    assert audited.copied() == 2
    assert [one.code for one in audited.verify().violations] == ["ledger.lost", "ledger.missing"]


async def test_a_forged_entry_that_nobody_signed_is_not_vouched_for(audited: AuditedCity) -> None:
    """After a crash the unsigned end is compared with the ledger before it is signed."""
    audited.builder.genesis()
    audited.builder.request("r2a")
    forged = audited.builder.branch(1)
    forged.request("r2a", text="Forged. https://mission.example")
    await audited.flush()
    _take_times(forged, await _live(audited))
    with RecordWriter(audited.city.audit_folder, "live", forged.audit_signer()) as record:
        record.append(forged.entries[:1])
        record.seal(forged.now)
        record.append(forged.entries[1:])
    checkpoints = (audited.city.audit_folder / CHECKPOINTS).read_bytes()

    async with audited.audit_here():
        trouble = await _trouble(audited)

    assert "another body" in trouble
    assert (audited.city.audit_folder / CHECKPOINTS).read_bytes() == checkpoints
    assert "record.unsealed" in {one.code for one in audited.verify().violations}


async def test_seals_are_appended_now_and_then_and_never_for_their_own_sake(audited: AuditedCity) -> None:
    """The ledger vouches for the copy; a seal alone does not call for the next seal.

    How many it takes until all is sealed is a matter of how fast it was copied; each seals something more.
    """
    story(audited.builder, sealed=False)
    count = await audited.flush()

    async def sealed() -> list[int]:
        seals = await audited.ledger.history(subjects.SEAL)
        checkpoints = [Seal.from_bytes(entry.data).checkpoint for entry in seals]
        return [Checkpoint.from_bytes(one.payload_bytes()).last_seq for one in checkpoints]

    async def all_sealed() -> bool:
        return max(await sealed(), default=0) >= count

    async with audited.audit_here(SealRule(entries=5, seconds=0.3)):
        await eventually(all_sealed)
        before = await audited.ledger.last_seq()
        await asyncio.sleep(2.5)
        assert await audited.ledger.last_seq() == before
        await audited.until_copied(before)

    told = [min(last, count) for last in await sealed()]
    assert told == sorted(set(told)), "each seals entries that the one before it does not"
    kinds = [view.kind for view in list_entries(audited.city) if view.seq > count]
    assert kinds == ["seal"] * len(told)
    assert audited.verify().violations == ()


async def test_a_durable_that_is_gone_is_said(audited: AuditedCity) -> None:
    """No silent waiting for what will never come."""
    audited.builder.genesis()
    count = await audited.flush()
    async with audited.audit_here():
        await audited.until_copied(count)
        async with as_provisioner(audited.city, audited.mission.url) as client:
            await jetstream(client).delete_consumer(streams.LEDGER, streams.AUDIT_COPY.durable)
        trouble = await _trouble(audited)

    assert "audit-copy" in trouble


async def _live(audited: AuditedCity) -> list[object]:
    last = await audited.ledger.last_seq()
    return [await audited.ledger.get(seq) for seq in range(1, last + 1)]


def _take_times(builder: LedgerBuilder, live: list[object]) -> None:
    """Give a made-up copy the times and headers that the ledger has, so that only the story differs."""
    for index, entry in enumerate(live[: len(builder.entries)]):
        line = builder.entries[index]
        builder.entries[index] = type(line)(line.seq, line.subject, entry.at, line.data, entry.headers)  # type: ignore[attr-defined]


async def test_a_stop_is_not_lost_when_a_cancellation_is(audited: AuditedCity) -> None:
    """Python 3.11's wait_for can swallow a cancellation: the runtime asks again until the work has ended."""
    audited.builder.genesis()
    await audited.flush()
    swallowed = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            swallowed.append(1)
        await asyncio.sleep(60)

    def wire(runtime: Runtime) -> None:
        runtime.supervisor.supervise(stubborn)

    _, app = on_nats(flow.service("audit"), audited.city, wire, url=audited.mission.url)
    await app.start()
    await asyncio.wait_for(app.stop(), PATIENCE)

    assert swallowed == [1]
