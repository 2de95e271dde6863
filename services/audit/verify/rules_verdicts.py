"""Rules for what gate and audit write: verdicts, the deliveries of older versions, seals."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.audit import Seal
from schemas.events.deliveries import Delivery
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import WEBSITE
from services.audit.verify.book import Book, Case
from services.audit.verify.effective import EXPECT, EXPECT_SUBJECT
from services.audit.verify.frame import Pinned
from services.audit.verify.line import Line, header
from services.audit.verify.report import Violation
from services.audit.verify.sealing import CheckpointError, open_checkpoint


def verdict(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check a verdict: compare-and-set, the control revision it names, the content it is on.

    One whose control revision is not in force where it stands is void: the gate decides anew.
    """
    before, book.verdicts[tokens[0]] = book.verdicts.get(tokens[0], 0), line.seq
    event = Verdict.from_bytes(line.data)
    case = book.cases.get(event.request_id)
    if [event.request_id] != tokens:
        book.void(line.seq, "event.subject", f"The verdict on {event.request_id} stands elsewhere.")
        return
    if case is None:
        book.void(line.seq, "verdict.request", f"There is no request {event.request_id}.")
        return
    if header(line, EXPECT) != str(before) or header(line, EXPECT_SUBJECT) is not None:
        yield Violation(
            line.seq,
            "verdict.unguarded",
            f"The verdict was not appended by compare-and-set on the one before it ({before or 'none'}).",
        )
    posture = book.revisions.get(event.control_seq)
    if posture is None:
        book.void(line.seq, "verdict.control", f"There is no control revision {event.control_seq} before it.")
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
    if event.mirror and not _may_mirror(book, event, case):
        yield Violation(line.seq, "verdict.mirror", "The website cannot mirror it, and the verdict says that it does.")
    case.verdict, case.verdict_seq, case.changed_at = event, line.seq, line.at
    if event.control_seq == book.control_seq and case.counts:
        case.standing.verdict, case.standing.verdict_seq = event, line.seq


def _may_mirror(book: Book, event: Verdict, case: Case) -> bool:
    """The website mirrors what is cleared for other places only, in its own rendering (1, Transparency (ii))."""
    profiles = [book.control.profiles.get(name) for name in event.targets]
    itself = any(profile is not None and profile.platform == WEBSITE for profile in profiles)
    rendered = any(one.platform == WEBSITE for one in case.request.renderings)
    return event.outcome is Outcome.CLEARED and rendered and not itself


def delivery(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check that a delivery, which versions before 0.3 wrote, belongs to a cleared verdict on its request."""
    event = Delivery.from_bytes(line.data)
    if [event.profile, event.request_id] != tokens:
        yield Violation(line.seq, "event.subject", f"The delivery to {event.profile} stands elsewhere.")
    case = book.cases.get(event.request_id)
    if case is None or not 0 < event.verdict_seq < line.seq:
        yield Violation(line.seq, "delivery.verdict", f"The delivery to {event.profile} has no verdict.")
    elif event.verdict_seq == case.verdict_seq and case.verdict and case.verdict.outcome != Outcome.CLEARED:
        yield Violation(line.seq, "delivery.verdict", f"The delivery to {event.profile} has no cleared verdict.")


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
