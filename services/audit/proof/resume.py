"""Goes on where the last verification ended: what the replay knew there is kept beside the record, signed by its key.

It saves the judging of what was judged, and proves nothing by itself: each byte is still hashed and held against the
checkpoints, and once a day the whole record is judged again. Who holds the audit key could write a false one for a day.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import nacl.exceptions

from services.audit.proof.plain_pickle import pickle_to, unpickled_from
from services.audit.proof.replay_state import PinnedKeys, ReplayState
from services.audit.proof.signed_pieces import SignedPieces, read_signed
from services.kernel.authority.signing import Signer, raw_public
from services.kernel.base.files import replacing

NAME = "verified.state"

WHOLE_EVERY = timedelta(days=1)
"""After that long the whole record is judged again."""

_CODE = ("services/audit", "services/kernel/control", "services/kernel/authority", "schemas")


@dataclass
class VerifiedState:
    """What the replay knew after the first ``size`` entries, whose Merkle root is ``root`` (hexadecimal).

    ``state`` leaves out what has been over for long (``remaining``). ``newest`` is the time of the last entry,
    ``pictures`` are those that entries named, each with the first sequence; ``whole_at`` is when the whole record was
    judged last; ``code`` the hash of the rules that judged.
    """

    state: ReplayState
    size: int
    root: str
    newest: datetime
    pictures: dict[str, int]
    whole_at: datetime
    code: str


def keep_state(folder: Path, found: VerifiedState, signer: Signer) -> None:
    """Keep what a verification that found nothing wrong knew at its end; raises OSError."""
    with replacing(folder / NAME, 0o600) as file:
        pieces = SignedPieces(file)
        pickle_to(pieces, found)
        pieces.seal(signer)


def kept_state(folder: Path, keys: PinnedKeys, now: datetime) -> VerifiedState | None:
    """Return what was kept; None where there is nothing, or it is damaged, old, of other rules or of other keys."""
    try:
        with (folder / NAME).open("rb") as file:
            found = unpickled_from(read_signed(file, raw_public(keys.audit_keys.newest)))
    except (OSError, ValueError, nacl.exceptions.CryptoError, pickle.UnpicklingError, AttributeError, TypeError):
        return None
    except (EOFError, ImportError, IndexError, KeyError):
        return None
    if not isinstance(found, VerifiedState) or found.code != code_hash() or found.state.pinned != keys:
        return None
    return found if timedelta() <= now - found.whole_at < WHOLE_EVERY else None


def code_hash() -> str:
    """Return the hash of the rules: what they judged before they were changed is judged again."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    root = Path(__file__).resolve().parents[3]
    for folder in _CODE:
        yield from sorted((root / folder).rglob("*.py"))
