"""A ledger whose first sequence is not 1, as a later epoch would have it (docs/scaling.md)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from schemas import flow, streams, subjects
from schemas.events.control import EocActive
from services.audit.record.reader import HOLE, read_lines
from services.audit.record.writer import RecordWriter
from services.kernel.authority.signing import load_key
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.drift import drift, stream_config
from services.kernel.ledger.entry import AT_HEADER, LAST_HEADER, Entry
from services.kernel.ledger.integrity.checks import check_count
from services.kernel.projection.past import past
from services.kernel.projection.projection import Projection
from services.kernel.projection.source import NatsSource
from services.provision import provision
from services.provision.broker.put_back import say_restored
from tests.integration.provision.conftest import Started
from tests.support.broker import connect, jetstream
from tests.support.mission import PATIENCE, now

FIRST = 100_001
COUNT = 3


class Counting(Ledger):
    """Notes what is read entry by entry."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[int] = []

    async def get(self, seq: int) -> Entry | None:
        self.read.append(seq)
        return await super().get(seq)


def seal(number: int) -> EocActive:
    """Something to store: that it is void where it is does no harm."""
    return EocActive(at=now(), activating_seq=number)


async def test_a_ledger_that_begins_later_is_read_and_appended_to_and_held_back(
    demo_city: City, started: Started
) -> None:
    async with started(demo_city) as broker:
        client = await connect(broker.url, demo_city.provision_key_path, "provision")
        try:
            js = jetstream(client)
            config = stream_config(next(one for one in streams.STREAMS if one.name == streams.LEDGER))
            config.first_seq = FIRST
            await js.add_stream(config)
            assert f"stream {streams.LEDGER}" not in (await provision(demo_city, broker.url)).created
            assert await drift(js, flow.EOC_STATE) == [], "provisioning and services take it as it is"
        finally:
            await client.close()

        client = await connect(broker.url, demo_city.service_key_path("eoc_state"), "eoc-state")
        try:
            ledger = Counting()
            ledger.bind(client)
            stood = [await ledger.append(subjects.CONTROL, seal(1), expect_last=0)]
            for number in range(2, COUNT + 1):
                stood.append(await ledger.append(subjects.CONTROL, seal(number), expect_last=stood[-1].seq))
            last = FIRST + COUNT - 1
            assert [one.seq for one in stood] == list(range(FIRST, last + 1)), "compare-and-set is by these numbers"

            fault = check_count(await ledger.shape())
            assert fault is not None, "services hold everything back: entries below may be lost"
            assert f"{COUNT} entries from {FIRST} on" in fault.message

            await _is_read(demo_city, ledger, last)
        finally:
            await client.close()


async def _is_read(city: City, ledger: Counting, last: int) -> None:
    source = NatsSource(ledger)
    found = [entry async for entry in past(source, subjects.CONTROL)]
    assert [entry.seq for entry in found] == list(range(FIRST, last + 1))
    assert await ledger.first_since(now() - timedelta(days=1)) == FIRST
    assert await ledger.first_since(found[-1].at) == last
    assert await ledger.first_since(now() + timedelta(days=1)) == last + 1
    assert ledger.read == [FIRST, last, last - 1, last], "where the server says, and the entry before"

    projection = Projection(source, LedgerFold(authority_of(city), EVERYTHING), ledger, SystemClock(), logs.logger())
    sent = ledger.client.stats["out_msgs"]
    assert await projection.catch_up() == last
    assert ledger.client.stats["out_msgs"] - sent < 30, "not one question each for what is not there"
    assert projection.seq == last
    _is_copied(city, found)


def _is_copied(city: City, found: list[Entry]) -> None:
    """The second copy takes it, and names what is missing before it."""
    folder: Path = city.audit_folder
    with RecordWriter(folder, city.realm, load_key(city.service_key_path("audit"))) as record:
        record.append(found)
        assert (record.size, record.last_seq) == (COUNT, found[-1].seq)
    faults = [line.fault for line in read_lines(folder)]
    assert [(fault.code, fault.seq) if fault else None for fault in faults] == [(HOLE, 1), None, None]


async def test_what_a_restore_put_back_counts_from_when_it_was_stored_first(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        await say_restored(demo_city, broker.url, 3)
        client = await connect(broker.url, demo_city.service_key_path("eoc_state"), "eoc-state")
        try:
            ledger = Ledger()
            ledger.bind(client)
            for place in range(3):
                at = now() - timedelta(days=3 - place)
                headers = {LAST_HEADER: str(place), AT_HEADER: at.isoformat()}
                await client.jetstream(timeout=PATIENCE, prefix=streams.SERVICE_API).publish(
                    subjects.CONTROL, b"{}", headers=headers
                )
            await ledger.append(subjects.CONTROL, seal(3), expect_last=3)
            for days, first in ((4, 1), (2.5, 2), (1.5, 3), (0.5, 4)):
                assert await ledger.first_since(now() - timedelta(days=days)) == first
        finally:
            await client.close()
