"""Exports: the entries of a stretch of time, or of one request in it, as they stand in the sealed record.

Without redactions each entry carries its own path to the checkpoint. With redactions the audit key signs the file of
entries, and the paths stand with what was taken out: a path holds hashes of neighbours, which would confirm a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import canonical
from schemas.events.audit import Checkpoint, Export, ExportedEntry, ExportStatement, Openings
from schemas.events.envelope import EXPORT_TYPE, Envelope
from schemas.subjects import place_of
from services.audit.proof.exports.prove import Rest, open_rest, sealed
from services.audit.proof.exports.redact import Redaction, RedactionError, rebuilt, shown
from services.audit.proof.exports.show import EntryView, view_of, view_of_value
from services.audit.proof.verify import reader_of
from services.audit.record.format import LineError, RecordEntry, read_leaf
from services.audit.record.merkle import TreeLevels, leaf_hash, verify_inclusion
from services.kernel.authority.signing import Signer, verified_by
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven

_HINT = "ask for the export again, and check the root keys at their source"


@dataclass(frozen=True)
class Wanted:
    """What to export: from ``since`` up to before ``until``; one request or all; the words to take out."""

    since: datetime
    until: datetime
    request_id: str | None = None
    words: tuple[str, ...] = ()

    def takes(self, entry: RecordEntry) -> bool:
        """Return whether an entry belongs to it."""
        ours = self.request_id is None or place_of(entry.subject).request_id == self.request_id
        return ours and self.since <= entry.at < self.until


@dataclass(frozen=True)
class MadeExport:
    """An export: what goes out (``lines`` are those of ``entries.jsonl``), and the openings, which do not."""

    export: Export
    lines: tuple[bytes, ...]
    views: tuple[EntryView, ...]
    openings: Openings | None


@dataclass(frozen=True)
class CheckedExport:
    """What an export that stands shows. ``opened``: what was taken out was shown, and is in the record as well."""

    city: str
    checkpoint: Checkpoint
    statement: ExportStatement
    views: tuple[EntryView, ...]
    opened: bool
    audit_key: str

    @property
    def whole(self) -> bool:
        """True when no entry between the first and the last is left out."""
        seqs = [view.seq for view in self.views]
        return seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else False


def export_record(city: City, wanted: Wanted, now: datetime, signer: Signer | None = None) -> MadeExport:
    """Return the export of what is sealed; ``signer`` is the audit key, needed where words are taken out.

    Raises:
        BadInput: ``export.empty``; ``export.manifest``: a word is in the manifest, which every proof shows.
        Unproven: the record is damaged, does not begin with a manifest, or is not sealed yet.
    """
    reader, found = reader_of(city), list[tuple[int, RecordEntry]]()
    for entry in reader.entries():
        if wanted.takes(entry):
            found.append((reader.size - 1, entry))
    base = sealed(city, reader)
    manifest, checkpoint = base.manifest, base.checkpoint
    found = [(index, entry) for index, entry in found if index < checkpoint.size]
    if not found:
        raise BadInput("export.empty", "the record has no such entry in that time", "onevoice audit show lists some")
    tree = base.tree(reader)
    entries, openings = _redacted(found, tree, manifest, wanted.words) if wanted.words else (_proven(found, tree), None)
    lines = tuple(one.to_bytes() + b"\n" for one in entries)
    statement = ExportStatement(
        realm=city.realm,
        since=wanted.since,
        until=wanted.until,
        request_id=wanted.request_id,
        entries=len(entries),
        redacted=_count(entries, found),
        entries_sha256=canonical.sha256(b"".join(lines)),
        size=checkpoint.size,
        root=checkpoint.root,
        at=now,
    )
    signed = signer.sign(EXPORT_TYPE, statement) if signer and wanted.words else None
    made = Export(
        manifest=manifest, checkpoint=base.envelope, renewals=base.renewals, statement=statement, signed=signed
    )
    return MadeExport(made, lines, tuple(_view(one) for one in entries), openings)


def _proven(found: Sequence[tuple[int, RecordEntry]], tree: TreeLevels) -> list[ExportedEntry]:
    return [ExportedEntry(index=at, leaf_input=one.raw.decode(), path=_path(tree, at)) for at, one in found]


def _redacted(
    found: Sequence[tuple[int, RecordEntry]], tree: TreeLevels, manifest: Envelope, words: tuple[str, ...]
) -> tuple[list[ExportedEntry], Openings]:
    redaction = Redaction(words)
    if redaction.holds({"text": manifest.payload_bytes().decode()}):
        message = "a word to take out is in the city's manifest, which every proof shows"
        raise BadInput("export.manifest", message, "leave that word out of --redact")
    values = [(index, canonical.loads(entry.raw)) for index, entry in found]
    named = {_about(value) for _, value in values if redaction.holds(value)}
    entries = []
    for index, value in values:
        hidden = redaction.take_out(value, hashes=True) if _about(value) in named else value
        if rebuilt(hidden, redaction.openings) != value:  # an entry that has the marks of a redaction in itself
            hidden = {"seq": value["seq"], "at": value["at"], "~entry": redaction.hide(value)}
        entries.append(ExportedEntry(index=index, redacted=hidden))
    paths = {str(index): _path(tree, index) for index, _ in found}
    return entries, Openings(openings=redaction.openings, paths=paths)


def _about(value: dict[str, Any]) -> str:
    """Return what an entry belongs to: its request, or itself."""
    return place_of(value["subject"]).request_id or str(value["seq"])


def _path(tree: TreeLevels, index: int) -> tuple[str, ...]:
    return tuple(node.hex() for node in tree.path(index))


def _count(entries: Sequence[ExportedEntry], found: Sequence[tuple[int, RecordEntry]]) -> int:
    pairs = zip(entries, found, strict=True)
    return sum(one.redacted is not None and one.redacted != canonical.loads(entry.raw) for one, (_, entry) in pairs)


def check_export(
    raw: bytes,
    lines: Iterable[bytes],
    roots: frozenset[str],
    openings: Openings | None = None,
    audit_key: str | None = None,
) -> CheckedExport:
    """Check an export, given ``export.json`` and the lines of ``entries.jsonl``; only the root keys are trusted.

    ``audit_key``: as in ``check_proof``.

    Raises:
        Unproven: ``export.form``, ``.root``, ``.audit_key``, ``.checkpoint``, ``.signature``, ``.entries``, ``.entry``,
            ``.opening``.
    """
    try:
        export = Export.from_bytes(raw)
        written = list(lines)
        entries = [ExportedEntry.from_bytes(line.rstrip(b"\n")) for line in written]
    except ValueError as error:
        raise Unproven("export.form", "the folder holds no export", _HINT) from error
    rest = open_rest("export", export, roots, _HINT, audit_key)
    manifest, checkpoint = rest.manifest, rest.checkpoint
    _check_statement(export, rest, b"".join(written), len(entries))
    opened = openings is not None and any(one.redacted is not None for one in entries)
    for one in entries:
        if one.redacted is None:
            _check_inclusion(one.index, (one.leaf_input or "").encode(), one.path, checkpoint)
        elif openings is not None:
            _check_opened(one, openings, checkpoint)
    views = tuple(_view(one) for one in entries)
    return CheckedExport(manifest.city, checkpoint, export.statement, views, opened, rest.audit_key)


def _check_statement(export: Export, rest: Rest, entries: bytes, count: int) -> None:
    statement, checkpoint = export.statement, rest.checkpoint
    stated = (statement.realm, statement.size, statement.root, statement.entries)
    if stated != (rest.manifest.realm, checkpoint.size, checkpoint.root, count):
        raise Unproven("export.entries", "it does not say what it holds", _HINT)
    if statement.entries_sha256 != canonical.sha256(entries):
        raise Unproven("export.entries", "entries.jsonl is not the file that export.json names", _HINT)
    if b'"redacted":' not in entries and export.signed is None:
        return
    if export.signed is None or verified_by(export.signed, EXPORT_TYPE) != {rest.audit_key}:
        raise Unproven("export.signature", "words were taken out, and the audit key did not sign what is left", _HINT)
    if export.signed.payload_bytes() != statement.to_bytes():
        raise Unproven("export.signature", "the audit key signed another export", _HINT)


def _check_inclusion(index: int, leaf_input: bytes, path: Sequence[str], checkpoint: Checkpoint) -> None:
    nodes = [bytes.fromhex(node) for node in path]
    if not verify_inclusion(leaf_hash(leaf_input), index, checkpoint.size, nodes, bytes.fromhex(checkpoint.root)):
        raise Unproven("export.entry", f"entry number {index} does not stand in the sealed record", _HINT)


def _check_opened(one: ExportedEntry, openings: Openings, checkpoint: Checkpoint) -> None:
    hidden = one.redacted or {}
    try:
        value = rebuilt(hidden.get("~entry", hidden), openings.openings)
        path = openings.paths[str(one.index)]
    except (RedactionError, KeyError) as error:
        raise Unproven("export.opening", f"entry number {one.index}: {error}", "ask for its openings") from error
    if (value["seq"], value["at"]) != (hidden["seq"], hidden["at"]):
        raise Unproven("export.opening", f"entry number {one.index} is not the one that was shown", _HINT)
    _check_inclusion(one.index, canonical.dumps(value), path, checkpoint)


def _view(one: ExportedEntry) -> EntryView:
    try:
        if one.redacted is None:
            return view_of(read_leaf((one.leaf_input or "").encode()))
        return view_of_value(shown(one.redacted))
    except (LineError, KeyError, ValueError, TypeError) as error:
        raise Unproven("export.entry", f"entry number {one.index} cannot be read: {error}", _HINT) from error
