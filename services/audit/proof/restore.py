"""What a restore does with the second copy, pure: may it be restored, who publishes which entry, and how.

An entry goes back under its own sequence, with its subject, bytes and headers, by the service that the flow map lets
write that subject. ``Nats-Expected-Last-Sequence`` pins it to its place, so that nothing can slip in; ``OneVoice-At``
carries the time at which it was stored first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas import flow, subjects
from services.audit.proof.report import Report
from services.audit.record.alarms import alarms_as_violations
from services.audit.record.format import OLD_MSG_ID, LedgerEntry, RecordEntry, differences
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from services.kernel.ledger.entry import AT_HEADER, LAST_HEADER, MESSAGE_ID

PROVISION = "provision"
"""The provisioning user, which lives in the ledger's own account."""

LONGEST_RUN = 256
"""Entries of one writer that are on their way at a time."""


@dataclass(frozen=True)
class Put:
    """One entry as it is to be published: ``writer`` is the service whose key does it, or ``PROVISION``."""

    seq: int
    writer: str
    subject: str
    data: bytes
    headers: dict[str, str]


def writer_of(subject: str) -> str:
    """Return the service that may write a subject of the ledger; ``PROVISION`` for what none writes any more.

    Raises:
        Unproven: ``restore.no_writer``.
    """
    for row in flow.SERVICES:
        if any(subjects.matches(pattern, subject) for pattern in row.writes):
            return row.name
    if any(subjects.matches(pattern, subject) for pattern in subjects.NOT_WRITTEN):
        return PROVISION
    raise Unproven("restore.no_writer", f"no service writes {subject}", "is the copy of a newer version of onevoice?")


def puts(entries: Iterable[RecordEntry]) -> Iterator[Put]:
    """Yield each entry as it is to be published, in order; the sequences must be 1, 2, 3 without a hole.

    A message id that stood before would make the server take the entry for a repeat: then it travels in another header.

    Raises:
        Unproven: ``record.holes``, ``restore.no_writer``.
    """
    ids: set[str] = set()
    for number, entry in enumerate(entries, 1):
        if entry.seq != number:
            raise Unproven(
                "record.holes",
                f"the copy has no entry {number}; the next one is {entry.seq}",
                "take an older or another copy of the folder, which has it; a ledger with a hole is not made",
            )
        headers = {**entry.headers, LAST_HEADER: str(entry.seq - 1), AT_HEADER: entry.at.isoformat()}
        message_id = headers.get(MESSAGE_ID)
        if message_id in ids:
            headers[OLD_MSG_ID] = headers.pop(MESSAGE_ID)
        elif message_id:
            ids.add(message_id)
        yield Put(entry.seq, writer_of(entry.subject), entry.subject, entry.data, headers)


def runs(entries: Iterable[Put]) -> Iterator[list[Put]]:
    """Gather neighbours of one writer: only within such a run may one be sent before the other is acknowledged."""
    run: list[Put] = []
    for put in entries:
        if run and (put.writer != run[0].writer or len(run) >= LONGEST_RUN):
            yield run
            run = []
        run.append(put)
    if run:
        yield run


def refuse_unproven(city: City, report: Report) -> None:
    """Refuse to restore from a copy that does not verify; alarms say what the ledger did, not what the copy is.

    Raises:
        Unproven: with the first violation's code.
    """
    alarms = set(alarms_as_violations(city.audit_folder))
    others = [one for one in report.violations if one not in alarms]
    if others:
        raise Unproven(
            others[0].code,
            f"the copy does not verify, first at {others[0].seq}: {others[0].message}",
            "nothing was changed; onevoice audit verify says all; restore from a copy that verifies",
        )


def refuse_foreign_entry(copy: RecordEntry, live: LedgerEntry | None) -> None:
    """Refuse to go on after an entry that no restore of this copy has put there.

    Raises:
        BadInput: ``ledger.not_empty``.
    """
    pinned = live is not None and live.headers.get(LAST_HEADER) == str(copy.seq - 1)
    if live is None or not pinned or differences(copy, live):
        raise BadInput(
            "ledger.not_empty",
            f"the ledger is not empty, and its entry {copy.seq} was not put there by a restore of this copy",
            "a ledger is only restored into an empty stream: onevoice audit restore --into-new-store",
        )
