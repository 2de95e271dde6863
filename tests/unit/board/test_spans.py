"""A request's way as spans: one trace, whole from its acceptance to its last receipt, without a word of the message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.platforms import MIRROR
from services.board.domain.spans import LedgerSpan, SpanTracker, trace_of

AT = datetime(2026, 1, 31, 14, tzinfo=UTC)
REQUEST = {"author_kind": "officer", "author": "pio", "text": "secret words", "crisis": True, "scope": "profiles"}
CLEARED = {"outcome": "cleared", "posture": "routine", "targets": ["fire-x"], "mirror": True}


def told(tracker: SpanTracker, *entries: tuple[str, dict[str, Any]]) -> list[LedgerSpan]:
    """Take entries, one a second."""
    found: list[LedgerSpan] = []
    for seq, (subject, body) in enumerate(entries, 1):
        found += tracker.take(seq, subject, AT + timedelta(seconds=seq), body)
    return found


def the_whole_way() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("ledger.request.r1", REQUEST),
        ("ledger.verdict.r1", {"outcome": "blocked", "posture": "routine"}),
        ("ledger.approval.r1.mcpe", {"officer": "mcpe"}),
        ("ledger.verdict.r1", CLEARED),
        ("ledger.attempt.fire-x.r1", {}),
        (f"ledger.attempt.{MIRROR}.r1", {}),
        ("ledger.receipt.fire-x.r1", {"attempt_seq": 5, "outcome": "delivered", "final": True, "platform": "x"}),
        (f"ledger.receipt.{MIRROR}.r1", {"attempt_seq": 6, "outcome": "delivered", "final": True}),
    ]


def test_one_trace_from_request_to_receipt() -> None:
    """Each span has the request's trace, and its own span as parent; times are the entries'."""
    found = told(SpanTracker("live"), *the_whole_way())
    assert [(one.service, one.name, (one.end - one.start).seconds) for one in found] == [
        ("intake", "accepted", 0),
        ("gatekeeper", "decide", 1),
        ("people", "wait for an approval", 1),
        ("gatekeeper", "decide", 1),
        ("fanout", "post to fire-x", 2),
        ("fanout", f"post to {MIRROR}", 2),
        ("intake", "message", 7),
    ]
    assert {one.trace for one in found} == {trace_of("live", "r1")}
    root = found[-1]
    assert root.parent is None
    assert {one.parent for one in found[:-1]} == {root.id}
    assert len({one.id for one in found}) == len(found)


def test_two_boards_tell_the_same_and_realms_do_not() -> None:
    """Ids follow from the ledger."""
    assert told(SpanTracker("live"), *the_whole_way()) == told(SpanTracker("live"), *the_whole_way())
    assert trace_of("live", "r1") != trace_of("exercise", "r1")


def test_no_word_and_no_person_goes_out() -> None:
    """What a collector gets is about the system."""
    said = repr(told(SpanTracker("live"), *the_whole_way()))
    assert "secret" not in said
    assert "pio" not in said
    assert "mcpe" not in said


def test_a_refusal_ends_a_trace_as_an_error() -> None:
    """And so does a post that failed end its span."""
    found = told(
        SpanTracker("live"),
        ("ledger.request.r1", REQUEST),
        ("ledger.verdict.r1", {"outcome": "refused", "posture": "routine"}),
    )
    assert [(one.name, one.ok) for one in found] == [("accepted", True), ("decide", False), ("message", False)]
    found = told(
        SpanTracker("live"),
        ("ledger.request.r1", REQUEST),
        ("ledger.verdict.r1", CLEARED),
        ("ledger.attempt.fire-x.r1", {}),
        ("ledger.receipt.fire-x.r1", {"attempt_seq": 3, "outcome": "failed", "final": True}),
    )
    assert (found[-1].name, found[-1].ok) == ("post to fire-x", False)


def test_what_began_before_is_passed_over_and_memory_has_an_end() -> None:
    """A board that starts in the middle tells no half of a trace; the oldest is let go."""
    tracker = SpanTracker("live", most=2)
    assert told(tracker, ("ledger.verdict.r1", CLEARED), ("ledger.receipt.fire-x.r1", {"final": True})) == []
    for name in ("ra", "rb", "rc"):
        tracker.take(1, f"ledger.request.{name}", AT, REQUEST)
    assert tracker.take(2, "ledger.verdict.ra", AT, CLEARED) == ()
    assert tracker.take(3, "ledger.verdict.rc", AT, CLEARED) != ()
