"""Which key seals the record where: the one that the city pins, and those that the root's renewals name after it.

Nobody's word changes it but that of the root keys: a renewal counts where it is on ``ledger.control``, signed by a
threshold of the root keys before it and of its own (TUF 1.0, section 6.1). This is the record's own reading of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from schemas import subjects
from schemas.events.authority import Manifest, Renewal
from schemas.events.control import Genesis, Renewed
from schemas.events.envelope import RENEWAL_TYPE, Envelope
from services.audit.record.folder import LEDGER
from services.audit.record.format import LedgerEntry, LineError, read_line
from services.kernel.authority.signing import verified_by
from services.kernel.base.city import City
from services.kernel.base.line_files import complete_lines, lines_with

_MARK = b"renewed"


@dataclass(frozen=True)
class AuditKeys:
    """The keys that seal: ``first`` from the beginning, each of ``later`` from a sequence of the ledger on."""

    first: str
    later: tuple[tuple[int, str], ...] = ()

    def at(self, seq: int) -> str:
        """Return the key that seals a record which ends at a sequence."""
        return next((key for since, key in reversed(self.later) if since <= seq), self.first)

    @property
    def newest(self) -> str:
        """The key in force."""
        return self.later[-1][1] if self.later else self.first


class Succession:
    """Follows the root's renewals through the record, in its order. ``keys``: what they named so far."""

    def __init__(self, first: str, root_keys: Iterable[str] = (), threshold: int = 1, realm: str = "") -> None:
        self.keys = AuditKeys(first)
        self.envelopes: list[tuple[int, Envelope]] = []
        self._roots, self._threshold, self._realm, self._version = frozenset(root_keys), threshold, realm, 1

    def begin(self, manifest: Manifest) -> None:
        """Take the root's version from the manifest that the record begins with."""
        self._version = manifest.version

    def take(self, envelope: Envelope, at: datetime | None = None, seq: int = 0) -> bool:
        """Take the root's next version, stored at a time; return False, changing nothing, where it does not count."""
        try:
            renewal = Renewal.from_bytes(envelope.payload_bytes())
        except ValueError:
            return False
        signed, new = verified_by(envelope, RENEWAL_TYPE), frozenset(renewal.root_keys)
        counts = (
            renewal.realm == self._realm,
            renewal.version == self._version + 1,
            at is None or renewal.expires_at > at,
            len(signed & self._roots) >= max(self._threshold, 1),
            len(signed & new) >= renewal.threshold,
        )
        if not all(counts):
            return False
        self._roots, self._threshold, self._version = new, renewal.threshold, renewal.version
        self.envelopes.append((seq, envelope))
        if renewal.audit_key is not None:
            self.keys = AuditKeys(self.keys.first, (*self.keys.later, (seq, renewal.audit_key)))
        return True

    def note(self, entry: LedgerEntry) -> None:
        """Take in an entry, whatever it is."""
        if entry.subject != subjects.CONTROL or _MARK not in entry.data:
            return
        try:
            event = Renewed.from_bytes(entry.data)
        except ValueError:
            return
        self.take(event.renewal, entry.at, entry.seq)


def pinned_succession(city: City) -> Succession:
    """Return the succession of a realm's record as it stands, from what city.toml pins."""
    pinned = city.authority
    return read_succession(
        city.audit_folder, Succession(pinned.audit_key, pinned.root_keys, pinned.threshold, city.realm)
    )


def read_succession(folder: Path, succession: Succession) -> Succession:
    """Follow the renewals that a record holds; return the succession. What cannot be read is named by others."""
    first = next(complete_lines(folder / LEDGER), None)
    if first is None:
        return succession
    try:
        succession.begin(Manifest.from_bytes(Genesis.from_bytes(read_line(first).data).manifest.payload_bytes()))
    except (LineError, ValueError):
        return succession
    for raw in lines_with(folder / LEDGER, _MARK):
        with suppress(LineError):
            succession.note(read_line(raw))
    return succession
