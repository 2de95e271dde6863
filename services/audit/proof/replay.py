"""The replay: each entry in the ledger's order, read strictly, judged by the facts before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from schemas.subjects import place_of
from services.audit.proof.replay_state import ReplayState
from services.audit.proof.rules import attempts, notices, outside, people, receipts, resolutions, verdicts
from services.audit.proof.rules.barrier import LEASE
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation
from services.kernel.base.errors import describe

Rule = Callable[[ReplayState, RecordEntry, list[str]], Iterator[Violation]]

RULES: dict[str, Rule] = {
    "control": people.control,
    "request": people.request,
    "approval": people.approval,
    "verdict": verdicts.verdict,
    "delivery": verdicts.delivery,
    "attempt": attempts.attempt,
    "receipt": receipts.receipt,
    "resolution": resolutions.resolution,
    "notice": notices.notice,
    "outside": outside.outside,
    "acknowledgement": outside.acknowledgement,
    "seal": verdicts.seal,
}
"""The rule of each kind of entry; it gets the tokens that follow the kind in the subject."""


def judge(state: ReplayState, entry: RecordEntry) -> Iterator[Violation]:
    """Yield what is wrong with an entry, given all before it, and enter it into the state."""
    kind = place_of(entry.subject).kind
    if not kind:
        state.void(entry.seq, "event.subject", f"No event belongs under the subject {entry.subject!r}.")
        return
    if kind != "control" and state.control.seq == 0:
        yield Violation(entry.seq, "control.no_manifest", "It is before the authority manifest.")
    try:
        yield from RULES[kind](state, entry, entry.subject.split(".")[2:])
    except ValueError as error:  # StrictJsonError and pydantic's ValidationError
        state.void(entry.seq, "event.malformed", f"The {kind} cannot be read: {describe(error)}.")


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
