"""The checks that find a ledger which lost or changed entries. Pure; each returns an integrity fault, or None."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.audit import LedgerIntegrity
from services.kernel.base.errors import Exit, Unreachable

CONTRADICTED = "ledger.contradicted"
REWOUND = "ledger.rewound"
HINT = "nothing is accepted, decided or posted until a person has looked: onevoice doctor, then onevoice audit restore"


class IntegrityFault(Unreachable):
    """The ledger lost or changed what it had; until that is fixed nothing is decided, accepted or posted by it."""

    exit_status = Exit.UNPROVEN


@dataclass(frozen=True)
class Shape:
    """A stream's own count; sequences are 0 where it holds nothing."""

    first: int
    last: int
    messages: int
    deleted: int = 0


def miscount(shape: Shape) -> str | None:
    """Return in words what is wrong with the ledger by its own count, or None.

    Nothing is ever deleted from it, so it holds as many entries as its last sequence says, from 1 on.
    """
    if shape.last == 0 and shape.messages == 0:
        return None
    if shape.first == 1 and shape.messages == shape.last and shape.deleted == 0:
        return None
    return f"the ledger holds {shape.messages} entries from {shape.first} on, and its last sequence is {shape.last}"


def check_count(shape: Shape) -> IntegrityFault | None:
    """Check the stream's own count."""
    wrong = miscount(shape)
    return IntegrityFault(CONTRADICTED, f"{wrong}: entries were lost", HINT) if wrong else None


def check_ack(seq: int, highest: int) -> IntegrityFault | None:
    """Check the sequence of an acknowledged append against the highest that was seen before it was sent."""
    if seq > highest:
        return None
    return IntegrityFault(
        REWOUND,
        f"the ledger stored an entry at {seq}, and this service has seen {highest} before: its end was lost",
        HINT,
    )


def check_remembered(memory: str, *, same: bool, missing: bool, hint: str = HINT) -> IntegrityFault | None:
    """Check an entry that a service remembers against what the ledger has at its sequence.

    Args:
        memory: what it remembers and how, as the subject of a sentence ("this service has seen entry 7 before").
        same: the ledger has that entry there.
        missing: the ledger has none there.
        hint: what a person is to do.
    """
    if same:
        return None
    what = "no such entry any more" if missing else "another entry there now"
    return IntegrityFault(REWOUND, f"{memory}, and the ledger has {what}", hint)


def unfolded(seq: int) -> IntegrityFault:
    """Return the fault of a process that had no memory to fold an entry: what it knows is no longer what all know."""
    return IntegrityFault(
        "ledger.unfolded",
        f"entry {seq} could not be folded, for want of memory: this process ends, and has to begin again",
        "the service manager starts it again; if it ends so again, give it or the machine more memory",
    )


def check_report(report: LedgerIntegrity) -> IntegrityFault | None:
    """Check what the audit service found when it compared the ledger with the second copy."""
    if report.standing != "contradicted":
        return None
    return IntegrityFault(
        CONTRADICTED,
        f"the ledger contradicts its second copy, first at {report.first_seq}: {report.message}",
        HINT,
    )
