"""The replay: each entry in the ledger's order, read strictly, judged by the facts before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from schemas.subjects import place_of
from services.audit.verify import rules_attempts, rules_people, rules_receipts, rules_resolutions, rules_verdicts
from services.audit.verify.barrier import LEASE
from services.audit.verify.book import Book
from services.audit.verify.line import Line
from services.audit.verify.report import Violation
from services.kernel.base.errors import describe

Rule = Callable[[Book, Line, list[str]], Iterator[Violation]]

RULES: dict[str, Rule] = {
    "control": rules_people.control,
    "request": rules_people.request,
    "approval": rules_people.approval,
    "verdict": rules_verdicts.verdict,
    "delivery": rules_verdicts.delivery,
    "attempt": rules_attempts.attempt,
    "receipt": rules_receipts.receipt,
    "resolution": rules_resolutions.resolution,
    "seal": rules_verdicts.seal,
}
"""The rule of each kind of entry; it gets the tokens that follow the kind in the subject."""


def judge(book: Book, line: Line) -> Iterator[Violation]:
    """Yield what is wrong with an entry, given all before it, and enter it into the book."""
    kind = place_of(line.subject).kind
    if not kind:
        book.void(line.seq, "event.subject", f"No event belongs under the subject {line.subject!r}.")
        return
    if kind != "control" and book.control.seq == 0:
        yield Violation(line.seq, "control.no_manifest", "It stands before the authority manifest.")
    try:
        yield from RULES[kind](book, line, line.subject.split(".")[2:])
    except ValueError as error:  # StrictJsonError and pydantic's ValidationError
        book.void(line.seq, "event.malformed", f"The {kind} cannot be read: {describe(error)}.")


def unsettled(book: Book, now: datetime) -> Iterator[Violation]:
    """Yield a warning for each attempt whose lease is over and whose outcome nobody wrote down (invariant 5)."""
    for facts in book.open_attempts.values():
        if now - facts.at >= LEASE:
            event = facts.event
            yield Violation(
                facts.seq,
                "attempt.unconfirmed",
                f"The attempt to post {event.request_id} to {event.profile} has no receipt.",
            )


def overtaken(book: Book) -> Iterator[Violation]:
    """Yield what is wrong with attempts that were overtaken, and that nobody said were held back."""
    for facts in book.open_attempts.values():
        yield from facts.overtaken


def undecided(book: Book, now: datetime) -> Iterator[Violation]:
    """Yield a warning for each request that has waited for a verdict longer than the lease (invariant 5)."""
    for case in book.cases.values():
        verdict = case.standing.verdict if book.ruled else case.verdict
        if verdict is None and case.counts and now - case.request_at >= LEASE:
            yield Violation(case.request_seq, "request.undecided", f"{case.request.request_id} has no verdict yet.")
