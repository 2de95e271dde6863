"""Seals: the audit service's signed checkpoints over the record."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.events.authority import Realm
from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.envelope import Envelope


class Checkpoint(Contract):
    """The payload that is signed: the RFC 6962 tree over the first ``size`` entries has this root.

    ``previous`` is the SHA-256 of the payload of the checkpoint before it, of no bytes for the first. ``alarms`` counts
    the lines of ``alarms.jsonl``, ``alarms_head`` is the head of their hash chain. Versions before 0.3 wrote none of
    the three.
    """

    realm: Realm
    size: int
    last_seq: int
    root: Sha256
    at: Utc
    previous: Sha256 | None = None
    alarms: int | None = None
    alarms_head: Sha256 | None = None


class WitnessedCheckpoint(Contract):
    """One line of a file that witnesses keep: a checkpoint, and that its record grew out of the one given before.

    ``since`` is the size of the checkpoint given before (0: none), ``consistency`` the proof of RFC 6962, 2.1.2
    (SHA-256, hexadecimal) between the two.
    """

    checkpoint: Envelope
    since: int = Field(default=0, ge=0)
    consistency: tuple[Sha256, ...] = ()


class ProvenEntry(Contract):
    """One entry of a proof: ``leaf_input`` is canonical JSON, whose UTF-8 bytes the leaf hash covers.

    ``index`` counts from 0; ``path`` are the sibling hashes (SHA-256, hexadecimal), lowest first.
    """

    leaf_input: str
    index: int = Field(ge=0)
    path: tuple[Sha256, ...] = Field(max_length=64)


class Proof(Contract):
    """What ``onevoice audit prove`` writes: a request's entries, provable by whoever has a root key (docs/proof.md).

    Root keys signed ``manifest``, which names the audit key, and the ``renewals`` after it, which may name another;
    that signed ``checkpoint``; each path leads to its root.
    """

    type: Literal["proof"] = "proof"
    request_id: Id
    manifest: Envelope
    checkpoint: Envelope
    renewals: tuple[Envelope, ...] | None = None
    entries: tuple[ProvenEntry, ...] = Field(min_length=1)


class QuarantineStatement(Contract):
    """What an officer signs of an entry that should not be there, so that record and ledger go on with it.

    ``entry`` is the SHA-256 of its subject, a line feed and its bytes; ``last_seq`` where the record ended when it was
    signed. It stands as an envelope in the chain of alarms, and hides nothing: each verification names it.
    """

    realm: Realm
    seq: int = Field(ge=1)
    entry: Sha256
    last_seq: int = Field(ge=1)
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    officer: Id
    issued_at: Utc


class ExportedEntry(Contract):
    """One line of an export's ``entries.jsonl``; ``index`` counts from 0 in the sealed record.

    Either ``leaf_input`` with its ``path``, as in ``ProvenEntry``; or, of an export with redactions, ``redacted``: the
    parsed leaf input with commitments in the place of what was taken out (docs/proof.md).
    """

    index: int = Field(ge=0)
    leaf_input: str | None = None
    path: tuple[Sha256, ...] = Field(default=(), max_length=64)
    redacted: dict[str, Any] | None = None


class ExportStatement(Contract):
    """What an export holds: the entries of ``since`` up to before ``until``, of one request or of all.

    ``entries_sha256`` is that of ``entries.jsonl``; ``size`` and ``root`` are those of its checkpoint. The audit key
    signs it where entries were redacted (``redacted`` counts them).
    """

    realm: Realm
    since: Utc
    until: Utc
    request_id: Id | None = None
    entries: int
    redacted: int
    entries_sha256: Sha256
    size: int
    root: Sha256
    at: Utc


class Export(Contract):
    """An export's ``export.json``: what its entries rest on. ``signed`` is DSSE over ``statement``."""

    type: Literal["export"] = "export"
    manifest: Envelope
    checkpoint: Envelope
    renewals: tuple[Envelope, ...] | None = None
    statement: ExportStatement
    signed: Envelope | None = None


class OpenedValue(Contract):
    """What a commitment hides: it is the SHA-256 of the 32 bytes of ``salt`` and the canonical JSON of ``value``."""

    salt: Sha256
    value: Any


class Openings(Contract):
    """What an export hides, by commitment, and each entry's path by its index: for whoever may see all of it."""

    type: Literal["openings"] = "openings"
    openings: dict[Sha256, OpenedValue]
    paths: dict[str, tuple[Sha256, ...]]


class Seal(Contract):
    """``ledger.seal``: a checkpoint (DSSE over ``Checkpoint``), so that the ledger vouches for the copy."""

    type: Literal["seal"] = "seal"
    at: Utc
    checkpoint: Envelope


class LedgerIntegrity(Contract):
    """``audit.standing``: what the audit service's comparison of the ledger with the second copy came to.

    Broadcast every second or two by the copy that writes the record, and the answer to ``desk.audit.compare``.
    ``comparing``: no comparison has ended since the start, and nothing speaks against the ledger so far. ``compared``
    of ``entries`` were looked at by the comparison that runs, or by the last one, which ended at ``finished_at``.
    ``first_seq`` is the first sequence that differs (0: none), ``differences`` counts stretches of such entries.
    """

    type: Literal["ledger_standing"] = "ledger_standing"
    at: Utc
    standing: Literal["sound", "contradicted", "comparing"]
    compared: int = 0
    entries: int = 0
    last_seq: int = 0
    finished_at: Utc | None = None
    first_seq: int = 0
    differences: int = 0
    code: str = ""
    message: str = ""


class CompareQuery(Contract):
    """``desk.audit.compare``: how does the ledger stand? The comparison is hastened, and waited for ``seconds``."""

    seconds: float = Field(default=5.0, ge=0.0, le=30.0)
