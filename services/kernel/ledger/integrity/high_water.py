"""The high-water mark: the newest entry that a service has seen, in a small file of its own.

A snapshot may be thrown away and a fold started again; the mark stays, so that a ledger that lost its end never looks
like one that has just begun.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from schemas import canonical
from services.kernel.base.files import write_atomically
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import HINT, IntegrityFault, check_remembered


@dataclass(frozen=True)
class HighWaterMark:
    """The newest entry that was seen: its sequence, and the SHA-256 of its bytes (hexadecimal).

    ``fault`` is what the audit service had found when the mark was written: a restart does not make it forgotten.
    """

    seq: int
    sha256: str
    fault: str = ""

    def check(self, found: Entry | None, path: Path) -> IntegrityFault | None:
        """Check what the ledger has at the mark's sequence; ``path``: the mark's file."""
        return check_remembered(
            f"this service has seen entry {self.seq} before",
            same=found is not None and canonical.sha256(found.data) == self.sha256,
            missing=found is None,
            hint=f"{HINT}; where what is lost is known and accepted, delete {path}",
        )

    def to_bytes(self) -> bytes:
        """Return the file's content (the fault is ``doubt`` there, as in the files of older versions)."""
        return json.dumps({"seq": self.seq, "sha256": self.sha256, "doubt": self.fault}).encode()

    def write(self, path: Path) -> None:
        """Keep it; raises OSError."""
        write_atomically(path, self.to_bytes(), mode=0o600)


def mark_of(entry: Entry, fault: str = "") -> HighWaterMark:
    """Return the mark at an entry."""
    return HighWaterMark(entry.seq, canonical.sha256(entry.data), fault)


def read_mark(path: Path) -> HighWaterMark | None:
    """Return the mark of a file; None where there is none.

    Raises:
        IntegrityFault: ``ledger.anchor``, the file is there and cannot be read.
    """
    try:
        value = json.loads(path.read_bytes())
        return HighWaterMark(int(value["seq"]), str(value["sha256"]), str(value.get("doubt", "")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityFault(
            "ledger.anchor",
            f"{path} cannot be read: {type(error).__name__}",
            "it says what the ledger held last; have onevoice audit verify and onevoice doctor look, then delete it",
        ) from error
