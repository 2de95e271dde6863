"""An attempt that another than its worker answered is remembered, and so is it when its post turns out to be public."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events import control as c
from schemas.events.broadcasts import LatePost
from schemas.events.control import UnknownPost
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.taken_over import SHOWN, late_posts, still_unknown
from tests.unit.fanout import world
from tests.unit.projection.story import FIRE, PARKS, Story, begun, folded, picture
from tests.unit.projection.test_snapshot import resumed

URL = "https://mastodon.example/1"


def held_back(*targets: str) -> tuple[Story, int]:
    """Another copy said that an attempt had not posted, and the request is blocked by then."""
    story = begun().cleared("r1", *targets)
    made = story.attempt(worker="worker-1")
    story.hold()
    story.verdict(outcome=Outcome.BLOCKED)
    story.receipt(made, ReceiptOutcome.WITHHELD, worker="worker-2")
    return story, made


def late(fold: LedgerFold, story: Story, after: timedelta = timedelta(0)) -> list[tuple[int, str]]:
    now, named, replaced = story.now + after, fold.control.unknown, fold.chain.replaced
    return [(one.attempt_seq, one.address) for one in late_posts(fold.taken_over, named, replaced, now)]


def test_what_is_public_after_all_is_late_while_it_is_taken_back() -> None:
    """For a day, and also once its request has left memory; from a snapshot, too."""
    story, made = held_back()
    assert late(folded(story).fold, story) == []
    seq = story.receipt(made, url=URL, worker="worker-3")
    fold = folded(story).fold
    assert "r1" not in fold.requests
    assert late(fold, story) == [(made, URL)]
    assert late(fold, story, SHOWN) == []
    assert len(late_posts(fold.taken_over, (), {}, None)) == 1, "nobody knows the time"
    assert picture(resumed(story, seq).fold) == picture(fold)


def test_one_that_is_cleared_is_on_time() -> None:
    story = begun().cleared("r1", FIRE, PARKS)
    made = story.attempt(worker="worker-1")
    story.receipt(made, ReceiptOutcome.WITHHELD, worker="worker-2")
    story.receipt(made, url=URL, worker="worker-1")
    fold = folded(story).fold
    assert (fold.taken_over[made].stands, fold.taken_over[made].late) == (URL, False)
    assert late(fold, story) == []


def test_what_another_found_at_once_is_not_late_either() -> None:
    story = begun().cleared("r1", FIRE, PARKS)
    made = story.attempt(worker="worker-1")
    story.receipt(made, remote_id="7", worker="worker-2")
    story.receipt(made, ReceiptOutcome.UNCONFIRMED, worker="worker-2")
    assert folded(story).fold.taken_over[made].stands == "7"
    assert late(folded(story).fold, story) == []


def test_what_was_recalled_is_over() -> None:
    story, made = held_back()
    story.receipt(made, worker="worker-3")
    assert late(folded(story).fold, story) == [(made, FIRE)]
    story.cleared("r2", replaces="r1")
    assert late(folded(story).fold, story) == []


def recalled_before(**recall: Any) -> tuple[Story, int]:
    """Another copy said that an attempt had not posted, and the message was recalled before its post was found."""
    story = begun().cleared("r1", FIRE, PARKS)
    made = story.attempt(worker="worker-1")
    story.receipt(made, ReceiptOutcome.WITHHELD, worker="worker-2")
    story.cleared("r2", FIRE, PARKS, replaces="r1", **recall)
    return story, made


def test_what_is_found_after_its_recall_is_late_and_names_it() -> None:
    """Nothing was there that the recall could take back, so it ended; what comes after it is still to be seen. From a
    snapshot, too.
    """
    story, made = recalled_before()
    story.verdict("r1", outcome=Outcome.REFUSED)
    story.put(subjects.receipt(FIRE, "r2"), world.receipt(story.requests["r2"], attempt_seq=0, final=True))
    assert late(folded(story).fold, story) == []
    seq = story.receipt(made, url=URL, worker="worker-3")
    fold = folded(story).fold
    assert late(fold, story) == [(made, URL)]
    [found] = late_posts(fold.taken_over, (), fold.chain.replaced, story.now)
    assert found.replaced_by == "r2"
    assert late(fold, story, SHOWN) == []
    assert picture(resumed(story, seq).fold) == picture(fold)


def test_what_is_found_before_the_gate_has_looked_again_is_late_too() -> None:
    """Its own verdict still clears it."""
    story, made = recalled_before()
    story.receipt(made, url=URL, worker="worker-3")
    assert late(folded(story).fold, story) == [(made, URL)]


@pytest.mark.parametrize(
    ("outcome", "profile", "left"),
    [
        (ReceiptOutcome.RECALLED, FIRE, False),
        (ReceiptOutcome.DELIVERED, FIRE, False),
        (ReceiptOutcome.FAILED, FIRE, True),
        (ReceiptOutcome.RECALLED, PARKS, True),
    ],
)
def test_a_recall_that_is_made_after_it_was_found_ends_it(outcome: ReceiptOutcome, profile: str, left: bool) -> None:
    """It takes back what is on record there: on that profile, and if it is done."""
    story, made = recalled_before()
    story.receipt(made, url=URL, worker="worker-3")
    story.verdict("r1", outcome=Outcome.REFUSED)
    if profile == PARKS:
        story.put(subjects.receipt(PARKS, "r1"), world.receipt(story.requests["r1"], profile=PARKS, attempt_seq=0))
    recall = story.attempt("r2", profile)
    story.receipt(recall, outcome, name="r2", profile=profile)
    assert late(folded(story).fold, story) == ([(made, URL)] if left else [])


def test_a_recall_that_was_under_way_when_it_was_found_does_not_end_it() -> None:
    """It had looked before, and taken back what it knew of."""
    story, made = recalled_before()
    story.verdict("r1", outcome=Outcome.REFUSED)
    end = world.receipt(story.requests["r1"], outcome=ReceiptOutcome.WITHHELD, attempt_seq=0, final=True)
    story.put(subjects.receipt(FIRE, "r1"), end)
    recall = story.attempt("r2", FIRE)
    story.receipt(made, url=URL, worker="worker-3")
    story.receipt(recall, ReceiptOutcome.RECALLED, name="r2")
    assert late(folded(story).fold, story) == [(made, URL)]


def test_the_recall_of_its_correction_ends_it_too() -> None:
    """What is taken back with a correction is also what that corrected."""
    story, made = recalled_before()
    story.verdict("r1", outcome=Outcome.REFUSED)
    end = world.receipt(story.requests["r1"], outcome=ReceiptOutcome.WITHHELD, attempt_seq=0, final=True)
    story.put(subjects.receipt(FIRE, "r1"), end)
    story.receipt(story.attempt("r2", FIRE), name="r2")
    story.receipt(made, url=URL, worker="worker-3")
    story.cleared("r3", FIRE, PARKS, replaces="r2")
    story.verdict("r2", outcome=Outcome.REFUSED)
    assert late(folded(story).fold, story) == [(made, URL)]
    story.receipt(story.attempt("r3", FIRE), ReceiptOutcome.RECALLED, name="r3")
    assert late(folded(story).fold, story) == []


def test_what_was_named_as_unknown_and_recalled_before_it_was_found_is_told_of() -> None:
    story, made = recalled_before()
    named = UnknownPost(profile=FIRE, request_id="r1", attempt_seq=made)
    began = story.order("director", c.EocActivate(level=2, incident="flood"))
    story.put("ledger.control", c.EocActive(at=story.now, activating_seq=began, unknown=(named,)))
    story.receipt(made, url=URL, worker="worker-3")
    fold = folded(story).fold
    assert still_unknown(fold.taken_over, fold.control.unknown) == ()
    assert late(fold, story, timedelta(days=9)) == [(made, URL)]


def test_what_was_named_as_unknown_is_public_when_anybody_says_so() -> None:
    """Its own worker, too; as long as it is named, however long that is."""
    story = begun().cleared("r1")
    made = story.attempt(worker="worker-1")
    named = UnknownPost(profile=FIRE, request_id="r1", attempt_seq=made)
    began = story.order("director", c.EocActivate(level=2, incident="flood"))
    story.put("ledger.control", c.EocActive(at=story.now, activating_seq=began, unknown=(named,)))
    fold = folded(story).fold
    assert still_unknown(fold.taken_over, fold.control.unknown) == (named,)
    story.receipt(made, url=URL, worker="worker-1")
    fold = folded(story).fold
    assert still_unknown(fold.taken_over, fold.control.unknown) == ()
    assert late(fold, story, timedelta(days=9)) == [(made, URL)]
    story.stand_down()
    assert late(folded(story).fold, story) == []


def test_what_is_long_ago_is_forgotten_when_the_next_one_comes() -> None:
    story, made = held_back()
    for number, (hours, kept) in enumerate(((0.5, {made}), (1.0, set[int]()))):
        story.wait(hours * 3_600)
        name, ends = f"r{number + 2}", story.now + timedelta(hours=1)
        story.request(name, PARKS, expires_at=ends)
        story.verdict(name, valid_until=ends)
        other = story.attempt(name, PARKS, worker="worker-1")
        story.receipt(other, ReceiptOutcome.FAILED, name=name, profile=PARKS, worker="worker-2")
        assert set(folded(story).fold.taken_over) == {*kept, other}


def test_a_late_post_says_where_it_is() -> None:
    story, made = held_back()
    story.receipt(made, url=URL, worker="worker-3")
    fold = folded(story).fold
    [found] = late_posts(fold.taken_over, (), {}, story.now)
    assert found == LatePost(
        profile=FIRE, request_id="r1", attempt_seq=made, address=URL, attempted_at=fold.taken_over[made].at
    )
