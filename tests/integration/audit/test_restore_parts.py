"""Restoring on a real nats-server: taken up again, from a backup, refused where it must be; and who holds back."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest

from schemas import canonical, flow, subjects
from schemas.events.audit import LedgerStanding
from services.audit.verify import compare_record, verify_record
from services.kernel.base.city import load_city
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Unproven, Unreachable
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.integrity import Anchor, LedgerDoubted
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.run import build
from services.provision import EmbeddedBroker, provision
from services.provision.broker.connection import connected
from services.provision.broker.restore import EntryWriter, restore
from tests.integration.audit.conftest import Town
from tests.support.ledger_builder import story
from tests.support.ports import free_port


def quiet(_text: str) -> None:
    """Nobody listens."""


async def test_a_backup_taken_while_it_is_written_is_restored_elsewhere(town: Town, monkeypatch: Any) -> None:
    """Copied by any tool in the middle of the writing, with the keys: a ledger that verifies, on another machine.

    An interruption leaves a part, and the next restore goes on from there; what is no part of it is refused.
    """
    story(town.builder, sealed=False)
    count = await town.flush()
    backup = town.city.folder.parent / "backup"
    async with town.audit_here():
        await town.until_copied(count)
        flood = asyncio.create_task(town.flood(150, "rb"))
        await town.until_copied(count + 40)
        shutil.copytree(town.city.folder, backup, ignore=shutil.ignore_patterns("nats-aside", "jetstream", "run"))
        await flood
    elsewhere = load_city(backup)
    assert verify_record(elsewhere, SystemClock().now()).violations == ()

    broker = EmbeddedBroker()
    await broker.start(elsewhere, free_port())
    try:
        await provision(elsewhere, broker.url)
        await _interrupted(elsewhere, broker.url, monkeypatch)
        done = await restore(elsewhere, broker.url, quiet)
        assert 0 < done.stood < done.entries
        async with connected(elsewhere, broker.url, elsewhere.service_key_path("audit"), "audit") as client:
            ledger = Ledger()
            ledger.bind(client)
            assert await compare_record(elsewhere, ledger) == ()
            await _refuses_more(elsewhere, broker.url, ledger)
    finally:
        await broker.stop()


async def _interrupted(city: Any, url: str, monkeypatch: Any) -> None:
    """The first restore ends after some runs, as by a power cut."""
    whole, left = EntryWriter.put, [6]

    async def put(self: EntryWriter, run: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Unreachable("broker.unreachable", "the lights went out", "")
        await whole(self, run)

    monkeypatch.setattr(EntryWriter, "put", put)
    with pytest.raises(Unreachable, match="lights"):
        await restore(city, url, quiet)
    monkeypatch.setattr(EntryWriter, "put", whole)


async def _refuses_more(city: Any, url: str, ledger: Ledger) -> None:
    """Once the city lives on it, the ledger is no place for a restore any more."""
    newest = await ledger.last(subjects.CONTROL)
    assert newest is not None
    async with connected(city, url, city.service_key_path("intake"), "intake") as client:
        await client.jetstream().publish("ledger.request.later", newest.data, stream="LEDGER")
    with pytest.raises(BadInput) as refused:
        await restore(city, url, quiet)
    assert refused.value.code == "ledger.not_empty"


async def test_while_the_ledger_is_doubted_nothing_is_accepted_and_the_end_is_remembered(town: Town) -> None:
    """Told by the audit service, or by an anchor that the ledger does not have: only receipts are still taken."""
    town.builder.genesis()
    town.builder.request("r2a")
    await town.flush()
    async with town.audit_here() as audit:
        runtime, app = build("fanout", town.city, town.broker.url)
        await app.start()
        try:
            await _until(lambda: runtime.watch.heard is not None and runtime.watch.heard.standing == "sound")
            assert runtime.ledger.doubt is None
            told = LedgerStanding(
                at=SystemClock().now(), standing="contradicted", first_seq=2, message="The ledger has no entry 2."
            )
            await runtime.watch.on_standing(told)
            assert "holds everything back" in str(runtime.watch.trouble)  # the next broadcast says otherwise
            with pytest.raises(LedgerDoubted):
                await runtime.ledger.append(subjects.attempt("fire-townsquare", "r2a"), told)
            await runtime.ledger.append(subjects.receipt("fire-townsquare", "r2a"), told)
            await _until(lambda: runtime.ledger.doubt is None)  # the audit service says that all is sound
            await _until(town.city.ledger_seen_path.exists)
        finally:
            await app.stop()
        assert audit.ledger.doubt is None

    Anchor(40, canonical.sha256(b"an entry that was acknowledged")).write(town.city.ledger_seen_path)
    again, _ = on_nats(flow.service("fanout"), town.city, lambda _: None, url=town.broker.url)
    again.ledger.bind(await town.client("fanout"))
    await again.watch.begin()
    assert again.ledger.doubt is not None
    assert "has seen entry 40" in again.ledger.doubt.message


async def test_an_ack_at_a_sequence_that_stood_already_is_the_end_of_trust(town: Town) -> None:
    """The server hands a lost entry's sequence out again: whoever saw it before acts on nothing more."""
    town.builder.genesis()
    await town.flush()
    ledger = Ledger()
    ledger.bind(await town.client("eoc_state"))
    ledger.highest = 50
    event = LedgerStanding(at=SystemClock().now(), standing="sound")
    with pytest.raises(LedgerDoubted, match="has seen 50 before"):
        await ledger.append(subjects.CONTROL, event)
    with pytest.raises(LedgerDoubted):
        await ledger.append(subjects.CONTROL, event)


async def test_an_empty_ledger_is_not_begun_anew_over_a_second_copy(town: Town) -> None:
    """A lost store must not look like a new city."""
    town.builder.genesis()
    town.builder.write()
    _, app = build("registry", town.city, town.broker.url)
    with pytest.raises(Unproven, match="not begun anew"):
        await app.start()
    await app.stop()
    await town.client("registry")
    assert await town.ledger.last_seq() == 0


async def _until(look: Any, seconds: float = 90.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if look():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not come to that")
