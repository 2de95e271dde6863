"""Submissions that got no answer yet: kept on the desk's disk, so that typing the same again is the same request.

One small file for each realm and sender, ``var/desk/<realm>-<sender>.json``: what was typed (its hash) with the id that
it was sent under. An entry goes when its answer has come, and counts for a day.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from services.kernel.base.city import City
from services.kernel.base.files import write_atomically

KEPT = timedelta(days=1)
"""How long a repeat is taken for the same message; a request of yesterday is over by default."""


@dataclass(frozen=True)
class Sent:
    """One submission without an answer: under which id it was sent, and when first (ISO 8601, UTC)."""

    event_id: str
    at: str


class Unanswered:
    """The submissions of one sender that got no answer."""

    def __init__(self, city: City, sender: str, now: datetime) -> None:
        self._path = city.var / "desk" / f"{city.realm}-{sender}.json"
        self._now = now

    def find(self, fingerprint: str) -> Sent | None:
        """Return what was sent before with the same words, and not answered."""
        return self._read().get(fingerprint)

    def keep(self, fingerprint: str, event_id: str) -> None:
        """Keep an id before it is sent; raises OSError."""
        found = self._read()
        found.setdefault(fingerprint, Sent(event_id, self._now.isoformat()))
        self._write(found)

    def forget(self, fingerprint: str) -> None:
        """Forget an id: its answer has come. A file that cannot be written only makes a later repeat the same."""
        found = self._read()
        if found.pop(fingerprint, None) is not None:
            try:
                self._write(found)
            except OSError:
                return

    def _read(self) -> dict[str, Sent]:
        try:
            found = {name: Sent(**one) for name, one in json.loads(self._path.read_bytes()).items()}
            return {name: one for name, one in found.items() if self._now - datetime.fromisoformat(one.at) < KEPT}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}

    def _write(self, found: dict[str, Sent]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = json.dumps({name: asdict(one) for name, one in found.items()})
        write_atomically(self._path, written.encode(), 0o600)


def how_to_repeat(kept: Sent | None, given: str | None, event_id: str) -> str:
    """Say how to send a submission once more as the same request.

    Args:
        kept: what the desk keeps of it; None where its disk did not take that.
        given: the id that was typed with it.
        event_id: the id that it was sent under.
    """
    if kept is None and given is None:
        return f"type it again with --id {event_id}, which could not be kept here: else it is another request"
    return "type the same command again: it is sent as the same request and posted once; else onevoice doctor"


def new_id() -> str:
    """Return an id for a submission."""
    return str(uuid.uuid4())
