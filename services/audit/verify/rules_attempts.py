"""Rules for attempts: the approval that each needed where it stands, and that it was the only one."""

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
from services.audit.verify.book import AttemptFacts, Book, Case
from services.audit.verify.effective import EXPECT, EXPECT_SUBJECT, forged_because, overruled_because
from services.audit.verify.line import Line, header
from services.audit.verify.report import Violation
from services.kernel.authority.post_authorization import WarrantFacts, objections
from services.kernel.control.control_state import ControlState

LAG = timedelta(seconds=streams.LEASE_SECONDS / 3)
"""A worker drops an attempt that is older than a third of the lease, so its own time may be that much older."""


class Basis(NamedTuple):
    """What an attempt rests on: the verdict that counts there, and each officer's word."""

    verdict: Verdict | None
    verdict_seq: int
    approvals: tuple[Approval, ...]


def attempt(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Judge an attempt by all invariants: it stands for a post that may have been public.

    Since version 0.3 (``rule`` 2) one counts only if it is effective; those of older versions count as they stand.
    """
    event = Attempt.from_bytes(line.data)
    here = [event.profile, event.request_id] == tokens
    if event.rule is None and not book.ruled:
        yield from _old_attempt(book, line, event, here)
        return
    case = book.case(event.request_id)
    if not here or case is None:
        _void(book, line, event, "it stands elsewhere" if not here else "there is no such request", told=True)
        return
    book.ruled = True
    place = book.places.of(event.request_id, event.profile)
    forged = forged_because(line, event, case.standing, book.control_seq)
    under_way = book.places.under_way.get(event.profile, 0)
    void = forged or overruled_because(line, event, case.standing, place, under_way, book.control)
    if void:
        place.number = max(place.number, event.number)
        _void(book, line, event, void, told=bool(forged))
        return
    facts = _counted(book, line, event)
    book.places.attempted(line.seq, event)
    yield from _platform(book, line, event)
    basis = Basis(case.standing.verdict, case.standing.verdict_seq, case.standing.approvals())
    yield from _authorized(book, line, facts, case, basis, unseen=())
    yield from _once(line, facts, case)


def _void(book: Book, line: Line, event: Attempt, why: str, *, told: bool) -> None:
    """Note an attempt that does not count; that another one was quicker is nothing to tell."""
    book.void_attempts[line.seq] = why
    if told:
        message = f"The attempt to post {event.request_id} to {event.profile} does not count: {why}."
        book.void(line.seq, "attempt.void", message)


def _old_attempt(book: Book, line: Line, event: Attempt, here: bool) -> Iterator[Violation]:
    facts = _counted(book, line, event)
    book.old_until = line.seq
    if not here:
        yield Violation(line.seq, "event.subject", f"The attempt on {event.profile} stands elsewhere.")
    yield from _fence(book, line, event)
    case = book.cases.get(event.request_id)
    if case is None:
        yield Violation(line.seq, "attempt.request", f"There is no request {event.request_id}.")
        return
    if here and case.counts:
        book.places.attempted(line.seq, event)
    yield from _same_content(line, event, case)
    yield from _platform(book, line, event)
    basis = Basis(case.verdict, case.verdict_seq, tuple(case.approvals.values()))
    yield from _authorized(book, line, facts, case, basis, unseen=tuple(_last_verdict(line, event, case)))
    yield from _once(line, facts, case)


def _counted(book: Book, line: Line, event: Attempt) -> AttemptFacts:
    facts = AttemptFacts(line.seq, line.at, event)
    book.attempts[line.seq] = book.open_attempts[line.seq] = facts
    return facts


def _authorized(
    book: Book, line: Line, facts: AttemptFacts, case: Case, basis: Basis, unseen: tuple[Violation, ...]
) -> Iterator[Violation]:
    """Judge it at its worker's time, or note what is wrong if a new fact may only just have overtaken it."""
    event = facts.event
    found = (*unseen, *violations(book, facts, case, basis, _judged_at(line.at, event.at)))
    if not found:
        return
    just_changed = case.changed_at is not None and line.at - case.changed_at <= LAG
    facts.late = not unseen and event.at < line.at and not any(violations(book, facts, case, basis, event.at))
    if just_changed or 0 < event.verdict_seq < basis.verdict_seq or facts.late:
        # A worker may not have seen it when it wrote, or have slept or waited for the broker since it looked: it looks
        # again before it posts.
        facts.overtaken = found
    else:
        yield from found


def _fence(book: Book, line: Line, event: Attempt) -> Iterator[Violation]:
    fenced = (header(line, EXPECT_SUBJECT), header(line, EXPECT))
    if fenced != (subjects.CONTROL, str(event.control_seq)):
        yield Violation(
            line.seq,
            "attempt.unfenced",
            f"The attempt on {event.profile} was not fenced on control revision {event.control_seq}.",
        )
    if event.control_seq != book.control_seq:
        yield Violation(
            line.seq,
            "attempt.control",
            f"The attempt was decided at control revision {event.control_seq}; {book.control_seq} was in force.",
        )


def _last_verdict(line: Line, event: Attempt, case: Case) -> Iterator[Violation]:
    if event.verdict_seq != case.verdict_seq:
        yield Violation(
            line.seq,
            "attempt.verdict",
            f"The attempt rests on verdict {event.verdict_seq}; the last one on {event.request_id} is "
            f"{case.verdict_seq or 'none'}.",
        )


def _same_content(line: Line, event: Attempt, case: Case) -> Iterator[Violation]:
    if (event.revision, event.digest) != (case.request.revision, case.request.digest):
        yield Violation(
            line.seq,
            "attempt.content",
            f"The attempt is not on the content of revision {case.request.revision} of {event.request_id}.",
        )


def _platform(book: Book, line: Line, event: Attempt) -> Iterator[Violation]:
    profile = book.control.profiles.get(event.profile)
    platform = WEBSITE if event.profile == MIRROR else profile.platform if profile is not None else event.platform
    if platform != event.platform:
        yield Violation(line.seq, "attempt.platform", f"{event.profile} is not on {event.platform}.")


def violations(
    book: Book, facts: AttemptFacts, case: Case, basis: Basis, now: datetime, control: ControlState | None = None
) -> Iterator[Violation]:
    """Invariants 1 to 3 and 8 at a time, by the worker's own function (kernel.authority.post_authorization)."""
    event = facts.event
    asked = WarrantFacts(
        request=case.request,
        verdict=basis.verdict,
        verdict_seq=basis.verdict_seq,
        approvals=basis.approvals,
        control=control or book.control,
        profile_id=event.profile,
        rendering_sha256=event.rendering_sha256,
        control_seq=event.control_seq,
        now=now,
        realm=book.authority.realm,
    )
    for objection in objections(asked):
        yield Violation(facts.seq, objection.code, f"Attempt on {event.profile}: {objection.message}")


def _judged_at(stored: datetime, said: datetime) -> datetime:
    """Return the time at which an attempt is judged: the worker's own, if the ledger's clock bears it out."""
    return said if stored - LAG <= said <= stored + CLOCK_SKEW else stored


def _once(line: Line, facts: AttemptFacts, case: Case) -> Iterator[Violation]:
    """Invariants 4 and 9: at most one public post, and no revision after a newer one."""
    event = facts.event
    target = case.target(event.revision, event.profile)
    if target.delivered_seq:
        yield Violation(
            line.seq,
            "attempt.delivered",
            f"{event.request_id} was delivered to {event.profile} at {target.delivered_seq} already.",
        )
    elif target.final_seq:
        yield Violation(
            line.seq,
            "attempt.final",
            f"The delivery to {event.profile} had ended for good at {target.final_seq}.",
        )
    if any(earlier.receipt_seq == 0 for earlier in target.attempts):
        yield Violation(
            line.seq,
            "attempt.open",
            f"The attempt on {event.profile} was made before the one before it was settled.",
        )
    if target.attempts and target.attempts[0].event.idempotency_key != event.idempotency_key:
        yield Violation(
            line.seq,
            "attempt.key",
            f"The attempt on {event.profile} carries another idempotency key than the first one.",
        )
    newest = case.newest_revision.get(event.profile, 0)
    if event.revision < newest:
        yield Violation(
            line.seq, "attempt.revision", f"{event.profile} had revision {newest} of it before this older one."
        )
    case.newest_revision[event.profile] = max(newest, event.revision)
    target.attempts.append(facts)
