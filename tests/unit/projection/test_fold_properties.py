"""What holds of the fold whatever the ledger tells: stories made by chance, genuine entries and forged ones mixed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from services.kernel.fold.reopening import reopen
from tests.unit.fanout.world import STRANGER
from tests.unit.projection.story import FIRE, PARKS, Reader, Story, begun, gist, of_request, picture

NAMES = ("r1", "r2", "r3")
PLACES = (FIRE, PARKS)
OUTCOMES = tuple(ReceiptOutcome)

names, places = st.sampled_from(NAMES), st.sampled_from(PLACES)
genuine = st.one_of(
    st.tuples(st.just("request"), names, st.sampled_from([(FIRE,), PLACES])),
    st.tuples(st.just("said"), names, st.sampled_from(["approve", "reject"])),
    st.tuples(st.just("verdict"), names, st.sampled_from([*[Outcome.CLEARED] * 4, *Outcome])),
    st.tuples(st.just("attempt"), names, places),
    st.tuples(st.just("attempt"), st.sampled_from(["r1", "r2"]), st.just(FIRE)),
    st.tuples(
        st.just("receipt"), names, st.tuples(places, st.sampled_from([*[ReceiptOutcome.DELIVERED] * 4, *OUTCOMES]))
    ),
    st.tuples(st.just("decide"), names, places),
    st.tuples(st.just("control"), st.sampled_from(["hold", "activate", "stand_down"]), st.just(())),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from([1.0, 600.0])),
)
forged = st.one_of(
    st.tuples(st.just("junk"), names, st.sampled_from(["request", "verdict", "receipt", "attempt", "approval"])),
    st.tuples(st.just("old verdict"), names, st.integers(0, 3)),
    st.tuples(st.just("any receipt"), names, st.tuples(places, st.integers(0, 60))),
    st.tuples(st.just("stolen"), names, st.sampled_from(["cao", "mcpe"])),
    st.tuples(st.just("again"), names, st.just(())),
)
START = (
    ("request", "r1", PLACES),
    ("verdict", "r1", Outcome.CLEARED),
    ("request", "r2", (FIRE,)),
    ("verdict", "r2", Outcome.CLEARED),
)
honest = st.lists(genuine, min_size=8, max_size=40).map(lambda moves: [*START, *moves])
anything = st.lists(st.one_of(genuine, genuine, forged), min_size=8, max_size=40).map(lambda moves: [*START, *moves])


def tell(moves: list[tuple[str, str, Any]]) -> tuple[Story, Reader]:
    """Tell a story move by move, as services would that know the fold; what cannot be said is left out."""
    story, reader = begun(), Reader()
    for move in moves:
        reader.read(story.entries)
        _say(story, reader, move)
    return story, reader.read(story.entries)


def _say(story: Story, reader: Reader, move: tuple[str, str, Any]) -> None:
    what, name, more = move
    if what == "request":
        if name not in story.requests:
            story.request(name, *more)
    elif what == "control":
        getattr(story, name)()
    elif what == "wait":
        story.wait(float(more))
    elif name in story.requests:
        _say_of(story, reader, what, name, more)


def _say_of(story: Story, reader: Reader, what: str, name: str, more: Any) -> None:
    state = reader.fold.requests.get(name)
    if what == "said":
        getattr(story, str(more))(name)
    elif what == "verdict":
        story.verdict(name, Outcome(str(more)))
    elif what == "attempt":
        story.attempt(name, str(more))
    elif what == "receipt":
        profile, outcome = more
        seq = state.target(profile).attempt_seq if state else 0
        if seq or outcome in (ReceiptOutcome.EXPIRED, ReceiptOutcome.WITHHELD):
            story.receipt(seq, outcome, name, profile)
    elif what == "decide" and state is not None and state.target(str(more)).is_unconfirmed:
        target = state.target(str(more))
        decided = story.resolve(target.receipt_seq, name, str(more))
        story.receipt(target.attempt_seq, ReceiptOutcome.WITHHELD, name, str(more), resolution_seq=decided)
    else:
        _forge(story, what, name, more)


def _forge(story: Story, what: str, name: str, more: Any) -> None:
    if what == "junk":
        place = {"request": name, "verdict": name, "approval": f"{name}.cao"}.get(str(more), f"{FIRE}.{name}")
        story.put(f"ledger.{more}.{place}", b"{}")
    elif what == "old verdict":
        story.verdict(name, control_seq=story.revision - int(str(more)), targets=PLACES)
    elif what == "any receipt":
        profile, seq = more
        story.receipt(seq, ReceiptOutcome.DELIVERED, name, profile)
    elif what == "stolen":
        story.approve(name, str(more), key=STRANGER)
    elif what == "again":
        story.put(subjects.request(name), story.requests[name])


@settings(max_examples=150, deadline=None)
@given(anything, st.integers(0, 60))
def test_a_fold_over_any_prefix_is_a_function_of_its_entries(moves: list[tuple[str, str, Any]], at: int) -> None:
    """Whoever starts later, at another boot time, and reads at one go holds the same."""
    story, reader = tell(moves)
    prefix = story.entries[:at]
    early = Reader(boot=1_000.0).read(prefix)
    again = Reader().read(prefix)
    assert picture(early.fold) == picture(again.fold)
    assert early.applied == again.applied
    early.read(story.entries)
    assert picture(early.fold) == picture(reader.fold)
    assert early.applied == reader.applied


@settings(max_examples=200, deadline=None)
@given(honest)
def test_a_request_that_is_read_from_its_subjects_alone_is_as_the_fold_has_it(
    moves: list[tuple[str, str, Any]],
) -> None:
    """Of each that is in memory and has nothing under way: so what left memory comes back as it was."""
    story, reader = tell(moves)
    for name, state in reader.fold.requests.items():
        if any(target.is_open for target in state.targets.values()):
            continue
        apart = reader.fold.apart()
        reopen(apart, name, of_request(story.entries, name), 0.0)
        assert gist(apart.requests[name]) == gist(state)
        assert apart.busy == {}


@settings(max_examples=200, deadline=None)
@given(anything)
def test_what_holds_at_each_moment(moves: list[tuple[str, str, Any]]) -> None:
    story, _ = tell(moves)
    watched = Reader()
    for number in range(1, len(story.entries) + 1):
        watched.read(story.entries[:number])
        fold = watched.fold
        assert fold.seq == number
        assert fold.control_seq == max(one.seq for one in story.entries[:number] if one.subject == subjects.CONTROL)
        assert not any(state.is_over for state in fold.requests.values()), "what is over has left memory"
        under_way: Counter[str] = Counter()
        for name, state in fold.requests.items():
            for profile, target in state.targets.items():
                under_way[profile] += target.is_open and not target.lapsed
                assert target.is_open == (target.attempt_seq > 0 and not target.answered)
                assert sorted(target.effective) == target.effective
                if target.is_open and not target.lapsed:
                    assert fold.busy[profile] == (target.attempt_seq, name)
        assert all(count <= 1 for count in under_way.values()), "one at a time on each profile"
        assert len(fold.busy) == sum(under_way.values()), "nobody holds a profile but who is under way"


@settings(max_examples=150, deadline=None)
@given(anything)
def test_after_a_post_stands_nothing_is_attempted_there_but_by_a_persons_word(
    moves: list[tuple[str, str, Any]],
) -> None:
    """Invariant 4, by the ledger's order alone: whatever copies, stolen keys and junk write."""
    story, reader = tell(moves)
    ended: dict[tuple[str, str], bool] = {}
    for entry in story.entries:
        words = entry.subject.split(".")
        if reader.void(entry.seq) or words[1] not in ("attempt", "receipt"):
            continue
        place = (words[2], words[3])
        if words[1] == "attempt":
            assert not ended.get(place), f"{place} had ended when {entry.seq} was attempted"
        else:
            said = entry.data
            final = b'"final":true' in said
            if b'"outcome":"lapsed"' not in said:
                ended[place] = final
