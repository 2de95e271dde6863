"""Rules for what services do on their word: verdicts, deliveries, attempts, receipts, seals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas import streams, subjects
from schemas.events.audit import Seal
from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.verdicts import Outcome, Verdict
from services.audit.verify import rules_resolutions
from services.audit.verify.book import AttemptFacts, Book, Case, Target, header
from services.audit.verify.frame import Pinned
from services.audit.verify.line import Line
from services.audit.verify.report import Violation
from services.audit.verify.sealing import CheckpointError, open_checkpoint
from services.kernel.warrant import SKEW, WarrantFacts, objections

_EXPECT = "Nats-Expected-Last-Subject-Sequence"
_EXPECT_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
_LAG = timedelta(seconds=streams.LEASE_SECONDS / 3)
"""A worker drops an attempt that is older than a third of the lease, so its own time may be that much older."""


def verdict(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check a verdict: compare-and-set, the control revision it names, the content it is on."""
    event = Verdict.from_bytes(line.data)
    if [event.request_id] != tokens:
        yield Violation(line.seq, "event.subject", f"The verdict on {event.request_id} stands elsewhere.")
    case = book.cases.get(event.request_id)
    if case is None:
        yield Violation(line.seq, "verdict.request", f"There is no request {event.request_id}.")
        return
    if header(line, _EXPECT) != str(case.verdict_seq) or header(line, _EXPECT_SUBJECT) is not None:
        yield Violation(
            line.seq,
            "verdict.unguarded",
            f"The verdict was not appended by compare-and-set on the one before it ({case.verdict_seq}).",
        )
    posture = book.revisions.get(event.control_seq)
    if posture is None:
        yield Violation(line.seq, "verdict.control", f"There is no control revision {event.control_seq} before it.")
    elif posture is not event.posture:
        yield Violation(
            line.seq,
            "verdict.posture",
            f"It was decided under {event.posture}; control revision {event.control_seq} is {posture}.",
        )
    if case.verdict is not None and event.control_seq < case.verdict.control_seq:
        yield Violation(line.seq, "verdict.control", "It was decided at an older revision than the last one.")
    if event.revision == case.request.revision and event.digest != case.request.digest:
        yield Violation(line.seq, "verdict.digest", "The verdict is on other content than the request's.")
    if event.as_of >= line.seq:
        yield Violation(line.seq, "verdict.as_of", "The verdict claims to have seen what came after it.")
    case.verdict, case.verdict_seq, case.changed_at = event, line.seq, line.at


