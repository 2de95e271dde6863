"""``verify_record``: the whole proof, in one pass over the files and one over the hashes."""

from __future__ import annotations

from datetime import datetime

from schemas.events.audit import Checkpoint
from services.audit.verify.alarms import alarms_as_violations, closed_as_warnings
from services.audit.verify.book import Authority, Book
from services.audit.verify.files import LEDGER
from services.audit.verify.frame import Frame, Pinned
from services.audit.verify.media import judge_pictures
from services.audit.verify.replay import judge, overtaken, undecided, unsettled
from services.audit.verify.report import Report, Violation
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven

_ORDER = "the audit service has not written anything here yet, or its folder is gone"


def verify_record(city: City, now: datetime, *, known: tuple[Checkpoint, ...] = ()) -> Report:
    """Verify the second copy of a realm's ledger, offline.

    Args:
        city: the city folder and realm; its pinned keys are what the signatures are checked against.
        now: the current time, for what may still be under way.
        known: checkpoints that were kept elsewhere (a printout, another machine). The record must still hold
            what they were signed over: that alone shows that nobody cut record and checkpoints together.

    Raises:
        Unproven: ``record.missing``: there is no record.
    """
    if not (city.audit_folder / LEDGER).exists():
        raise Unproven(
            "record.missing", f"there is no record in {city.audit_folder}", f"start the audit service; {_ORDER}"
        )
    frame, folder = frame_of(city), city.audit_folder
    book = Book(_authority(city))
    events, found, pictures, looked_at = 0, list[Violation](), list[Violation](), dict[str, bool]()
    for line in frame.lines():
        events += 1
        found.extend(judge(book, line))
        pictures.extend(judge_pictures(folder, line, looked_at))
    found.extend(one for one in pictures if one.code == "media.damaged")
    found.extend((*overtaken(book), *book.void_as_violations()))
    if book.control.seq == 0:
        found.append(Violation(0, "control.no_manifest", "The record holds no valid authority manifest."))
    root = frame.prove((*book.seals, *_kept_elsewhere(frame, known)))
    found.extend(_cut(frame, known))
    violations = (*frame.violations, *found, *alarms_as_violations(city.audit_folder))
    open_ones = [a.seq for a in book.attempts.values() if a.receipt_seq == 0 or a.outcome == "unconfirmed"]
    return Report(
        events=events,
        attempts=len(book.attempts),
        last_seq=frame.last_seq,
        root=root,
        checkpoints=len(frame.checkpoints),
        violations=tuple(sorted(dict.fromkeys(violations), key=lambda one: one.seq)),
        warnings=(
            *frame.warnings,
            *book.warnings,
            *book.void_as_warnings(),
            *unsettled(book, now),
            *undecided(book, now),
            *(one for one in pictures if one.code == "media.missing"),
            *closed_as_warnings(city.audit_folder),
        ),
        unconfirmed=tuple(open_ones),
    )


def frame_of(city: City) -> Frame:
    """Return a frame over the copy of a realm, to be read."""
    return Frame(city.audit_folder, city.realm, city.authority.audit_key)


def _authority(city: City) -> Authority:
    pinned = city.authority
    return Authority(city.realm, frozenset(pinned.root_keys), pinned.threshold, pinned.audit_key)


def _kept_elsewhere(frame: Frame, known: tuple[Checkpoint, ...]) -> tuple[Pinned, ...]:
    return tuple(
        Pinned(one, f"the checkpoint of {one.at:%Y-%m-%d %H:%M:%S} UTC that was kept elsewhere", one.last_seq)
        for one in known
        if one.size <= frame.size
    )


def _cut(frame: Frame, known: tuple[Checkpoint, ...]) -> list[Violation]:
    return [
        Violation(
            frame.last_seq + 1,
            "record.truncated",
            f"The record ends at entry {frame.last_seq}; a checkpoint kept elsewhere reaches to {one.last_seq}.",
        )
        for one in known
        if one.size > frame.size
    ]
