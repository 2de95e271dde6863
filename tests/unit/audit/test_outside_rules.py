"""Posts that did not come through the gate, and officers' word on them, replayed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas import canonical, subjects
from schemas.events.control import Revoke
from services.audit.proof import verify_record
from services.audit.record.media import picture_path
from services.kernel.base.city import City
from tests.support.ledger_builder import FIRE, LedgerBuilder, story, stranger
from tests.unit.audit.judging import Verify, named, warned

NAME = "a1b2c3d4e5f60718"


@pytest.fixture
def builder(city: City) -> LedgerBuilder:
    made = LedgerBuilder(city)
    story(made)
    return made


def test_an_outside_post_that_an_officer_acknowledged_verifies(builder: LedgerBuilder, verify: Verify) -> None:
    builder.acknowledge(builder.outside())
    assert named(verify(builder)) == set()


def test_evidence_that_is_bent_in_the_copy_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    digest = canonical.sha256(b"a picture")
    seq = builder.outside(card_sha256=digest)
    assert (seq, "media.missing") in warned(verify(builder))
    path = picture_path(builder.city.audit_folder, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"another picture")
    assert named(verify_record(builder.city, builder.now)) == {(seq, "media.damaged")}


def test_the_same_post_twice_and_the_same_word_twice_are_found(builder: LedgerBuilder, verify: Verify) -> None:
    seq = builder.outside()
    again = builder.outside()
    builder.acknowledge(seq)
    twice = builder.acknowledge(seq)
    assert named(verify(builder)) == {(again, "outside.twice"), (twice, "acknowledgement.twice")}


def test_an_append_that_was_repeated_is_one_word(builder: LedgerBuilder, verify: Verify) -> None:
    """The same bytes again, also when their officer is gone and their time is over, say nothing new."""
    seq = builder.outside()
    word = builder.entries[builder.acknowledge(seq) - 1]
    builder.append(word.subject, word.data, fence=(subjects.outside(FIRE, NAME), seq))
    builder.order("mcpe", Revoke(officer="pio"))
    builder.wait(300)
    builder.append(word.subject, word.data)
    assert named(verify(builder)) == set()


def test_a_word_that_was_wrong_is_so_each_time(builder: LedgerBuilder, verify: Verify) -> None:
    seq = builder.outside()
    late = builder.acknowledge(seq, expires_at=builder.now - timedelta(minutes=1))
    again = builder.append(builder.entries[late - 1].subject, builder.entries[late - 1].data)
    found = named(verify(builder))
    assert {(late, "acknowledgement.expired"), (again, "acknowledgement.twice")} <= found


def test_a_word_by_another_key_or_without_the_role_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    seq = builder.outside()
    forged = builder.acknowledge(seq, signer=stranger())
    assert (forged, "acknowledgement.signature") in named(verify(builder))


def test_a_word_of_who_may_not_or_does_not_any_more_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    builder.wait(30)
    clerk = builder.acknowledge(builder.outside(), officer="clerk")
    builder.order("mcpe", Revoke(officer="pio"))
    builder.wait(30)
    revoked = builder.acknowledge(builder.outside(name="b1b2c3d4e5f60718"), name="b1b2c3d4e5f60718")
    found = named(verify(builder))
    assert (clerk, "acknowledgement.role") in found
    assert {code for seq, code in found if seq == revoked} >= {"acknowledgement.role"}


def test_a_word_late_unfenced_or_on_nothing_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    seq = builder.outside()
    late = builder.acknowledge(seq, expires_at=builder.now - timedelta(minutes=1))
    assert named(verify(builder)) == {(late, "acknowledgement.expired")}
    other = builder.outside(name="b1b2c3d4e5f60718")
    loose = builder.acknowledge(other, name="b1b2c3d4e5f60718", fence=(subjects.outside(FIRE, NAME), seq))
    nothing = builder.acknowledge(3, name="c1b2c3d4e5f60718")
    found = named(verify(builder))
    assert {(loose, "acknowledgement.unfenced"), (nothing, "acknowledgement.post")} <= found


def test_what_stands_under_another_name_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    seq = builder.outside(outside="b1b2c3d4e5f60718")
    assert (seq, "event.subject") in named(verify(builder))
