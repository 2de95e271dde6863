"""Where a request is: each arrow of the table is what the fold does, and golden ledgers take no other."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from services.kernel.base.city import load_city
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.fold.reopening import reopen
from services.kernel.fold.request_phase import OPEN_TO_A_VERDICT, OVER, TABLE, RequestEvent, RequestPhase
from services.kernel.ledger.entry import Entry
from tests.unit.projection.story import FIRE, PARKS, Story, begun, folded, of_request

BOTH = (FIRE, PARKS)
GOLDEN = Path(__file__).parents[2] / "support" / "golden"
_E, _P = RequestEvent, RequestPhase


def phase(story: Story) -> RequestPhase:
    """Where r1 stands; read from its subjects where it has left memory."""
    fold = folded(story).fold
    if "r1" not in fold.requests:
        fold = fold.apart()
        reopen(fold, "r1", of_request(story.entries, "r1"), 0.0)
    return fold.requests["r1"].phase


def reach(wanted: RequestPhase) -> Story:
    """Tell a story that ends with r1 in a phase; where it was cleared, one of its two profiles is left."""
    story = begun()
    story.request("r1", *BOTH)
    if wanted is _P.BLOCKED:
        story.verdict(outcome=Outcome.BLOCKED)
    elif wanted is not _P.UNDECIDED:
        story.verdict()
        story.receipt(story.attempt())
    if wanted is _P.TAKEN_BACK:
        story.verdict(outcome=Outcome.BLOCKED)
    elif wanted is _P.WINDING_UP:
        story.verdict(outcome=Outcome.REFUSED)
    elif wanted is _P.ENDED:
        happen(story, _E.LAST_RECEIPT)
    elif wanted is _P.UNCONFIRMED:
        happen(story, _E.LAST_RECEIPT_UNCONFIRMED)
    return story


def happen(story: Story, event: RequestEvent) -> None:
    """Let an event happen to r1."""
    if event in (_E.VERDICT_CLEARED, _E.VERDICT_BLOCKED, _E.VERDICT_REFUSED):
        story.verdict(outcome=Outcome(event.removeprefix("verdict ")))
    elif event is _E.LAST_RECEIPT:
        story.now = max(story.now, story.requests["r1"].expires_at)
        story.receipt(0, ReceiptOutcome.EXPIRED, profile=PARKS)
    elif event is _E.LAST_RECEIPT_UNCONFIRMED:
        story.receipt(story.attempt(profile=PARKS), ReceiptOutcome.UNCONFIRMED, profile=PARKS)
    elif event is _E.POST_UNSURE:
        story.receipt(story.last(subjects.attempt(FIRE, "r1")), ReceiptOutcome.UNCONFIRMED)
    else:
        resolve(story, event)


def resolve(story: Story, event: RequestEvent) -> None:
    """Let a person decide on the unconfirmed post of r1."""
    if event is _E.POST_AGAIN_WHILE_BLOCKED:
        story.verdict(outcome=Outcome.BLOCKED)
    target = folded(story).state().target(PARKS)
    decided = story.resolve(target.receipt_seq, profile=PARKS)
    outcome = ReceiptOutcome.DELIVERED if event is _E.FOUND_OUT else ReceiptOutcome.WITHHELD
    story.receipt(target.attempt_seq, outcome, profile=PARKS, resolution_seq=decided)


def told_before_the_attempt(before: RequestPhase, event: RequestEvent) -> bool:
    """Return whether an attempt has to be under way already, for none counts after the verdict of this phase."""
    return event is _E.LAST_RECEIPT_UNCONFIRMED and before is not _P.CLEARED


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [(before, event, after) for before, row in TABLE.transitions.items() for event, after in row.items()],
    ids=str,
)
def test_the_fold_goes_where_each_arrow_points(before: RequestPhase, event: RequestEvent, after: RequestPhase) -> None:
    if told_before_the_attempt(before, event):
        story = reach(_P.CLEARED)
        attempt = story.attempt(profile=PARKS)
        story.verdict(outcome=Outcome.BLOCKED if before is _P.TAKEN_BACK else Outcome.REFUSED)
        assert phase(story) is before
        story.receipt(attempt, ReceiptOutcome.UNCONFIRMED, profile=PARKS)
    else:
        story = reach(before)
        assert phase(story) is before
        happen(story, event)
    assert phase(story) is after


def test_a_late_verdict_changes_nothing_of_a_request_that_has_ended() -> None:
    story = reach(_P.CLEARED)
    happen(story, _E.LAST_RECEIPT)
    for outcome in Outcome:
        story.verdict(outcome=outcome)
        assert phase(story) is _P.ENDED


def test_the_gate_decides_until_a_request_is_refused_or_ended() -> None:
    assert {_P.UNDECIDED, _P.BLOCKED, _P.CLEARED, _P.TAKEN_BACK} == OPEN_TO_A_VERDICT
    assert {_P.ENDED, _P.REFUSED} == OVER


@pytest.mark.parametrize("release", ["0.1.0", "0.2.0", "0.3.0"])
def test_the_ledger_of_each_release_takes_no_other_way(release: str) -> None:
    city = load_city(GOLDEN / release / "record")
    authority = Authority("live", frozenset(city.authority.root_keys), city.authority.threshold)
    fold = LedgerFold(authority, EVERYTHING)
    seen: dict[str, RequestPhase] = {}
    for raw in (city.audit_folder / "ledger.jsonl").read_bytes().splitlines():
        line = json.loads(raw)["entry"]
        at, data = datetime.fromisoformat(line["at"]), line["text"].encode()
        fold.apply(Entry(line["seq"], line["subject"], at, data, line["headers"]), 0.0)
        for name, state in fold.requests.items():
            before = seen.get(name, state.phase)
            assert state.phase in (before, *TABLE.transitions[before].values()), f"{name} at {line['seq']}"
            seen[name] = state.phase
    assert seen
