"""The flow map: each subject has a stream, exactly the writers that it should, and a reader."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime
from typing import Any, cast

import pytest

import services
from schemas import flow, streams, subjects
from schemas.events.base import Contract
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.kernel.ledger.client import Ledger
from services.kernel.projection.source import NatsSource
from services.kernel.runtime.compose import Ports, assemble
from services.kernel.runtime.messages.bus import MessageBus
from services.kernel.runtime.startup import register
from services.provision import demo_plan, make_city

START = datetime(2026, 1, 31, 14, tzinfo=UTC)
PATTERNS = {name: value for name, value in vars(subjects).items() if name.isupper() and isinstance(value, str)}
HEADS = ("ledger", "media", "upload", "dead", "tries")
STORED = {name: value for name, value in PATTERNS.items() if value.split(".")[0] in HEADS}
WRITERS = {
    subjects.CONTROL: {"eoc_state", "registry"},
    subjects.REQUESTS: {"intake"},
    subjects.APPROVALS: {"intake"},
    subjects.VERDICTS: {"gatekeeper"},
    subjects.ATTEMPTS: {"fanout"},
    subjects.RECEIPTS: {"fanout"},
    subjects.RESOLUTIONS: {"fanout"},
    subjects.OUTSIDE_POSTS: {"fanout"},
    subjects.ACKNOWLEDGEMENTS: {"fanout"},
    subjects.NOTICES: {"board"},
    subjects.SEAL: {"audit"},
    subjects.MEDIA_ALL: {"intake", "fanout"},
    subjects.UPLOADS_ALL: {"intake"},
    subjects.DEAD_AGAIN_ALL: {"board"},
    subjects.DEAD_CLOSED_ALL: {"board"},
}


def covers(pattern: str, subject: str) -> bool:
    """True when a NATS pattern takes a subject (or a narrower pattern)."""
    ours, theirs = pattern.split("."), subject.split(".")
    for index, word in enumerate(ours):
        if word == ">":
            return len(theirs) > index
        if index >= len(theirs) or (word not in ("*", theirs[index])) or theirs[index] == ">":
            return False
    return len(ours) == len(theirs)


def test_each_ledger_subject_has_the_writers_that_it_should() -> None:
    written = {row.name: set(row.writes) for row in flow.SERVICES}
    found = {
        subject: {name for name, mine in written.items() if subject in mine}
        for subject in set().union(*written.values())
    }
    assert found == WRITERS


def test_no_service_may_write_with_a_wildcard_over_several_kinds() -> None:
    for row in flow.SERVICES:
        for subject in row.writes:
            assert subject in STORED.values()
            assert subject != subjects.LEDGER_ALL


@pytest.mark.parametrize("subject", sorted(STORED.values()))
def test_each_stored_subject_lies_in_exactly_one_stream(subject: str) -> None:
    assert len([stream for stream in streams.STREAMS if any(covers(one, subject) for one in stream.subjects)]) == 1


def test_no_two_streams_overlap() -> None:
    heads = [head for stream in streams.STREAMS for head in {subject.split(".")[0] for subject in stream.subjects}]
    assert len(heads) == len(set(heads))


@pytest.mark.parametrize("subject", sorted(WRITERS))
def test_each_written_subject_has_a_reader(subject: str) -> None:
    """Somebody consumes it, or folds the ledger, or reads its stream; the audit copies whatever is in the ledger."""
    (stream,) = [one.name for one in streams.STREAMS if any(covers(s, subject) for s in one.subjects)]
    consumed = {
        row.name
        for row in flow.SERVICES
        for one in (*row.consumes, *((row.again,) if row.again else ()))
        if one.stream == stream and (covers(one.filter_subject, subject) or covers(subject, one.filter_subject))
    }
    assert consumed | {row.name for row in flow.SERVICES if stream in row.reads}
    if stream == streams.LEDGER:
        assert "audit" in consumed


def test_who_decides_or_answers_from_memory_folds_the_ledger() -> None:
    """The audit reads the bytes themselves, and the registry needs nothing but control."""
    assert {row.name for row in flow.SERVICES if not row.folds} == {"registry", "audit"}
    assert [row.name for row in flow.SERVICES if row.posts] == ["fanout"]
    for row in flow.SERVICES:
        assert streams.LEDGER in row.reads, "a rewound ledger is found by comparing with the leader's"


def test_the_feed_is_heard_by_projections_and_is_no_broadcast_of_a_service() -> None:
    for row in flow.SERVICES:
        assert not any(covers(subjects.FEED_ALL, one) for one in (*row.broadcasts, *row.subscribes, *row.writes))


def test_each_durable_is_consumed_by_exactly_one_service_on_a_stream_that_is_there() -> None:
    known = {stream.name: stream for stream in streams.STREAMS}
    users: dict[str, list[str]] = {}
    for row in flow.SERVICES:
        for consumer in (*row.consumes, *((row.again,) if row.again else ())):
            users.setdefault(consumer.durable, []).append(row.name)
            assert any(covers(one, consumer.filter_subject) for one in known[consumer.stream].subjects)
    assert {durable: len(names) for durable, names in users.items()} == {one.durable: 1 for one in streams.CONSUMERS}


def test_who_consumes_from_the_ledger_through_handlers_gets_its_dead_letters_back() -> None:
    """Audit has no handlers: what it cannot copy is an alarm, never a letter."""
    again = {row.name: row.again for row in flow.SERVICES if row.again is not None}
    assert set(again) == {row.name for row in flow.SERVICES if row.consumes} - {"audit"}
    for name, consumer in again.items():
        assert (consumer.stream, consumer.filter_subject) == (streams.DEAD, subjects.dead_again(name))
        assert consumer.durable == f"{flow.service(name).user}-again"


def test_a_durable_begins_with_its_service_or_says_what_it_delivers() -> None:
    for row in flow.SERVICES:
        for consumer in row.consumes:
            assert consumer.durable.startswith(row.user)


def test_each_desk_subject_is_served_once_and_may_be_sent() -> None:
    desk = {value for name, value in PATTERNS.items() if name.startswith("DESK_")}
    served = [base for row in flow.SERVICES for base in row.serves]
    assert sorted(served) == sorted(desk)
    lanes = set(flow.SYSTEMS_LANE.values())
    assert set(flow.OFFICER_MAY_SEND) | set(flow.WEB_MAY_SEND) | lanes == desk
    assert subjects.DESK_DEAD_ORDER not in flow.WEB_MAY_SEND, "no page has a button for it"
    assert {one for one in desk if one.startswith("desk.web.")} == desk - set(flow.OFFICER_MAY_SEND) - lanes
    assert set(flow.SYSTEM_MAY_SEND) == {subjects.DESK_REQUEST_SUBMIT}


def test_what_is_heard_is_broadcast() -> None:
    spoken = {subject for row in flow.SERVICES for subject in (*row.broadcasts, row.heartbeat)}
    for row in flow.SERVICES:
        for heard in row.subscribes:
            assert any(covers(heard, one) for one in spoken)
    assert [row.name for row in flow.SERVICES if subjects.EOC_STATE not in row.subscribes] == ["eoc_state"]


def test_only_the_working_set_may_be_purged() -> None:
    kept = {stream.name for stream in streams.STREAMS if stream.deny_purge and stream.deny_delete}
    assert kept == {streams.LEDGER, streams.MEDIA, streams.DEAD, streams.UPLOADS}


def test_the_workers_live_are_heard_of_by_who_tells_that_the_eoc_is_active() -> None:
    """The barrier names a post that another than its worker answered, unless that one was heard of since."""
    assert subjects.health("fanout") in flow.EOC_STATE.subscribes


class RecordingBus:
    """Takes the registrations of a service's wiring; no broker is there."""

    def __init__(self) -> None:
        self.consumed: set[str] = set()
        self.served: set[str] = set()
        self.heard: set[str] = set()

    def consume(self, consumer: streams.Consumer, _read: Any, _handler: Any, **_: Any) -> None:
        self.consumed.add(consumer.durable)

    def serve(self, base: str, _read: Any, _handler: Any, **_: Any) -> None:
        self.served.add(base)

    def subscribe(self, subject: str, _read: Any, _handler: Any, **_: Any) -> None:
        self.heard.add(subject)

    async def publish(self, subject: str, event: Contract) -> None:
        raise AssertionError("nothing is published before the service starts")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_city(tmp_path_factory.mktemp("flow") / "city", demo_plan())


@pytest.mark.parametrize("name", [row.name for row in flow.SERVICES])
def test_a_service_registers_what_its_row_says(city: City, name: str) -> None:
    """The map is what the code does: no durable that nobody pulls, no desk subject that nobody answers.

    Nothing is read from the ledger for that: it is not connected. Audit pulls its durable in batches of its own.
    """
    row, ledger, clock = flow.service(name), Ledger(), ManualClock(START)
    ports = Ports(
        "test", clock, logs.logger(), ledger, NatsSource(ledger), city.snapshot_path(row.user), city.mark_path(row.user)
    )
    bus = RecordingBus()
    register(
        assemble(row, city, ports, lambda *_: cast(MessageBus, bus))[0],
        importlib.import_module(f"services.{name}.wiring").wire,
    )
    of_the_row = {one.durable for one in (*row.consumes, *((row.again,) if row.again else ()))}
    assert bus.consumed == (set() if name == "audit" else of_the_row)
    assert bus.served == set(row.serves)
    assert bus.heard == set(row.subscribes)


def test_each_service_of_the_map_has_a_folder() -> None:
    folders = {module.name for module in pkgutil.iter_modules(services.__path__)}
    assert {row.name for row in flow.SERVICES} <= folders
