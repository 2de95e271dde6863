"""The replay: each entry in the ledger's order, read strictly, judged by the facts before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from services.audit.proof.replay_state import ReplayState
from services.audit.proof.report import plain
from services.audit.proof.rules import attempts, people, receipts, resolutions, verdicts
from services.audit.proof.rules.barrier import LEASE
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation

Rule = Callable[[ReplayState, RecordEntry, list[str]], Iterator[Violation]]

RULES: dict[str, tuple[int, Rule]] = {
    "control": (0, people.control),
    "request": (1, people.request),
    "approval": (2, people.approval),
    "verdict": (1, verdicts.verdict),
    "delivery": (2, verdicts.delivery),
    "attempt": (2, attempts.attempt),
    "receipt": (2, receipts.receipt),
    "resolution": (2, resolutions.resolution),
    "seal": (0, verdicts.seal),
}
"""Each kind of entry: how many tokens follow it in the subject, and its rule."""


def judge(state: ReplayState, entry: RecordEntry) -> Iterator[Violation]:
    """Yield what is wrong with an entry, given all before it, and enter it into the state."""
    root, _, rest = entry.subject.partition(".")
    kind, *tokens = rest.split(".")
    known = RULES.get(kind)
    if root != "ledger" or known is None or len(tokens) != known[0]:
        state.void(entry.seq, "event.subject", f"No event belongs under the subject {entry.subject!r}.")
        return
    if kind != "control" and state.control.seq == 0:
        yield Violation(entry.seq, "control.no_manifest", "It stands before the authority manifest.")
    try:
        yield from known[1](state, entry, tokens)
    except ValueError as error:  # StrictJsonError and pydantic's ValidationError
        state.void(entry.seq, "event.malformed", f"The {kind} cannot be read: {plain(error)}.")


def unsettled(state: ReplayState, now: datetime) -> Iterator[Violation]:
    """Yield a warning for each attempt whose lease is over and whose outcome nobody wrote down (invariant 5)."""
    for facts in state.open_attempts.values():
        if now - facts.at >= LEASE:
            event = facts.event
            yield Violation(
                facts.seq,
                "attempt.unconfirmed",
                f"The attempt to post {event.request_id} to {event.profile} has no receipt.",
            )


def overtaken(state: ReplayState) -> Iterator[Violation]:
    """Yield what is wrong with attempts that were overtaken, and that nobody said were held back."""
    for facts in state.open_attempts.values():
        yield from facts.overtaken


def undecided(state: ReplayState, now: datetime) -> Iterator[Violation]:
    """Yield a warning for each request that has waited for a verdict longer than the lease (invariant 5)."""
    for context in state.contexts.values():
        verdict = context.counted.verdict if state.ruled else context.verdict
        if verdict is None and context.counts and now - context.request_at >= LEASE:
            yield Violation(
                context.request_seq, "request.undecided", f"{context.request.request_id} has no verdict yet."
            )
