"""Looking at the record: a list of entries, and one entry with the proof that it belongs to the sealed record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from schemas import canonical
from schemas.events.audit import Checkpoint
from schemas.events.envelope import Envelope
from schemas.subjects import place_of
from services.audit.proof.verify import reader_of
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.checkpoints import CheckpointError, open_checkpoint
from services.audit.record.folder import CHECKPOINTS
from services.audit.record.format import RecordEntry
from services.audit.record.merkle import inclusion_proof, leaf_hash, verify_inclusion
from services.audit.record.reader import RecordReader
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from services.kernel.base.line_files import complete_lines


@dataclass(frozen=True)
class EntryView:
    """An entry for people: ``kind`` is empty under a subject that has none, ``body`` is the event if it is JSON."""

    seq: int
    at: datetime
    subject: str
    kind: str
    request_id: str | None
    profile: str | None
    body: dict[str, Any] | None


@dataclass(frozen=True)
class EntryProof:
    """One entry, and all that is needed to show that it is in the record.

    ``leaf_input`` is what the leaf hash covers (canonical JSON); ``index`` counts from 0 in a tree of ``size``
    entries; ``path`` are the sibling hashes (hexadecimal), lowest first, up to ``root``; ``checkpoint`` is the
    signed statement of that root.
    """

    entry: EntryView
    leaf_input: str
    leaf: str
    index: int
    size: int
    path: tuple[str, ...]
    root: str
    checkpoint: Envelope


def list_entries(city: City, *, request_id: str | None = None, kind: str | None = None) -> Iterator[EntryView]:
    """Yield the entries of the copy in order, of one request or one kind (control, request, attempt ...)."""
    for entry in reader_of(city).entries():
        view = view_of(entry)
        if (request_id is None or view.request_id == request_id) and (kind is None or view.kind == kind):
            yield view


def show_entry(city: City, seq: int) -> EntryProof:
    """Return the entry at a ledger sequence with its proof of inclusion under the newest checkpoint.

    Raises:
        BadInput: ``record.no_entry``.
        Unproven: ``record.unsealed``: no checkpoint covers it, or the record is damaged.
    """
    reader, found = reader_of(city), None
    for entry in reader.entries():
        if entry.seq == seq:
            found = (reader.size - 1, entry)
    if found is None:
        raise BadInput("record.no_entry", f"the record has no entry {seq}", "onevoice audit show")
    reader.prove()
    if reader.violations:
        first = reader.violations[0]
        raise Unproven(first.code, first.message, "onevoice audit verify")
    index, entry = found
    envelope, checkpoint = newest_checkpoint(city, reader)
    leaves = [reader.leaf(number) for number in range(checkpoint.size)]
    if index >= len(leaves):
        raise Unproven("record.unsealed", f"no checkpoint covers entry {seq} yet", "ask again in a moment")
    return EntryProof(
        entry=view_of(entry),
        leaf_input=entry.raw.decode(),
        leaf=entry.leaf.hex(),
        index=index,
        size=checkpoint.size,
        path=tuple(node.hex() for node in inclusion_proof(leaves, index)),
        root=checkpoint.root,
        checkpoint=envelope,
    )


def prove_entry(proof: EntryProof, realm: str, keys: AuditKeys) -> bool:
    """Return whether a proof stands by itself: signature, root, path and leaf. Needs no record."""
    try:
        checkpoint = open_checkpoint(proof.checkpoint, realm, keys)
        path = [bytes.fromhex(node) for node in proof.path]
    except (CheckpointError, ValueError):
        return False
    leaf = leaf_hash(proof.leaf_input.encode())
    stated = (checkpoint.size, checkpoint.root, leaf.hex()) == (proof.size, proof.root, proof.leaf)
    return stated and verify_inclusion(leaf, proof.index, proof.size, path, bytes.fromhex(checkpoint.root))


def newest_checkpoint(city: City, reader: RecordReader) -> tuple[Envelope, Checkpoint]:
    """Return the last checkpoint that the reader has read, in its envelope."""
    count = len(reader.checkpoints)
    if count == 0:
        raise Unproven("record.unsealed", "there is no checkpoint yet", "ask again in a moment")
    raw = next(islice(complete_lines(city.audit_folder / CHECKPOINTS), count - 1, None))
    return Envelope.from_bytes(raw), reader.checkpoints[-1].checkpoint


def view_of(entry: RecordEntry) -> EntryView:
    """Return an entry as people see it."""
    return _view(entry.seq, entry.at, entry.subject, entry.data)


def view_of_value(value: dict[str, Any]) -> EntryView:
    """Return an entry as people see it, from its parsed leaf input, from which words may be missing.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    data = str(value.get("text", "")).encode()
    return _view(int(value["seq"]), datetime.fromisoformat(value["at"]), str(value.get("subject", "")), data)


def _view(seq: int, at: datetime, subject: str, data: bytes) -> EntryView:
    kind, request_id, name = place_of(subject)
    profile = name if name and kind != "approval" else None
    try:
        body = canonical.loads(data)
    except canonical.StrictJsonError:
        body = None
    return EntryView(seq, at, subject, kind, request_id or None, profile, body if isinstance(body, dict) else None)
