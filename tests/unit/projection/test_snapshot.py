"""A snapshot: who starts from it holds what who read the whole ledger holds; a damaged one is thrown away."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.fold.reopening import resume
from services.kernel.projection.snapshot import (
    ENTRIES_AN_OPEN_ONE,
    FEW_OPEN,
    FOLD_VERSION,
    Snapshot,
    hash_of,
    read,
    taken,
)
from tests.unit.projection.story import AUTHORITY, FIRE, PARKS, Reader, Story, begun, folded, of_request, picture
from tests.unit.projection.test_fold_properties import anything, tell


def resumed(story: Story, at: int) -> Reader:
    """A reader that starts from the snapshot that was taken at ``at``."""
    prefix = story.entries[:at]
    snapshot = taken(Reader().read(prefix).fold, prefix[-1])
    assert snapshot is not None
    found = read(snapshot.to_bytes(), AUTHORITY)
    assert found == snapshot
    reader = Reader()
    resume(reader.fold, part(prefix, snapshot), frozenset(snapshot.counted), 0.0)
    reader.fold.seq, reader.fold.ruled_from = snapshot.seq, snapshot.ruled_from
    reader.fold.taken_over = snapshot.sleepers(0.0)
    reader._seen = list(prefix)
    return reader


def part(entries: list, snapshot: Snapshot) -> list:  # type: ignore[type-arg]
    """What is read at the start: control, and what is open."""
    control = [one for one in entries if one.subject == subjects.CONTROL]
    found = [(one, profiles) for name, profiles in snapshot.requests for one in of_request(entries, name)]
    return control + [one for one, profiles in found if _is_read(one.subject, profiles)]


def _is_read(subject: str, profiles: tuple[str, ...]) -> bool:
    place = subjects.place_of(subject)
    return place.kind not in ("attempt", "receipt") or place.name in profiles


@settings(max_examples=200, deadline=None)
@given(anything, st.integers(1, 60))
def test_a_start_from_any_snapshot_holds_what_the_whole_ledger_says(
    moves: list[tuple[str, str, object]], at: int
) -> None:
    story, _ = tell(moves)
    at = min(at, len(story.entries))
    whole, short = Reader().read(story.entries[:at]), resumed(story, at)
    assert picture(short.fold) == picture(whole.fold)
    whole.read(story.entries)
    short.read(story.entries)
    assert picture(short.fold) == picture(whole.fold)
    later = {seq: said for seq, said in whole.applied.items() if seq > at}
    assert short.applied == later


def test_a_void_attempt_stays_void_though_what_made_it_so_is_over() -> None:
    story = begun().cleared("r1").cleared("r2")
    first = story.attempt("r1")
    void = story.attempt("r2")
    story.receipt(first, name="r1")
    reader = resumed(story, len(story.entries))
    assert "r1" not in reader.fold.requests
    assert reader.state("r2").target(FIRE).effective == []
    assert reader.state("r2").target(FIRE).number == 1
    assert void not in {seq for seq, _ in reader.fold.busy.values()}


def test_an_attempt_under_way_still_holds_its_profile() -> None:
    story = begun().cleared("r1", FIRE, PARKS)
    story.attempt("r1", PARKS)
    assert resumed(story, len(story.entries)).fold.busy == {PARKS: (len(story.entries), "r1")}


def test_a_request_that_comes_again_after_it_was_over_stays_over() -> None:
    """Before the first attempt of a new city too: junk must not bring a message back."""
    story = begun()
    story.request()
    story.approve()
    story.verdict()
    story.receipt(0, ReceiptOutcome.EXPIRED)
    again = story.put(subjects.request("r1"), story.requests["r1"])
    reader = folded(story)
    assert reader.void(again) == "the request is there already"
    assert picture(resumed(story, again).fold) == picture(reader.fold)


SAID = folded(begun().cleared())


def snapshot() -> bytes:
    found = taken(SAID.fold, SAID._seen[-1])
    assert found is not None
    return found.to_bytes()


def changed(**values: object) -> bytes:
    value = json.loads(snapshot())
    value["snapshot"] |= values
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        snapshot()[:-7],
        changed(seq=2),
        changed(requests=[]),
        changed(counted=[7]),
        changed(version=99),
    ],
)
def test_what_is_damaged_is_none(raw: bytes) -> None:
    assert read(snapshot(), AUTHORITY) is not None
    assert read(raw, AUTHORITY) is None


def test_other_pinned_keys_or_another_version_begin_anew() -> None:
    raw = snapshot()
    assert read(raw, Authority("exercise", AUTHORITY.root_keys, 2)) is None
    assert read(raw, Authority("live", AUTHORITY.root_keys, 1)) is None
    found = read(raw, AUTHORITY)
    assert found is not None
    assert read(replace(found, version=FOLD_VERSION - 1).to_bytes(), AUTHORITY) is None


def test_none_is_taken_while_too_much_is_open_or_of_another_moment() -> None:
    newest = SAID._seen[-1]
    assert taken(SAID.fold, SAID._seen[0]) is None
    assert taken(crowded(FEW_OPEN, newest.seq), newest) is not None
    assert taken(crowded(FEW_OPEN + 1, newest.seq), newest) is None


def test_a_long_ledger_with_much_that_is_open_has_one_too() -> None:
    """257 tasks that nobody carried out had a start read a million entries."""
    newest = SAID._seen[-1]._replace(seq=1_000_000)
    most = newest.seq // ENTRIES_AN_OPEN_ONE
    assert taken(crowded(most, newest.seq), newest) is not None
    assert taken(crowded(most + 1, newest.seq), newest) is None


def crowded(count: int, seq: int) -> LedgerFold:
    fold = LedgerFold(AUTHORITY, EVERYTHING, seq=seq)
    fold.requests = {f"r{number}": SAID.state() for number in range(count)}
    return fold


def test_the_hash_is_of_the_subject_too() -> None:
    one, other = begun().entries[0], begun().entries[0]
    assert hash_of(one) != hash_of(Reader().read([other])._seen[0].__class__(1, "ledger.other", one.at, one.data, {}))