def delivery(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check that a delivery belongs to a cleared verdict on its request."""
    event = Delivery.from_bytes(line.data)
    if [event.profile, event.request_id] != tokens:
        yield Violation(line.seq, "event.subject", f"The delivery to {event.profile} stands elsewhere.")
    case = book.cases.get(event.request_id)
    if case is None or not 0 < event.verdict_seq < line.seq:
        yield Violation(line.seq, "delivery.verdict", f"The delivery to {event.profile} has no verdict.")
    elif event.verdict_seq == case.verdict_seq and case.verdict and case.verdict.outcome != Outcome.CLEARED:
        yield Violation(line.seq, "delivery.verdict", f"The delivery to {event.profile} has no cleared verdict.")


def attempt(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Judge an attempt by all invariants: it stands for a post that may have been public."""
    event = Attempt.from_bytes(line.data)
    facts = AttemptFacts(line.seq, line.at, event)
    book.attempts[line.seq] = book.open_attempts[line.seq] = facts
    if [event.profile, event.request_id] != tokens:
        yield Violation(line.seq, "event.subject", f"The attempt on {event.profile} stands elsewhere.")
    yield from _fence(book, line, event)
    case = book.cases.get(event.request_id)
    if case is None:
        yield Violation(line.seq, "attempt.request", f"There is no request {event.request_id}.")
        return
    yield from _same_content(book, line, event, case)
    unseen = tuple(_last_verdict(line, event, case))
    found = (*unseen, *_warranted(book, line, event, case, _judged_at(line.at, event.at)))
    just_changed = case.changed_at is not None and line.at - case.changed_at <= _LAG
    stored_late = not unseen and event.at < line.at and not any(_warranted(book, line, event, case, event.at))
    facts.late = stored_late
    if just_changed or 0 < event.verdict_seq < case.verdict_seq or stored_late:
        # A worker may not have seen it when it wrote, or have slept or waited for the broker since it looked: it looks
        # again before it posts.
        facts.overtaken = found
    else:
        yield from found
    target = case.target(event.revision, event.profile)
    yield from _once(line, event, case, target)
    target.attempts.append(facts)


def _fence(book: Book, line: Line, event: Attempt) -> Iterator[Violation]:
    fenced = (header(line, _EXPECT_SUBJECT), header(line, _EXPECT))
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


def _same_content(book: Book, line: Line, event: Attempt, case: Case) -> Iterator[Violation]:
    if (event.revision, event.digest) != (case.request.revision, case.request.digest):
        yield Violation(
            line.seq,
            "attempt.content",
            f"The attempt is not on the content of revision {case.request.revision} of {event.request_id}.",
        )
    profile = book.control.profiles.get(event.profile)
    if profile is not None and profile.platform != event.platform:
        yield Violation(line.seq, "attempt.platform", f"{event.profile} is not on {event.platform}.")


def _warranted(book: Book, line: Line, event: Attempt, case: Case, now: datetime) -> Iterator[Violation]:
    """Invariants 1 to 3 and 8 at a time, by the function that the worker asks, too (services.kernel.warrant)."""
    facts = WarrantFacts(
        request=case.request,
        verdict=case.verdict,
        verdict_seq=case.verdict_seq,
        approvals=tuple(case.approvals.values()),
        control=book.control,
        profile_id=event.profile,
        rendering_sha256=event.rendering_sha256,
        control_seq=event.control_seq,
        now=now,
        realm=book.authority.realm,
    )
    for objection in objections(facts):
        yield Violation(line.seq, objection.code, f"Attempt on {event.profile}: {objection.message}")


def _judged_at(stored: datetime, said: datetime) -> datetime:
    """Return the time at which an attempt is judged: the worker's own, if the ledger's clock bears it out."""
    return said if stored - _LAG <= said <= stored + SKEW else stored


def _once(line: Line, event: Attempt, case: Case, target: Target) -> Iterator[Violation]:
    """Invariants 4 and 9: at most one public post, and no revision after a newer one."""
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


def receipt(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check that a receipt belongs to an attempt, and that no second post became public."""
    event = Receipt.from_bytes(line.data)
    if [event.profile, event.request_id] != tokens:
        yield Violation(line.seq, "event.subject", f"The receipt of {event.profile} stands elsewhere.")
    case = book.cases.get(event.request_id)
    if case is None:
        yield Violation(line.seq, "receipt.request", f"There is no request {event.request_id}.")
        return
    yield from _settle(book, line, event)
    target = case.target(event.revision, event.profile)
    yield from rules_resolutions.receipt(line, event, target)
    if event.outcome is ReceiptOutcome.DELIVERED:
        yield from _public(book, line, event, target)
    if event.final and not target.final_seq:
        target.final_seq = line.seq


def _settle(book: Book, line: Line, event: Receipt) -> Iterator[Violation]:
    if event.attempt_seq == 0:
        if event.outcome is ReceiptOutcome.DELIVERED:
            yield Violation(line.seq, "receipt.attempt", f"A post on {event.profile} without an attempt on record.")
        return
    facts = book.attempts.get(event.attempt_seq)
    of = (event.request_id, event.revision, event.profile)
    if facts is None or of != (facts.event.request_id, facts.event.revision, facts.event.profile):
        yield Violation(
            line.seq,
            "receipt.attempt",
            f"{event.attempt_seq} is no attempt of {event.request_id} on {event.profile}.",
        )
        return
    book.open_attempts.pop(facts.seq, None)
    yield from _overtaken(book, event, facts)
    facts.receipt_seq, facts.outcome = line.seq, event.outcome


def _overtaken(book: Book, event: Receipt, facts: AttemptFacts) -> Iterator[Violation]:
    """An attempt that was overtaken by a new fact is no fault if the worker's second look held it back.

    Nor if nobody can tell whether it was carried out, the worker having died, and a newer clearance of the same stood
    or its time had just run out: an officer has to look at it anyway. What turns out to be delivered is judged again.
    """
    codes = {one.code for one in facts.overtaken}
    held = event.outcome is ReceiptOutcome.WITHHELD and not event.remote_id
    open_end = event.outcome is ReceiptOutcome.UNCONFIRMED and (facts.late or codes == {"attempt.verdict"})
    if codes and (held or open_end):
        said = "held back in time" if held else "how it ended is not known"
        names = ", ".join(one.code for one in facts.overtaken)
        book.warnings.append(Violation(facts.seq, "attempt.overtaken", f"It was overtaken ({names}); {said}."))
    else:
        yield from facts.overtaken
    facts.overtaken = facts.overtaken if open_end else ()


def _public(book: Book, line: Line, event: Receipt, target: Target) -> Iterator[Violation]:
    remote = event.remote_id or event.url or ""
    if target.delivered_seq and remote not in target.remote_ids:
        twice = Violation(
            line.seq,
            "receipt.double",
            f"{event.request_id} stands twice on {event.profile}: also by the receipt {target.delivered_seq}.",
        )
        if target.again_seq:  # the officer who had it posted again was told that this may be
            book.warnings.append(twice)
        else:
            yield twice
    target.remote_ids.add(remote)
    target.delivered_seq = target.delivered_seq or line.seq


def seal(book: Book, line: Line, _tokens: list[str]) -> Iterator[Violation]:
    """Check a seal's signature; its root is compared with the tree at the end."""
    event = Seal.from_bytes(line.data)
    try:
        checkpoint = open_checkpoint(event.checkpoint, book.authority.realm, book.authority.audit_key)
    except CheckpointError as error:
        yield Violation(line.seq, f"seal.{error.code.split('.')[1]}", f"The seal does not stand: {error}.")
        return
    if checkpoint.last_seq >= line.seq:
        yield Violation(line.seq, "seal.order", "The seal covers entries that came after it.")
        return
    book.seals.append(Pinned(checkpoint, f"the seal {line.seq}", line.seq))
