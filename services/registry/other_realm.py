"""The profiles of the other realm, as the city folder shows them: no account of theirs may become one of this realm."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from threading import Lock

from schemas import canonical, subjects
from schemas.events.authority import Manifest, Profile, Realm
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.line_files import lines_with, sizes
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import Authority, LedgerFold
from services.kernel.ledger.entry import Entry
from services.registry.manifest import read_manifest

_CONTROL = b'"subject":"%b"' % subjects.CONTROL.encode()
_TAIL = 4_096
_OTHER: dict[Realm, Realm] = {"live": "exercise", "exercise": "live"}


class OtherRealm:
    """The other realm of a city. Of its second copy only what was added since the last look is read.

    The copy is taken at its word: ``audit verify`` is who proves it.
    """

    def __init__(self, city: City) -> None:
        self._city = city
        self._one_looks = Lock()
        self._seen: _CopyRead | None = None

    def profiles(self) -> tuple[Profile, ...]:
        """Return its profiles as they were ordered by now, by its second copy; without one as its manifest has them.

        Empty where neither is here. Blocks.
        """
        try:
            other = load_city(self._city.folder, _OTHER[self._city.realm])
            with self._one_looks:
                copied = self._copied(other)
            return copied or Manifest.from_bytes(read_manifest(other).payload_bytes()).profiles
        except (OneVoiceError, ValueError):
            return ()

    def _copied(self, city: City) -> tuple[Profile, ...]:
        """Return the profiles at the end of a realm's second copy; none where it is not here, or cannot be read."""
        path, authority = city.record_path, authority_of(city)
        try:
            complete, _ = sizes(path)
            if self._seen is None or self._seen.authority != authority or not self._seen.begins(path, complete):
                self._seen = _CopyRead(authority)
            return self._seen.read_on(path, complete)
        except OSError:
            self._seen = None
            return ()


class _CopyRead:
    """What was read of a second copy: what it folds to, up to which byte, and what stood right before that."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self._fold = LedgerFold(authority, frozenset({"control"}))
        self._size, self._tail = 0, b""
        self._file: tuple[int, int] | None = None

    def begins(self, path: Path, size: int) -> bool:
        """Return whether a file of so many complete bytes begins with this: not replaced, cut or rewritten since."""
        return self._size <= size and _file(path) == self._file and _tail(path, self._size) == self._tail

    def read_on(self, path: Path, size: int) -> tuple[Profile, ...]:
        """Fold what stands behind what was read; return the profiles at the end. Raises OSError."""
        if size > self._size:
            for raw in lines_with(path, _CONTROL, start=self._size):
                entry = _control_entry(raw)
                if entry is not None and entry.seq > self._fold.control.seq:
                    self._fold.apply(entry, monotonic())
        self._size, self._file, self._tail = size, _file(path), _tail(path, size)
        return tuple(self._fold.control.profiles.values())


def _file(path: Path) -> tuple[int, int] | None:
    if not path.exists():
        return None
    found = path.stat()
    return found.st_dev, found.st_ino


def _tail(path: Path, size: int) -> bytes:
    if size == 0:
        return b""
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        return file.read(min(size, _TAIL))


def _control_entry(raw: bytes) -> Entry | None:
    """Return the control event of a line; None for one that holds another, or cannot be read (docs/proof.md)."""
    try:
        held = canonical.loads(raw)["entry"]
        if held["subject"] != subjects.CONTROL:
            return None
        at = datetime.fromisoformat(held["at"])
        return Entry(held["seq"], held["subject"], at, held["text"].encode(), held["headers"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
