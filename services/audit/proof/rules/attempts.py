"""Rules for attempts: the approval that each needed where it is, and that it was the only one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas import streams, subjects
from schemas.events.approvals import Approval
from schemas.events.deliveries import Attempt
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.verdicts import Verdict
from schemas.platforms import MIRROR, WEBSITE
from services.audit.proof import chain
from services.audit.proof.effective import forged_because, overruled_because
from services.audit.proof.replay_state import AttemptFacts, DeliveryContext, ReplayState
from services.audit.record.format import RecordEntry, header
from services.audit.record.violation import Violation
from services.kernel.authority.post_authorization import PostFacts, post_violations
from services.kernel.control.control_state import ControlState
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT

LAG = timedelta(seconds=streams.LEASE_SECONDS / 3)
"""A worker drops an attempt that is older than a third of the lease, so its own time may be that much older."""


class Basis(NamedTuple):
    """What an attempt rests on: the verdict that counts there, and each officer's decision."""

    verdict: Verdict | None
    verdict_seq: int
    approvals: tuple[Approval, ...]


def attempt(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Judge an attempt by all invariants: it stands for a post that may have been public.

    Since version 0.3 (``rule`` 2) one counts only if it is effective; those of older versions count as they stand.
    """
    event = Attempt.from_bytes(entry.data)
    here = [event.profile, event.request_id] == tokens
    if event.rule is None and not state.ruled:
        yield from _old_attempt(state, entry, event, here)
        return
    context = state.context(event.request_id)
    if not here or context is None:
        _void(state, entry, event, "it is elsewhere" if not here else "there is no such request", reported=True)
        return
    state.ruled = True
    progress = state.progress.of(event.request_id, event.profile)
    forged = forged_because(entry, event, context.counted, state.control_seq)
    under_way = state.progress.under_way.get(event.profile, 0)
    out_of_turn = chain.out_of_turn(state, context.request, event.profile)
    void = forged or overruled_because(entry, event, context.counted, progress, under_way, state.control, out_of_turn)
    if void:
        state.progress.overruled(event, context.counted)
        _void(state, entry, event, void, reported=bool(forged))
        return
    facts = _counted(state, entry, event)
    state.progress.attempted(entry.seq, event)
    context.counted.history.ended.append((entry.seq, event.profile, False))
    yield from _platform(state, entry, event)
    basis = Basis(context.counted.verdict, context.counted.verdict_seq, context.counted.approvals())
    yield from _authorized(state, entry, facts, context, basis, unseen=())
    yield from _once(entry, facts, context)


def _void(state: ReplayState, entry: RecordEntry, event: Attempt, why: str, *, reported: bool) -> None:
    """Note an attempt that does not count; that another one was quicker is not worth a warning."""
    state.void_attempts[entry.seq] = why
    if reported:
        message = f"The attempt to post {event.request_id} to {event.profile} does not count: {why}."
        state.void(entry.seq, "attempt.void", message)


def _old_attempt(state: ReplayState, entry: RecordEntry, event: Attempt, here: bool) -> Iterator[Violation]:
    facts = _counted(state, entry, event)
    state.old_until = entry.seq
    if not here:
        yield Violation(entry.seq, "event.subject", f"The attempt on {event.profile} is elsewhere.")
    yield from _fence(state, entry, event)
    context = state.request(event.request_id)
    if context is None:
        yield Violation(entry.seq, "attempt.request", f"There is no request {event.request_id}.")
        return
    if here and context.counts:
        state.progress.attempted(entry.seq, event)
    yield from _same_content(entry, event, context)
    yield from _platform(state, entry, event)
    basis = Basis(context.verdict, context.verdict_seq, tuple(context.approvals.values()))
    yield from _authorized(state, entry, facts, context, basis, unseen=tuple(_last_verdict(entry, event, context)))
    yield from _once(entry, facts, context)


def _counted(state: ReplayState, entry: RecordEntry, event: Attempt) -> AttemptFacts:
    facts = AttemptFacts(entry.seq, entry.at, event)
    state.attempts[entry.seq] = state.open_attempts[entry.seq] = facts
    return facts


def _authorized(
    state: ReplayState,
    entry: RecordEntry,
    facts: AttemptFacts,
    context: DeliveryContext,
    basis: Basis,
    unseen: tuple[Violation, ...],
) -> Iterator[Violation]:
    """Judge it at its worker's time, or note what is wrong if a new fact may only just have overtaken it."""
    event = facts.event
    found = (*unseen, *violations(state, facts, context, basis, _judged_at(entry.at, event.at)))
    if not found:
        return
    just_changed = context.changed_at is not None and entry.at - context.changed_at <= LAG
    facts.late = not unseen and event.at < entry.at and not any(violations(state, facts, context, basis, event.at))
    if just_changed or 0 < event.verdict_seq < basis.verdict_seq or facts.late:
        # A worker may not have seen it when it wrote, or have slept or waited for the broker since it looked: it looks
        # again before it posts.
        facts.overtaken = found
    else:
        yield from found


def _fence(state: ReplayState, entry: RecordEntry, event: Attempt) -> Iterator[Violation]:
    fenced = (header(entry, FENCE_SUBJECT), header(entry, EXPECTED))
    if fenced != (subjects.CONTROL, str(event.control_seq)):
        yield Violation(
            entry.seq,
            "attempt.unfenced",
            f"The attempt on {event.profile} was not fenced on control revision {event.control_seq}.",
        )
    if event.control_seq != state.control_seq:
        yield Violation(
            entry.seq,
            "attempt.control",
            f"The attempt was decided at control revision {event.control_seq}; {state.control_seq} was in force.",
        )


def _last_verdict(entry: RecordEntry, event: Attempt, context: DeliveryContext) -> Iterator[Violation]:
    if event.verdict_seq != context.verdict_seq:
        yield Violation(
            entry.seq,
            "attempt.verdict",
            f"The attempt rests on verdict {event.verdict_seq}; the last one on {event.request_id} is "
            f"{context.verdict_seq or 'none'}.",
        )


def _same_content(entry: RecordEntry, event: Attempt, context: DeliveryContext) -> Iterator[Violation]:
    if (event.revision, event.digest) != (context.request.revision, context.request.digest):
        yield Violation(
            entry.seq,
            "attempt.content",
            f"The attempt is not on the content of revision {context.request.revision} of {event.request_id}.",
        )


def _platform(state: ReplayState, entry: RecordEntry, event: Attempt) -> Iterator[Violation]:
    profile = state.control.profiles.get(event.profile)
    platform = WEBSITE if event.profile == MIRROR else profile.platform if profile is not None else event.platform
    if platform != event.platform:
        yield Violation(entry.seq, "attempt.platform", f"{event.profile} is not on {event.platform}.")


def violations(
    state: ReplayState,
    facts: AttemptFacts,
    context: DeliveryContext,
    basis: Basis,
    now: datetime,
    control: ControlState | None = None,
) -> Iterator[Violation]:
    """Invariants 1 to 3 and 8 at a time, by the worker's own function (kernel.authority.post_authorization)."""
    event = facts.event
    asked = PostFacts(
        request=context.request,
        verdict=basis.verdict,
        verdict_seq=basis.verdict_seq,
        approvals=basis.approvals,
        control=control or state.control,
        profile_id=event.profile,
        rendering_sha256=event.rendering_sha256,
        control_seq=event.control_seq,
        now=now,
        realm=state.pinned.realm,
        returned_by=context.counted.returned,
    )
    for violation in post_violations(asked):
        yield Violation(facts.seq, violation.code, f"Attempt on {event.profile}: {violation.message}")


def _judged_at(stored: datetime, said: datetime) -> datetime:
    """Return the time at which an attempt is judged: the worker's own, if the ledger's clock bears it out."""
    return said if stored - LAG <= said <= stored + CLOCK_SKEW else stored


def _once(entry: RecordEntry, facts: AttemptFacts, context: DeliveryContext) -> Iterator[Violation]:
    """Invariants 4 and 9: at most one public post, and no revision after a newer one."""
    event = facts.event
    target = context.target(event.revision, event.profile)
    if target.delivered_seq:
        yield Violation(
            entry.seq,
            "attempt.delivered",
            f"{event.request_id} was delivered to {event.profile} at {target.delivered_seq} already.",
        )
    elif target.final_seq:
        yield Violation(
            entry.seq,
            "attempt.final",
            f"The delivery to {event.profile} had ended for good at {target.final_seq}.",
        )
    if any(earlier.receipt_seq == 0 for earlier in target.attempts):
        yield Violation(
            entry.seq,
            "attempt.open",
            f"The attempt on {event.profile} was made before the one before it was settled.",
        )
    if target.attempts and target.attempts[0].event.idempotency_key != event.idempotency_key:
        yield Violation(
            entry.seq,
            "attempt.key",
            f"The attempt on {event.profile} carries another idempotency key than the first one.",
        )
    newest = context.newest_revision.get(event.profile, 0)
    if event.revision < newest:
        yield Violation(
            entry.seq, "attempt.revision", f"{event.profile} had revision {newest} of it before this older one."
        )
    context.newest_revision[event.profile] = max(newest, event.revision)
    target.attempts.append(facts)
