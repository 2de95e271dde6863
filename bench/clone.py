"""Genuine entries by the thousand: those of one request that the product handled, laid anew under other ids.

Ids, digests, sequences and message ids are those that the product would have given, and approvals are signed anew, so
that the record verifies. It knows the shape of entries only so far: names that end in ``_seq``, ``as_of``, ``nonce``,
and DSSE envelopes.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import product
from bench.ledger import Entry, LedgerReader

_FIRST = 7_000_000_000_000_000
"""Stands for the sequence of a copy's first entry in what is prepared; no genuine number or hash looks like it."""

_REQUEST, _EVENT, _DIGEST = "@request@", "@event@", "@digest@"
_SLOT = re.compile(rf"({_REQUEST}|{_EVENT}|{_DIGEST}|70{{9}}\d{{6}})")
_MSG_ID = "Nats-Msg-Id"
_EXPECT = "Nats-Expected-Last-Subject-Sequence"
Put = tuple[str, dict[str, str], bytes]
"""Subject, headers and body of an entry that is to be stored."""


async def template_of(ledger: LedgerReader, request_id: str, after: int) -> list[Entry]:
    """Return all entries of a request above a sequence, in order."""
    last = await ledger.last_seq()
    entries = await ledger.read("ledger.>", after, last - after, 10.0)
    return [entry for entry in entries if request_id in entry.subject.split(".")]


class Cloner:
    """Makes copies of a request's entries, each under an id of its own.

    What is not signed is prepared once as text with slots for ids, digest and sequences: a copy then only fills them.
    """

    def __init__(self, folder: Path, template: Sequence[Entry], officer: str = "pio") -> None:
        self._pen = product.Pen(folder, officer)
        values = [entry.value() for entry in template]
        self._request = next(value for value in values if value["type"] == "request")
        self._words = (self._request["request_id"], self._request["event_id"], self._request["digest"])
        self._seqs = [entry.seq for entry in template]
        self._forms = [self._form(entry, value) for entry, value in zip(template, values, strict=True)]

    def copy(self, next_seq: int) -> list[Put]:
        """Return one copy whose first entry will stand at ``next_seq``, with nothing of others between."""
        event_id = secrets.token_hex(16)
        new_id = _request_id(self._request, event_id)
        digest = product.digest({**self._request, "request_id": new_id, "event_id": event_id})
        slots = {_REQUEST: new_id, _EVENT: event_id, _DIGEST: digest}
        slots |= {str(_FIRST + place): str(next_seq + place) for place in range(len(self._seqs))}
        words = dict(zip(self._words, (new_id, event_id, digest), strict=True))
        return [self._put(form, slots, words, next_seq) for form in self._forms]

    def _form(self, entry: Entry, value: Any) -> _Form:
        """Prepare an entry of the template."""
        words = dict(zip(self._words, (_REQUEST, _EVENT, _DIGEST), strict=True))
        signed = b"payloadType" in entry.data
        body = "" if signed else product.dumps(self._walk(value, "", words, _FIRST)).decode()
        headers = {name: self._header(name, text, words, _FIRST) for name, text in entry.headers.items()}
        hashed = headers.get(_MSG_ID) == entry.headers.get(_MSG_ID)  # a hash, and not made of ids
        return _Form(
            _SLOT.split(_worded(entry.subject, words)),
            {name: _SLOT.split(text) for name, text in headers.items()},
            _SLOT.split(body),
            value if signed else None,
            hashed,
        )

    def _put(self, form: _Form, slots: dict[str, str], words: dict[str, str], next_seq: int) -> Put:
        subject, headers = _filled(form.subject, slots), {n: _filled(parts, slots) for n, parts in form.headers.items()}
        if form.signed is None:
            body = _filled(form.body, slots).encode()
        else:
            body = product.dumps(self._walk(form.signed, "", words, next_seq))
        if form.hashed:
            headers[_MSG_ID] = hashlib.sha256(subject.encode() + b"\n" + body).hexdigest()
        return subject, headers, body

    def _header(self, name: str, text: str, words: dict[str, str], next_seq: int) -> str:
        if name == _EXPECT and text.isdigit():
            return str(self._moved(int(text), next_seq))
        return _worded(text, words)

    def _walk(self, value: Any, name: str, words: dict[str, str], next_seq: int) -> Any:
        if isinstance(value, dict):
            walked = {key: self._walk(one, key, words, next_seq) for key, one in value.items()}
            return self._signed(value, words, next_seq) if "payloadType" in value else walked
        if isinstance(value, list):
            return [self._walk(one, name, words, next_seq) for one in value]
        if isinstance(value, str):
            return secrets.token_hex(16) if name == "nonce" else _worded(value, words)
        if isinstance(value, int) and not isinstance(value, bool) and (name.endswith("_seq") or name == "as_of"):
            return self._moved(value, next_seq)
        return value

    def _signed(self, envelope: dict[str, Any], words: dict[str, str], next_seq: int) -> dict[str, Any]:
        """Sign what an envelope holds anew, by the same officer."""
        statement = json.loads(base64.b64decode(envelope["payload"]))
        payload = product.dumps(self._walk(statement, "", words, next_seq))
        signature = base64.b64encode(self._pen.sign(envelope["payloadType"], payload)).decode("ascii")
        (signed,) = envelope["signatures"]
        return {
            **envelope,
            "payload": base64.b64encode(payload).decode("ascii"),
            "signatures": [{**signed, "sig": signature}],
        }

    def _moved(self, seq: int, next_seq: int) -> int:
        """Return where an entry of the template is in the copy; what is older than it stays where it is."""
        place = bisect.bisect_right(self._seqs, seq) - 1
        return seq if place < 0 else next_seq + place


@dataclass(frozen=True)
class _Form:
    """An entry of the template: texts whose odd parts are slots; ``signed`` is a body that is to be signed anew."""

    subject: list[str]
    headers: dict[str, list[str]]
    body: list[str]
    signed: Any
    hashed: bool


def _filled(parts: list[str], slots: dict[str, str]) -> str:
    filled = parts.copy()
    filled[1::2] = [slots[name] for name in parts[1::2]]
    return "".join(filled)


def _worded(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        if old in text:
            text = text.replace(old, new)
    return text


def _request_id(request: dict[str, Any], event_id: str) -> str:
    """Return the id that intake gives: a hash of realm, author, source and the sender's own id."""
    name = product.dumps([request["realm"], request["author"], request["source"], event_id])
    return "r" + base64.b32encode(hashlib.sha256(name).digest())[:12].decode("ascii").lower()
