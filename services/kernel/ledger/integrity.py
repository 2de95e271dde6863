"""Whether the ledger still tells the story that it told before. Pure, but for the file of an anchor.

A damaged store loses entries in silence, and the server gives their sequences to others. Four looks find that:
the stream's own count (``shape_fault``), the sequence of each ack (kernel.ledger.client), the fan-out's anchor,
and the audit service, which compares everything with the second copy (``audit.standing``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.events.audit import LedgerStanding
from services.kernel.base.errors import Exit, Unreachable
from services.kernel.base.files import write_atomically

AT_HEADER = "OneVoice-At"
"""On a restored entry: when it was stored first (ISO 8601, UTC)."""

LAST_HEADER = "Nats-Expected-Last-Sequence"
"""On a restored entry: the sequence before its own. Nothing but a restore sets it."""

DOUBT_CODE = "ledger.contradicted"
REWOUND_CODE = "ledger.rewound"
MEND = "nothing is accepted, decided or posted until a person has looked: onevoice doctor, then onevoice audit restore"


class LedgerDoubted(Unreachable):
    """The ledger lost or changed what it had; until that is mended nothing is decided, accepted or posted by it."""

    exit_status = Exit.UNPROVEN


@dataclass(frozen=True)
class Shape:
    """What a stream says of itself; sequences are 0 where it holds nothing."""

    first: int
    last: int
    messages: int
    deleted: int = 0


def shape_fault(shape: Shape) -> str | None:
    """Return what is wrong with the ledger by its own count, or None.

    Nothing is ever deleted from it, so it holds as many entries as its last sequence says, from 1 on.
    """
    if shape.last == 0 and shape.messages == 0:
        return None
    if shape.first == 1 and shape.messages == shape.last and shape.deleted == 0:
        return None
    return f"the ledger holds {shape.messages} entries from {shape.first} on, and its last sequence is {shape.last}"


def entry_time(stored: datetime, seq: int, headers: Mapping[str, str]) -> datetime:
    """Return when an entry was stored first.

    That is the server's own time, but for what a restore has put back: it carries the first time in a header. The
    header counts only beside the one that pins the entry to its place, and never makes an entry newer.
    """
    said = headers.get(AT_HEADER)
    if said is None or headers.get(LAST_HEADER) != str(seq - 1):
        return stored
    try:
        first = datetime.fromisoformat(said)
    except ValueError:
        return stored
    return min(stored, first.astimezone(UTC)) if first.tzinfo else stored


def rewound(seq: int, highest: int) -> LedgerDoubted:
    """Return the error for a ledger whose next sequence was one that stood already."""
    return LedgerDoubted(
        REWOUND_CODE,
        f"the ledger stored an entry at {seq}, and this service has seen {highest} before: its end was lost",
        MEND,
    )


def doubt_of(standing: LedgerStanding) -> LedgerDoubted | None:
    """Return the error that the audit service's word calls for, or None."""
    if standing.standing != "contradicted":
        return None
    return LedgerDoubted(
        DOUBT_CODE, f"the ledger contradicts its second copy, first at {standing.first_seq}: {standing.message}", MEND
    )


@dataclass(frozen=True)
class Anchor:
    """The newest entry that a service has seen, kept in a small file: a ledger without it was rewound.

    ``sha256`` is the hash of the entry's bytes; ``doubt`` what kept the service from working when it was written.
    """

    seq: int
    sha256: str
    doubt: str = ""

    def write(self, path: Path) -> None:
        """Keep it; raises OSError."""
        write_atomically(path, json.dumps(vars(self)).encode(), mode=0o600)


def read_anchor(path: Path) -> Anchor | None:
    """Return the anchor of a file; None where there is none.

    Raises:
        LedgerDoubted: ``ledger.anchor``, the file is there and cannot be read.
    """
    try:
        value = json.loads(path.read_bytes())
        return Anchor(int(value["seq"]), str(value["sha256"]), str(value.get("doubt", "")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LedgerDoubted(
            "ledger.anchor",
            f"{path} cannot be read: {type(error).__name__}",
            "it says what the ledger held last; have onevoice audit verify and onevoice doctor look, then delete it",
        ) from error


def anchor_fault(anchor: Anchor, found: str | None) -> LedgerDoubted | None:
    """Return the error when the ledger shows another entry at the anchor (``found``: its hash, or None)."""
    if found == anchor.sha256:
        return None
    what = "another entry there now" if found else "no such entry any more"
    return LedgerDoubted(
        REWOUND_CODE, f"this service has seen entry {anchor.seq} before, and the ledger has {what}", MEND
    )
