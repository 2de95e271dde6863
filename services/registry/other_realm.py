"""The profiles of the other realm, as the city folder shows them: no account of theirs may become one of this realm."""

from __future__ import annotations

from datetime import datetime

from schemas import canonical, subjects
from schemas.events.authority import Manifest, Profile, Realm
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.line_files import lines_with
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.ledger.entry import Entry
from services.registry.manifest import read_manifest

_CONTROL = b'"subject":"%b"' % subjects.CONTROL.encode()
_OTHER: dict[Realm, Realm] = {"live": "exercise", "exercise": "live"}


def profiles_of_the_other_realm(city: City) -> tuple[Profile, ...]:
    """Return them as they were ordered by now, by the second copy of its ledger; without one as its manifest has them.

    Empty where neither is here. The copy is taken at its word: ``audit verify`` is who proves it.
    """
    try:
        other = load_city(city.folder, _OTHER[city.realm])
        return _copied(other) or Manifest.from_bytes(read_manifest(other).payload_bytes()).profiles
    except (OneVoiceError, ValueError):
        return ()


def _copied(city: City) -> tuple[Profile, ...]:
    """Return the profiles at the end of a realm's second copy; none where it is not here, or cannot be read."""
    fold = LedgerFold(authority_of(city), frozenset({"control"}))
    try:
        for raw in lines_with(city.record_path, _CONTROL):
            entry = _control_entry(raw)
            if entry is not None:
                fold.apply(entry, monotonic())
    except OSError:
        return ()
    return tuple(fold.control.profiles.values())


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
