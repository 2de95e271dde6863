"""An attempt that another than its worker answered is remembered, and so is it when its post turns out to be public."""

from __future__ import annotations

from datetime import timedelta

from schemas.events import control as c
from schemas.events.broadcasts import LatePost
from schemas.events.control import UnknownPost
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.taken_over import SHOWN, late_posts, still_unknown
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
    [found] = late_posts(fold.taken_over, (), (), story.now)
    assert found == LatePost(
        profile=FIRE, request_id="r1", attempt_seq=made, address=URL, attempted_at=fold.taken_over[made].at
    )
