"""The board's state of posts that did not come through the gate."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from services.board.domain.notices import Notice, Step, body, title
from services.board.domain.outside_state import OutsideState
from services.kernel.ledger.entry import Entry
from tests.support.ledger_builder import FIRE, LedgerBuilder, demo_city, story, stranger

NAME = "a1b2c3d4e5f60718"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> LedgerBuilder:
    made = LedgerBuilder(demo_city(Path(tmp_path_factory.mktemp("state")) / "city"))
    story(made)
    return made


def taken(state: OutsideState, builder: LedgerBuilder, seq: int) -> None:
    line = builder.entries[seq - 1]
    assert line.seq == seq
    state.take(Entry(seq, line.subject, line.at, line.data, dict(line.headers)), builder.state())


def test_a_post_waits_until_an_officer_has_acknowledged_it(builder: LedgerBuilder) -> None:
    state, seq = OutsideState(), builder.outside()
    taken(state, builder, seq)
    taken(state, builder, seq)
    assert [view.seq for view in state.posts.values()] == [seq]
    assert state.by_profile() == {FIRE: 1}
    taken(state, builder, builder.acknowledge(seq, signer=stranger()))
    taken(state, builder, builder.acknowledge(seq - 1))
    taken(state, builder, builder.acknowledge(seq, realm="exercise"))
    assert NAME in state.posts
    taken(state, builder, builder.acknowledge(seq))
    assert state.posts == {}


def test_what_cannot_be_read_or_stands_elsewhere_is_let_be(builder: LedgerBuilder) -> None:
    state = OutsideState()
    taken(state, builder, builder.append(f"ledger.outside.{FIRE}.{NAME}", b"junk"))
    taken(state, builder, builder.append(f"ledger.acknowledgement.{FIRE}.{NAME}", b"junk"))
    taken(state, builder, builder.outside(outside="ffff"))
    assert state.posts == {}


def test_a_copy_neither_takes_its_place_nor_brings_it_back(builder: LedgerBuilder) -> None:
    """Who holds fanout's key can write the same id again, before an officer's word on it and after."""
    shown, all_of_them = OutsideState(), OutsideState(whole=True)
    seq = builder.outside()
    seqs = [seq, builder.outside(text="a copy"), builder.outside(outside="ffff"), builder.acknowledge(seq)]
    seqs += [builder.acknowledge(seq, officer="mcpe"), builder.outside(text="a copy, again")]
    for one in seqs:
        taken(shown, builder, one)
        taken(all_of_them, builder, one)
    assert shown.posts == {}
    (view,) = all_of_them.posts.values()
    assert (view.seq, view.post.text, view.acknowledged_by) == (seq, "All clear!", "pio")


def test_officers_are_told_what_it_is_and_what_to_type(builder: LedgerBuilder) -> None:
    state, seq = OutsideState(), builder.outside(text="All\nclear! " * 60)
    taken(state, builder, seq)
    (waiting,) = state.waiting()
    assert waiting.since <= builder.now + timedelta(seconds=1)
    notice = Notice(Step.FIRST, ("pio@mission.example",), (waiting,))
    text = body(notice, [("today, 04:00", "never")])
    assert f"{NAME}: a post that did not come through the gate, since today, 04:00" in text
    assert "did not come through the gate" in text
    assert f"onevoice outside ack {NAME}" in text
    assert "not posted after" not in text
    assert "1 message waits" in title(notice, "Mission")
