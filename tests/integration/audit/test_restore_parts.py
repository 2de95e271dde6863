"""Restoring on a real nats-server: taken up again, from a backup, refused where it must be; and who holds back."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest

from schemas import canonical, flow, subjects
from schemas.events.audit import LedgerIntegrity
from services.audit.proof import compare_record, verify_record
from services.kernel.base.city import load_city
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Unproven, Unreachable
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.ledger.integrity.high_water import HighWaterMark
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.run import build
from services.provision import EmbeddedBroker, provision
from services.provision.broker.connection import connected
from services.provision.broker.restore import restore
from tests.integration.audit.conftest import AuditedCity
from tests.support.broker import jetstream
from tests.support.ledger_builder import story
from tests.support.ports import free_port


def quiet(_text: str) -> None:
    """Nobody listens."""


async def test_a_backup_taken_while_it_is_written_is_restored_elsewhere(audited: AuditedCity) -> None:
    """Copied by any tool in the middle of the writing, with the keys: a ledger that verifies, on another machine.

    A copy that fell between a line and its checkpoint says so when it is verified, and is taken again.
    An interruption leaves a part, and the next restore goes on from there; what is no part of it is refused.
    """
    story(audited.builder, sealed=False)
    count = await audited.flush()
    backup = audited.city.folder.parent / "backup"
    async with audited.audit_here():
        await audited.until_copied(count)
        flood = asyncio.create_task(audited.flood(150, "rb"))
        await audited.until_copied(count + 40)
        for _ in range(10):
            shutil.rmtree(backup, ignore_errors=True)
            left_out = shutil.ignore_patterns("nats-aside", "jetstream", "run", "*.tmp")
            shutil.copytree(audited.city.folder, backup, ignore=left_out)
            found = verify_record(load_city(backup), SystemClock().now()).violations
            if not {one.code for one in found} & {"record.unsealed", "record.truncated"}:
                break
            await asyncio.sleep(0.01)
        await flood
    elsewhere = load_city(backup)
    assert verify_record(elsewhere, SystemClock().now()).violations == ()

    broker = EmbeddedBroker()
    await broker.start(elsewhere, free_port())
    try:
        await provision(elsewhere, broker.url)
        await _interrupted(elsewhere, broker.url)
        done = await restore(elsewhere, broker.url, quiet)
        assert 0 < done.stood < done.entries
        async with connected(elsewhere, broker.url, elsewhere.service_key_path("audit"), "audit") as client:
            ledger = Ledger()
            ledger.bind(client)
            assert await compare_record(elsewhere, ledger) == ()
            assert await ledger.restored() == done.entries == (await ledger.shape()).last
            await _refuses_more(elsewhere, broker.url, ledger)
    finally:
        await broker.stop()


async def _interrupted(city: Any, url: str) -> None:
    """The first restore ends after some entries, as by a power cut."""

    def report(text: str) -> None:
        if text.endswith("entries are back"):
            raise Unreachable("broker.unreachable", "the lights went out", "")

    with pytest.raises(Unreachable, match="lights"):
        await restore(city, url, report, report_every=6)


async def _refuses_more(city: Any, url: str, ledger: Ledger) -> None:
    """Once the city lives on it, the ledger is no place for a restore any more."""
    newest = await ledger.last(subjects.CONTROL)
    assert newest is not None
    async with connected(city, url, city.service_key_path("intake"), "intake") as client:
        await jetstream(client).publish("ledger.request.later", newest.data, stream="LEDGER")
    with pytest.raises(BadInput) as refused:
        await restore(city, url, quiet)
    assert refused.value.code == "ledger.not_empty"


async def test_while_the_ledger_has_a_fault_nothing_is_accepted_and_the_end_is_remembered(audited: AuditedCity) -> None:
    """By the audit service's report, or a high-water mark that the ledger lacks; only receipts are still taken."""
    audited.builder.genesis()
    audited.builder.request("r2a")
    await audited.flush()
    async with audited.audit_here() as audit:
        runtime, app = build("fanout", audited.city, audited.mission.url)
        await app.start()
        try:
            await _until(lambda: runtime.watch.report is not None and runtime.watch.report.standing == "sound")
            assert runtime.ledger.fault is None
            told = LedgerIntegrity(
                at=SystemClock().now(), standing="contradicted", first_seq=2, message="The ledger has no entry 2."
            )
            await runtime.watch.on_report(told)
            assert "holds everything back" in str(runtime.watch.trouble)  # the next broadcast says otherwise
            with pytest.raises(IntegrityFault):
                await runtime.ledger.append(subjects.attempt("fire-townsquare", "r2a"), told)
            await runtime.ledger.append(subjects.receipt("fire-townsquare", "r2a"), told)
            await _until(lambda: runtime.ledger.fault is None)  # the audit service says that all is sound
            await _until(audited.city.ledger_seen_path.exists)
        finally:
            await app.stop()
        assert audit.ledger.fault is None

    HighWaterMark(40, canonical.sha256(b"an entry that was acknowledged")).write(audited.city.ledger_seen_path)
    again, _ = on_nats(flow.service("fanout"), audited.city, lambda _: None, url=audited.mission.url)
    again.ledger.bind(await audited.client("fanout"))
    await again.watch.begin()
    assert again.ledger.fault is not None
    assert "has seen entry 40" in again.ledger.fault.message


async def test_an_ack_at_a_sequence_that_stood_already_is_the_end_of_trust(audited: AuditedCity) -> None:
    """The server hands a lost entry's sequence out again: whoever saw it before acts on nothing more."""
    audited.builder.genesis()
    await audited.flush()
    ledger = Ledger()
    ledger.bind(await audited.client("eoc_state"))
    ledger.highest = 50
    event = LedgerIntegrity(at=SystemClock().now(), standing="sound")
    with pytest.raises(IntegrityFault, match="has seen 50 before"):
        await ledger.append(subjects.CONTROL, event)
    with pytest.raises(IntegrityFault):
        await ledger.append(subjects.CONTROL, event)


async def test_an_empty_ledger_is_not_begun_anew_over_a_second_copy(audited: AuditedCity) -> None:
    """A lost store must not look like a new city."""
    audited.builder.genesis()
    audited.builder.write()
    _, app = build("registry", audited.city, audited.mission.url)
    with pytest.raises(Unproven, match="no new one is begun"):
        await app.start()
    await app.stop()
    await audited.client("registry")
    assert await audited.ledger.last_seq() == 0


async def _until(look: Any, seconds: float = 90.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if look():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not come to that")
