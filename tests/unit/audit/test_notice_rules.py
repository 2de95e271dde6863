"""Notices that went out, replayed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.base.city import City
from tests.support.ledger_builder import LedgerBuilder, story
from tests.unit.audit.judging import Verify, named


@pytest.fixture
def builder(city: City) -> LedgerBuilder:
    made = LedgerBuilder(city)
    story(made)
    return made


def test_a_notice_in_its_place_verifies(builder: LedgerBuilder, verify: Verify) -> None:
    builder.notice("raaaaaaaaaaaa")
    builder.notice("raaaaaaaaaaaa", step="deputies", to=("ntfy",))
    assert named(verify(builder)) == set()


def test_the_same_notice_twice_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    since = builder.now - timedelta(minutes=3)
    builder.notice("raaaaaaaaaaaa", since=since)
    twice = builder.notice("raaaaaaaaaaaa", since=since)
    assert named(verify(builder)) == {(twice, "notice.twice")}


def test_a_notice_that_was_told_later_than_it_stands_or_before_it_waited_is_found(
    builder: LedgerBuilder, verify: Verify
) -> None:
    later = builder.notice("raaaaaaaaaaaa", sent_at=builder.now + timedelta(hours=1))
    early = builder.notice("raaaaaaaaaaaa", since=builder.now + timedelta(hours=1), step="reminder")
    assert named(verify(builder)) == {(later, "notice.time"), (early, "notice.time")}


def test_a_notice_under_another_request_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    seq = builder.notice("raaaaaaaaaaaa", place="rbbbbbbbbbbbb")
    assert named(verify(builder)) == {(seq, "event.subject")}
