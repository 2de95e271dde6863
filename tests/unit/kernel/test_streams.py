"""Streams and durables as they have to be: what the projections, the fence and the batches rest on."""

from __future__ import annotations

import pytest

from schemas import streams, subjects
from schemas.streams import CONSUMERS, STREAMS, Consumer
from services.kernel.ledger.append_batch import MOST
from services.kernel.ledger.asking import USUAL
from services.kernel.ledger.drift import (
    consumer_config,
    consumer_differences,
    needed_consumers,
    needed_streams,
    stream_config,
    stream_differences,
)

BY_NAME = {stream.name: stream for stream in STREAMS}
LEDGER = BY_NAME[streams.LEDGER]


def test_the_ledger_alone_is_fed_read_in_batches_and_written_in_batches() -> None:
    for stream in STREAMS:
        is_ledger = stream is LEDGER
        assert (bool(stream.republish), stream.direct, stream.atomic) == (is_ledger, is_ledger, is_ledger)
    assert LEDGER.republish == subjects.FEED
    assert LEDGER.republish + subjects.LEDGER_ALL == "feed.ledger.>"
    assert subjects.matches(subjects.FEED_ALL, subjects.FEED + subjects.CONTROL)


def test_the_ledger_knows_a_repeat_again_for_longer_than_anybody_repeats_and_no_longer() -> None:
    longest = USUAL.seconds + USUAL.tries * (USUAL.seconds + 1.0)  # a batch, then its entries one by one
    assert 5 * longest < LEDGER.duplicate_window <= 600


def test_a_batch_stays_under_what_the_server_takes() -> None:
    assert MOST <= 1_000


def test_nothing_is_ever_taken_out_of_the_ledger() -> None:
    config = stream_config(LEDGER)
    assert (config.deny_delete, config.deny_purge, config.max_age, config.max_msgs, config.max_bytes) == (
        True, True, 0, -1, -1,
    )  # fmt: skip
    assert config.max_msgs_per_subject == -1


def test_only_pictures_that_nothing_names_go() -> None:
    for stream in STREAMS:
        config = stream_config(stream)
        goes = stream.name == streams.UPLOADS
        assert (config.max_age, config.max_msgs) == ((86_400.0, 500) if goes else (0, -1))


def test_the_streams_share_what_the_city_gives_them() -> None:
    """And at their limits the record and what is kept for people take nothing more, but lose nothing."""
    given = {stream.name: stream_config(stream, store_gb=10.0).max_bytes for stream in STREAMS}
    assert sum(one or 0 for one in given.values()) == 10_000_000_000
    assert given[streams.LEDGER] == 6_000_000_000
    assert {stream_config(stream).max_bytes for stream in STREAMS} == {-1}
    loses = {stream.name for stream in STREAMS if stream_config(stream).discard == "old"}
    assert loses == {streams.UPLOADS, streams.TRIES}


def test_what_waits_keeps_nothing_else_from_being_handed_out() -> None:
    """A verdict is in hand as long as its posts wait for a platform: far more may be in hand than can be open."""
    assert streams.FANOUT_VERDICTS.max_ack_pending >= 10_000
    assert streams.FANOUT_RESOLUTIONS.max_ack_pending >= 10_000


def test_a_copy_that_died_is_taken_over_well_before_a_lease_is_over() -> None:
    """Within 5 s of the lease of what it left open."""
    for consumer in (streams.FANOUT_VERDICTS, streams.FANOUT_RESOLUTIONS):
        assert consumer.ack_wait < streams.LEASE_SECONDS + 5.0


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda one: one.durable)
def test_a_durable_hands_everything_out_for_ever(consumer: Consumer) -> None:
    config = consumer_config(consumer)
    assert config.max_deliver == -1
    assert config.deliver_policy == "all"
    assert config.ack_policy == "explicit"


def test_there_is_no_durable_per_profile() -> None:
    """A city may have more profiles than a stream may have consumers."""
    assert not any("." in one.durable or "*" in one.durable for one in CONSUMERS)
    assert len({one.durable for one in CONSUMERS}) == len(CONSUMERS) < 20


@pytest.mark.parametrize("stream", STREAMS, ids=lambda one: one.name)
@pytest.mark.parametrize("field", ["allow_direct", "allow_atomic", "republish", "deny_delete", "duplicate_window"])
def test_a_stream_that_was_changed_is_found_at_start(stream: streams.Stream, field: str) -> None:
    wanted, present = stream_config(stream), stream_config(stream)
    assert stream_differences(wanted, present) == []
    value = getattr(present, field)
    changed = None if value else True
    setattr(present, field, changed)
    assert [name for name, _, _ in stream_differences(wanted, present)] == [field]


def test_a_durable_that_was_changed_is_found_at_start() -> None:
    wanted, present = consumer_config(streams.FANOUT_VERDICTS), consumer_config(streams.FANOUT_VERDICTS)
    assert consumer_differences(wanted, present) == []
    present.max_ack_pending = 1
    assert [name for name, _, _ in consumer_differences(wanted, present)] == ["max_ack_pending"]


def test_each_service_looks_at_what_it_needs() -> None:
    from schemas import flow

    for row in flow.SERVICES:
        assert {*row.reads, streams.DEAD} <= set(needed_streams(row))
        assert (streams.TRIES in needed_streams(row)) == bool(row.again)
        assert set(needed_consumers(row)) == {*row.consumes, *((row.again,) if row.again else ())}
