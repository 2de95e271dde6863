"""A snapshot: where the fold stood and what was open there, so that a start need not read the ledger from its begin.

It holds no event. Control and what is open are read from the ledger again and folded again; the snapshot says which
requests those are, and which of their attempts count, since that hangs on others that are over. It is no record: a
damaged one is thrown away. Pure, but for its file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from schemas import canonical
from services.kernel.base.files import write_atomically
from services.kernel.fold.chain import Chain
from services.kernel.fold.ledger_fold import Authority, LedgerFold
from services.kernel.fold.taken_over import TakenOver
from services.kernel.ledger.entry import Entry

FOLD_VERSION = 8
"""Goes up when the same entries fold to something else; older snapshots are thrown away then."""

FEW_OPEN, ENTRIES_AN_OPEN_ONE = 256, 50
"""So many open requests are always worth a snapshot; of more, each has to save reading so many entries.

At a start an open request is read by itself, in some milliseconds; that is as long as fifty entries in a row take.
"""


@dataclass(frozen=True)
class Snapshot:
    """The fold after the entry ``seq``, whose subject and bytes have the hash ``entry``.

    ``root`` is the hash of the realm's pinned keys. ``requests`` are the open ones, each with the profiles on which
    there is anything of it; ``counted`` are their attempts that count;
    ``ruled_from`` as in the fold, and ``taken_over`` too: sequence, profile, request, worker, who answered, when the
    attempt was stored, where its post stands, whether that was said late, and where, if its recall missed it.
    ``earlier`` and ``replaced`` are the fold's chain.
    """

    root: str
    seq: int
    entry: str
    requests: tuple[tuple[str, tuple[str, ...]], ...]
    counted: tuple[int, ...]
    ruled_from: int
    taken_over: tuple[tuple[int, str, str, str, str, str, str, bool, int], ...] = ()
    earlier: tuple[tuple[str, str], ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()
    version: int = FOLD_VERSION

    def to_bytes(self) -> bytes:
        """Return the file's content: the snapshot and its own hash."""
        body = asdict(self)
        return canonical.dumps({"snapshot": body, "sha256": canonical.sha256(canonical.dumps(body))})

    def sleepers(self, boot: float) -> dict[int, TakenOver]:
        """Return what others answered, as a fold holds it; ``boot`` is the present in boot-time seconds."""
        return {
            seq: TakenOver(profile, request_id, worker, by, datetime.fromisoformat(at), boot, stands, late, missed)
            for seq, profile, request_id, worker, by, at, stands, late, missed in self.taken_over
        }

    def chain(self) -> Chain:
        """Return which request comes after which, as a fold holds it."""
        return Chain(dict(self.earlier), dict(self.replaced))

    def write(self, path: Path) -> None:
        """Keep it; raises OSError."""
        write_atomically(path, self.to_bytes(), mode=0o600)


def taken(fold: LedgerFold, newest: Entry) -> Snapshot | None:
    """Return the snapshot of a fold whose newest entry is given; None where reading all again is quicker."""
    if len(fold.requests) > max(FEW_OPEN, fold.seq // ENTRIES_AN_OPEN_ONE) or newest.seq != fold.seq:
        return None
    counted = {seq for state in fold.requests.values() for target in state.targets.values() for seq in target.effective}
    return Snapshot(
        root_of(fold.authority),
        fold.seq,
        hash_of(newest),
        tuple((name, tuple(sorted(state.targets))) for name, state in sorted(fold.requests.items())),
        tuple(sorted(counted)),
        fold.ruled_from,
        tuple(
            (
                *(seq, one.profile, one.request_id, one.worker, one.answered_by),
                *(one.at.isoformat(), one.stands, one.late, one.missed),
            )
            for seq, one in sorted(fold.taken_over.items())
        ),
        tuple(fold.chain.earlier.items()),
        tuple(fold.chain.replaced.items()),
    )


def read(raw: bytes, authority: Authority) -> Snapshot | None:
    """Return the snapshot of a file's content; None where it is damaged, of another fold or of other pinned keys."""
    try:
        value = json.loads(raw)
        body = value["snapshot"]
        if canonical.sha256(canonical.dumps(body)) != value["sha256"]:
            return None
        body["requests"] = tuple((name, tuple(profiles)) for name, profiles in body["requests"])
        body["counted"] = tuple(body["counted"])
        for name in ("taken_over", "earlier", "replaced"):
            body[name] = tuple(map(tuple, body[name]))
        found = Snapshot(**body)
    except (ValueError, KeyError, TypeError):
        return None
    return found if (found.version, found.root) == (FOLD_VERSION, root_of(authority)) else None


def root_of(authority: Authority) -> str:
    """Return the hash of the realm's pinned keys."""
    said = {"realm": authority.realm, "keys": sorted(authority.root_keys), "threshold": authority.threshold}
    return canonical.sha256(canonical.dumps(said))


def hash_of(entry: Entry) -> str:
    """Return the hash of an entry's subject and bytes."""
    return canonical.sha256(entry.subject.encode() + b"\n" + entry.data)
