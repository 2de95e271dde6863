"""One entry of the ledger as one line of ``ledger.jsonl``, and strictly back.

::

    {"entry":{"at":...,"headers":{...},"seq":7,"subject":"ledger.control","text":"..."},"leaf":"<64 hex>"}

``entry`` is canonical JSON (schemas.canonical); ``leaf`` is the RFC 6962 leaf hash over exactly those bytes. The
event is kept as it came: ``text`` where it is UTF-8, else ``base64``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from schemas import canonical
from services.audit.record.merkle import leaf_hash
from services.kernel.ledger.entry import LAST_HEADER, MESSAGE_ID

_HEAD = b'{"entry":'
_LEAF = b',"leaf":"'
_END = b'"}\n'
_TAIL = len(_LEAF) + 64 + len(_END)
_SEQ = re.compile(rb'"seq":([0-9]+),"subject":')
_KEYS = {"at", "headers", "seq", "subject"}

OLD_MSG_ID = "OneVoice-Msg-Id"
"""On a restored entry, instead of the message id, where an older entry has the same one."""

CLOCK_GRAIN = timedelta(milliseconds=1)
"""Times of the same message may differ by less than this, by how a client reads nanoseconds."""


class LineError(ValueError):
    """A line that is not exactly as it was written; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LedgerEntry(Protocol):
    """What a ledger message shows, wherever it was read."""

    @property
    def seq(self) -> int:
        """The ledger sequence, from 1."""
        ...

    @property
    def subject(self) -> str:
        """The literal subject."""
        ...

    @property
    def at(self) -> datetime:
        """When the server stored it."""
        ...

    @property
    def data(self) -> bytes:
        """The event's bytes."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The message's headers."""
        ...


@dataclass(frozen=True)
class RecordEntry:
    """An entry as the copy keeps it; ``raw`` are the bytes that its leaf hash ``leaf`` covers."""

    seq: int
    subject: str
    at: datetime
    data: bytes
    headers: dict[str, str]
    leaf: bytes = b""
    raw: bytes = b""


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that say under which conditions the server stored a message."""
    wanted = ("nats-msg-id", "nats-expected-")
    kept = {name: value for name, value in headers.items() if name.lower().startswith(wanted)}
    kept.pop(LAST_HEADER, None)  # how a restore pins an entry to its place; the first time it was stored it had none
    if OLD_MSG_ID in headers:
        kept[MESSAGE_ID] = headers[OLD_MSG_ID]
    return kept


def header(line: RecordEntry, name: str) -> str | None:
    """Return a header of an entry, whatever the case of its name."""
    found = line.headers.get(name)
    if found is not None:
        return found
    return next((value for key, value in line.headers.items() if key.lower() == name.lower()), None)


def write_line(entry: LedgerEntry) -> tuple[bytes, bytes]:
    """Return the line of a ledger entry, with its line feed, and the entry's leaf hash."""
    raw = _entry_bytes(entry)
    leaf = leaf_hash(raw)
    return _HEAD + raw + _LEAF + leaf.hex().encode() + _END, leaf


def _entry_bytes(entry: LedgerEntry) -> bytes:
    """Return the one form in which an entry is written: what its leaf hash covers."""
    value: dict[str, Any] = {
        "seq": entry.seq,
        "subject": entry.subject,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "headers": kept_headers(entry.headers),
    }
    try:
        value["text"] = entry.data.decode("utf-8")
    except UnicodeDecodeError:
        value["base64"] = base64.b64encode(entry.data).decode("ascii")
    return canonical.dumps(value)


def split_line(raw: bytes) -> tuple[bytes, bytes]:
    """Return the entry's bytes and its leaf hash, after checking that they fit; cheap, without parsing.

    Raises:
        LineError: ``line.form`` or ``line.hash``.
    """
    if not (raw.startswith(_HEAD) and raw.endswith(_END) and raw[-_TAIL : -_TAIL + len(_LEAF)] == _LEAF):
        raise LineError("line.form", "the line does not have the form of an entry with its hash")
    entry = raw[len(_HEAD) : -_TAIL]
    leaf = leaf_hash(entry)
    if raw[-_TAIL + len(_LEAF) : -len(_END)] != leaf.hex().encode():
        raise LineError("line.hash", "the line's hash does not fit its content")
    return entry, leaf


def seq_of(raw: bytes) -> int:
    """Return the sequence of a line without parsing it, 0 where it has none.

    Canonical JSON escapes a quotation mark within a text, so that no header can pass for it.
    """
    found = _SEQ.search(raw)
    return int(found[1]) if found else 0


def read_leaf(entry: bytes) -> RecordEntry:
    """Parse what a leaf hash covers, strictly as ``read_line`` does; raises LineError."""
    return read_line(_HEAD + entry + _LEAF + leaf_hash(entry).hex().encode() + _END)


def read_line(raw: bytes) -> RecordEntry:
    """Parse a line strictly: it must be, byte for byte, what ``write_line`` makes of its content.

    Raises:
        LineError: ``line.form``, ``line.hash`` or ``line.canonical``.
    """
    entry, leaf = split_line(raw)
    try:
        line = _parse(canonical.loads(entry), entry, leaf)
        again = _entry_bytes(line)
    except (canonical.StrictJsonError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise LineError("line.form", f"the line does not hold an entry: {error}") from error
    if again != entry:  # the rest of the line was compared with its hash
        raise LineError("line.canonical", "the line is not in the one form in which an entry is written")
    return line


def _parse(value: Any, raw: bytes, leaf: bytes) -> RecordEntry:
    extra = set(value) - _KEYS
    if set(value) != _KEYS | extra or extra not in ({"text"}, {"base64"}):
        raise ValueError("its fields are not those of an entry")
    if type(value["seq"]) is not int or value["seq"] < 1 or type(value["subject"]) is not str:
        raise ValueError("its sequence or subject is not one")
    if any(type(item) is not str for pair in value["headers"].items() for item in pair):
        raise ValueError("its headers are not texts")
    return RecordEntry(
        seq=value["seq"],
        subject=value["subject"],
        at=datetime.fromisoformat(value["at"]),
        data=_data(value),
        headers=value["headers"],
        leaf=leaf,
        raw=raw,
    )


def _data(value: dict[str, Any]) -> bytes:
    if "text" in value:
        data: bytes = value["text"].encode("utf-8")
        return data
    try:
        return base64.b64decode(value["base64"], validate=True)
    except binascii.Error as error:
        raise ValueError("its data is not base64") from error


def differences(copy: LedgerEntry, live: LedgerEntry) -> tuple[str, ...]:
    """Return in what two readings of one sequence differ: subject, body, headers, time; empty when equal."""
    found = []
    if copy.subject != live.subject:
        found.append("subject")
    if copy.data != live.data:
        found.append("body")
    if kept_headers(copy.headers) != kept_headers(live.headers):
        found.append("headers")
    if abs(copy.at - live.at) >= CLOCK_GRAIN:
        found.append("time")
    return tuple(found)
