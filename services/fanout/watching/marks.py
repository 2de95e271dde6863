"""From when each profile is looked at next: a file, so that what was published while nobody looked is found.

It is no record. Where it is lost, the watch starts again, and says so: what is there by then is not reported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from schemas import canonical
from schemas.events.authority import Profile
from services.kernel.base.files import write_atomically


@dataclass(frozen=True)
class Mark:
    """The account that is watched, since when (``begun``), and from when on it is looked at next."""

    account: str
    begun: datetime
    since: datetime


class WatchMarks:
    """The marks of one realm's profiles, in memory and on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks: dict[str, Mark] = {}
        self._kept = True

    def load(self) -> bool:
        """Read the file; False when there is none that can be read, and the watch starts again."""
        try:
            found = json.loads(self._path.read_bytes())
            self._marks = {
                name: Mark(one["account"], datetime.fromisoformat(one["begun"]), datetime.fromisoformat(one["since"]))
                for name, one in found.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._marks = {}
            return False
        return True

    def of(self, profile: Profile, now: datetime) -> Mark:
        """Return a profile's mark; one that is new, or has another account by now, is watched from now on."""
        known = self._marks.get(profile.id)
        if known is None or known.account != profile.account:
            known = Mark(profile.account, now, now)
            self.set(profile.id, known)
        return known

    def set(self, profile: str, mark: Mark) -> None:
        """Remember a mark; ``save`` keeps it."""
        self._marks[profile] = mark
        self._kept = False

    def save(self) -> None:
        """Keep the marks on disk, if any is new: all in one file, so once for many; raises OSError."""
        if self._kept:
            return
        value = {
            name: {"account": one.account, "begun": one.begun.isoformat(), "since": one.since.isoformat()}
            for name, one in self._marks.items()
        }
        write_atomically(self._path, canonical.dumps(value), mode=0o600)
        self._kept = True
