"""Proofs that go out of the house: a request's entries, checkable with nothing but the city's root keys."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.audit import Checkpoint, Export, Proof, ProvenEntry
from schemas.events.authority import Manifest
from schemas.events.envelope import MANIFEST_TYPE, Envelope
from schemas.subjects import place_of
from services.audit.proof.exports.show import EntryView, newest_checkpoint, view_of
from services.audit.proof.verify import first_manifest, reader_of
from services.audit.record.audit_keys import AuditKeys, Succession, pinned_succession
from services.audit.record.checkpoints import CheckpointError, open_checkpoint
from services.audit.record.format import LineError, RecordEntry, read_leaf
from services.audit.record.merkle import TreeLevels, leaf_hash, verify_inclusion
from services.audit.record.reader import RecordReader
from services.kernel.authority.signing import verified_by
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven

_HINT = "ask for the proof again, and check the root keys at their source"


@dataclass(frozen=True)
class Checked:
    """What a proof that stands shows: entries of one request, in a city's record as a checkpoint sealed it.

    ``audit_key`` sealed it: the newest that the proof knows of. A later renewal of the root is not in it.
    """

    city: str
    request_id: str
    checkpoint: Checkpoint
    entries: tuple[EntryView, ...]
    audit_key: str


@dataclass(frozen=True)
class Rest:
    """What the entries of a proof or an export rest on; ``audit_key`` is the key that sealed them."""

    manifest: Manifest
    checkpoint: Checkpoint
    audit_key: str


@dataclass(frozen=True)
class Sealed:
    """What proofs of a sound record rest on: its manifest, the newest checkpoint, the root's renewals until that."""

    manifest: Envelope
    envelope: Envelope
    checkpoint: Checkpoint
    renewals: tuple[Envelope, ...] | None

    def tree(self, reader: RecordReader) -> TreeLevels:
        """Return the tree that the checkpoint seals."""
        return TreeLevels([reader.leaf(number) for number in range(self.checkpoint.size)])


def sealed(city: City, reader: RecordReader) -> Sealed:
    """Return what proofs rest on, of a record that was read to its end.

    Raises:
        Unproven: the record is damaged, does not begin with a manifest, or is not sealed yet.
    """
    reader.prove()
    if reader.violations:
        first = reader.violations[0]
        raise Unproven(first.code, first.message, "onevoice audit verify")
    manifest = first_manifest(city.audit_folder)
    if manifest is None:
        raise Unproven("manifest.root", "the record does not begin with a manifest", "onevoice audit verify")
    envelope, checkpoint = newest_checkpoint(city, reader)
    renewals = tuple(one for at, one in pinned_succession(city).envelopes if at <= checkpoint.last_seq) or None
    return Sealed(manifest, envelope, checkpoint, renewals)


def prove_request(city: City, request_id: str) -> Proof:
    """Return the proof of all entries of a request under the newest checkpoint.

    Raises:
        BadInput: ``record.no_entry``.
        Unproven: the record is damaged, does not begin with a manifest, or no checkpoint covers it yet.
    """
    reader, found = reader_of(city), list[tuple[int, RecordEntry]]()
    for entry in reader.entries():
        if place_of(entry.subject).request_id == request_id:
            found.append((reader.size - 1, entry))
    base = sealed(city, reader)
    covered = [(index, entry) for index, entry in found if index < base.checkpoint.size]
    if not covered:
        raise BadInput("record.no_entry", f"the record has no entry of {request_id}", "onevoice audit show")
    tree = base.tree(reader)
    return Proof(
        request_id=request_id,
        manifest=base.manifest,
        checkpoint=base.envelope,
        renewals=base.renewals,
        entries=tuple(_proven(tree, index, entry) for index, entry in covered),
    )


def check_proof(raw: bytes, roots: frozenset[str], audit_key: str | None = None) -> Checked:
    """Check a proof; nothing is trusted but the root keys, each of which must have signed the manifest.

    ``audit_key``: the key that seals now, where who checks knows it; an older one proves nothing then.

    Raises:
        Unproven: ``proof.form``, ``proof.root``, ``proof.audit_key``, ``proof.checkpoint``, ``proof.entry``.
    """
    try:
        proof = Proof.from_bytes(raw)
    except ValueError as error:
        raise Unproven("proof.form", "the file holds no proof", _HINT) from error
    rest = open_rest("proof", proof, roots, _HINT, audit_key)
    entries = tuple(_checked(one, proof.request_id, rest.checkpoint) for one in proof.entries)
    return Checked(rest.manifest.city, proof.request_id, rest.checkpoint, entries, rest.audit_key)


def open_rest(what: str, given: Proof | Export, roots: frozenset[str], hint: str, audit_key: str | None = None) -> Rest:
    """Return what entries rest on: the manifest, if each root key signed it, and the audit key's checkpoint.

    The audit key is the manifest's, or what the renewals say, each signed by the root keys before it.

    Raises:
        Unproven: ``<what>.form``, ``<what>.root``, ``<what>.audit_key``, ``<what>.checkpoint``.
    """
    try:
        manifest = Manifest.from_bytes(given.manifest.payload_bytes())
    except ValueError as error:
        raise Unproven(f"{what}.form", f"the {what} holds no manifest", hint) from error
    if not roots or not roots <= verified_by(given.manifest, MANIFEST_TYPE):
        raise Unproven(f"{what}.root", "not each of the root keys given has signed the manifest in it", hint)
    if manifest.audit_key is None:
        raise Unproven(f"{what}.root", "its manifest, of a version before 0.3, names no audit key", hint)
    succession = Succession(manifest.audit_key, roots, len(roots), manifest.realm)
    succession.begin(manifest)
    if not all(map(succession.take, given.renewals or ())):
        raise Unproven(f"{what}.root", "a renewal in it is not signed by the root keys before it", hint)
    key = succession.keys.newest
    if audit_key is not None and key != audit_key:
        said = f"it rests on the audit key {key}, and {audit_key} seals now: whoever stole an old one can forge it"
        raise Unproven(f"{what}.audit_key", said, hint)
    try:
        return Rest(manifest, open_checkpoint(given.checkpoint, manifest.realm, AuditKeys(key)), key)
    except CheckpointError as error:
        raise Unproven(f"{what}.checkpoint", str(error), hint) from error


def _proven(tree: TreeLevels, index: int, entry: RecordEntry) -> ProvenEntry:
    path = tuple(node.hex() for node in tree.path(index))
    return ProvenEntry(leaf_input=entry.raw.decode(), index=index, path=path)


def _checked(proven: ProvenEntry, request_id: str, checkpoint: Checkpoint) -> EntryView:
    leaf_input, path = proven.leaf_input.encode(), [bytes.fromhex(node) for node in proven.path]
    root = bytes.fromhex(checkpoint.root)
    if not verify_inclusion(leaf_hash(leaf_input), proven.index, checkpoint.size, path, root):
        raise Unproven("proof.entry", f"entry number {proven.index} does not stand in the sealed record", _HINT)
    try:
        view = view_of(read_leaf(leaf_input))
    except LineError as error:
        raise Unproven("proof.entry", f"entry number {proven.index} cannot be read: {error}", _HINT) from error
    if view.request_id != request_id:
        raise Unproven("proof.entry", f"entry number {proven.index} is not one of {request_id}", _HINT)
    return view
