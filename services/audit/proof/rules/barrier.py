"""Checks the barrier of activation: when ACTIVE was announced, could anything older still land that was not named?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from schemas import streams
from schemas.events.control import EocActive, UnknownPost
from services.audit.proof.replay_state import ReplayState
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation

LEASE = timedelta(seconds=streams.LEASE_SECONDS)

_LAG = LEASE / 3
"""How long before ACTIVE a receipt may be stored that eoc_state had not read yet; and how far the clock of a new leader
may be behind the old one's, so that a lease that eoc_state waited for looks shorter."""


def judge(state: ReplayState, entry: RecordEntry, event: EocActive) -> Iterator[Violation]:
    """Each attempt older than the activation is settled, or its lease is over.

    Since version 0.3 each that is not settled is named as unknown, and besides only what another than its worker
    answered.
    """
    named = {one.attempt_seq for one in event.unknown or ()}
    for facts in state.open_attempts.values():
        if facts.seq >= event.activating_seq:
            continue
        waited = entry.at - facts.at
        if waited < LEASE:
            said = f"ACTIVE was announced while the attempt {facts.seq} could still land"
            early = Violation(entry.seq, "control.barrier_early", f"{said}, by the times in the ledger.")
            if waited < LEASE - _LAG:
                yield early
            else:
                state.warnings.append(early)
        if facts.event.rule is not None and facts.seq not in named:
            yield Violation(
                entry.seq,
                "control.unknown_missing",
                f"Nobody knew how the attempt {facts.seq} of {facts.event.request_id} on {facts.event.profile} ended, "
                "and ACTIVE was announced without naming it.",
            )
    for one in event.unknown or ():
        yield from _named(state, entry, event, one)


def _named(state: ReplayState, entry: RecordEntry, event: EocActive, one: UnknownPost) -> Iterator[Violation]:
    state.request(one.request_id)  # its attempts are known from here on, if it was packed
    facts = state.attempts.get(one.attempt_seq)
    place = (one.profile, one.request_id, one.attempt_seq)
    if facts is None or facts.place != place or facts.seq >= event.activating_seq:
        yield Violation(
            entry.seq,
            "control.unknown_other",
            f"The attempt {one.attempt_seq} of {one.request_id} on {one.profile}, named as unknown, is none from "
            "before the activation.",
        )
        return
    own_word = facts.answered_by in (None, facts.event.worker)
    if facts.answered_at is not None and own_word and entry.at - facts.answered_at > _LAG:
        yield Violation(
            entry.seq,
            "control.unknown_settled",
            f"The attempt {facts.seq} was named as unknown, and its own worker had said how it ended.",
        )
    facts.named_at = entry.seq
