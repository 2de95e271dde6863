"""The simulated server: streams, compare-and-set, the fence, deduplication, durables; one for all processes.

What facts.md says of nats-server 2.15 holds here: deduplication is by id alone, a repeat of an accepted append may come
back as a wrong sequence, what is acked is on disk, and what was never acked may be there too.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from schemas import streams
from services.kernel.ledger import Entry

WRONG_SEQUENCE = 10071
NO_MESSAGE = 10037
MSG_ID = "Nats-Msg-Id"
EXPECT = "Nats-Expected-Last-Subject-Sequence"
EXPECT_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"


class Refused(Exception):
    """The server does not store it: an error code of the API, and its words."""

    def __init__(self, err_code: int, description: str) -> None:
        super().__init__(description)
        self.err_code = err_code
        self.description = description


@dataclass(frozen=True)
class Ack:
    """What the publisher is told."""

    seq: int
    duplicate: bool = False


def fits(pattern: list[str], tokens: list[str]) -> bool:
    """True when a subject's tokens fit a filter's."""
    for place, wanted in enumerate(pattern):
        if wanted == ">":
            return len(tokens) > place
        if place >= len(tokens) or wanted not in ("*", tokens[place]):
            return False
    return len(pattern) == len(tokens)


@dataclass
class _Index:
    """The sequences that fit one filter, kept as the stream grows."""

    pattern: list[str]
    seqs: list[int] = field(default_factory=list)


class Stream:
    """One stream in memory."""

    def __init__(self, spec: streams.Stream) -> None:
        self.spec = spec
        self.entries: list[Entry | None] = []
        self.last: dict[str, int] = {}
        self._seen: dict[str, tuple[float, int]] = {}
        self._indexes: dict[str, _Index] = {}

    def append(self, subject: str, data: bytes, headers: dict[str, str], now: datetime, *, dedupe_first: bool) -> Ack:
        """Store a message, or raise Refused; nothing is stored then."""
        known = self._known(headers.get(MSG_ID), now)
        if known and dedupe_first:
            return Ack(known, duplicate=True)
        self._check(subject, headers)
        if known:
            return Ack(known, duplicate=True)
        if self.spec.max_msgs_per_subject == 1 and self.last.get(subject):
            if self.spec.discard_new:
                raise Refused(10077, "maximum messages per subject exceeded")
            self.entries[self.last[subject] - 1] = None
        seq = len(self.entries) + 1
        self.entries.append(Entry(seq, subject, now, data, dict(headers)))
        self.last[subject] = seq
        if MSG_ID in headers:
            self._seen[headers[MSG_ID]] = (now.timestamp(), seq)
        tokens = subject.split(".")
        for index in self._indexes.values():
            if fits(index.pattern, tokens):
                index.seqs.append(seq)
        return Ack(seq)

    def _known(self, message_id: str | None, now: datetime) -> int:
        at, seq = self._seen.get(message_id or "", (0.0, 0))
        return seq if seq and now.timestamp() - at < self.spec.duplicate_window else 0

    def _check(self, subject: str, headers: dict[str, str]) -> None:
        if EXPECT not in headers:
            return
        stands = self.last.get(headers.get(EXPECT_SUBJECT, subject), 0)
        if stands != int(headers[EXPECT]):
            raise Refused(WRONG_SEQUENCE, f"wrong last sequence: {stands}")

    def seqs(self, pattern: str) -> list[int]:
        """Return the sequences that fit a filter, in order."""
        index = self._indexes.get(pattern)
        if index is None:
            index = self._indexes[pattern] = _Index(pattern.split("."))
            for entry in self.entries:
                if entry is not None and fits(index.pattern, entry.subject.split(".")):
                    index.seqs.append(entry.seq)
        return index.seqs

    def get(self, seq: int) -> Entry | None:
        """Return the message at a sequence."""
        return self.entries[seq - 1] if 0 < seq <= len(self.entries) else None

    def newest(self, pattern: str) -> Entry | None:
        """Return the newest message of a subject or filter."""
        if "*" not in pattern and ">" not in pattern:
            return self.get(self.last.get(pattern, 0))
        return next((found for seq in reversed(self.seqs(pattern)) if (found := self.get(seq))), None)

    def next(self, pattern: str, first: int) -> Entry | None:
        """Return the first message from a sequence on that fits."""
        seqs = self.seqs(pattern)
        low, high = 0, len(seqs)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if seqs[middle] < first else (low, middle)
        return next((found for seq in seqs[low:] if (found := self.get(seq))), None)

    def purge(self, subject: str) -> None:
        """Take a subject's messages away."""
        seq = self.last.pop(subject, 0)
        if seq:
            self.entries[seq - 1] = None


@dataclass
class _Pending:
    deadline: float
    delivered: int


class Durable:
    """One durable pull consumer: who pulls gets the next message; what is not acked in time comes again."""

    def __init__(self, spec: streams.Consumer) -> None:
        self.spec = spec
        self.cursor = 0
        self.pending: dict[int, _Pending] = {}
        self.again: dict[int, tuple[float, int]] = {}
        self.acked: deque[int] = deque(maxlen=4)

    def next(self, stream: Stream, now: float) -> tuple[Entry, int] | None:
        """Return a message to deliver and how often it was delivered, this time included."""
        for seq, waiting in list(self.pending.items()):
            if waiting.deadline <= now:
                del self.pending[seq]
                self.again[seq] = (now, waiting.delivered)
        due = sorted(seq for seq, (when, _) in self.again.items() if when <= now)
        if due:
            delivered = self.again.pop(due[0])[1] + 1
            return self._deliver(stream.get(due[0]), delivered, now)
        if len(self.pending) + len(self.again) >= self.spec.max_ack_pending:
            return None
        entry = stream.next(self.spec.filter_subject, self.cursor + 1)
        if entry is None:
            return None
        self.cursor = entry.seq
        return self._deliver(entry, 1, now)

    def _deliver(self, entry: Entry | None, delivered: int, now: float) -> tuple[Entry, int] | None:
        if entry is None:
            return None
        self.pending[entry.seq] = _Pending(now + self.spec.ack_wait, delivered)
        return entry, delivered

    def wakes_at(self, now: float) -> float | None:
        """Return when something may come again."""
        times = [waiting.deadline for waiting in self.pending.values()] + [when for when, _ in self.again.values()]
        return max(min(times), now) if times else None

    def ack(self, seq: int) -> None:
        """Never deliver it again."""
        self.pending.pop(seq, None)
        self.again.pop(seq, None)
        self.acked.append(seq)

    def nak(self, seq: int, delay: float, now: float) -> None:
        """Deliver it again after a delay."""
        waiting = self.pending.pop(seq, None)
        if waiting is not None:
            self.again[seq] = (now + delay, waiting.delivered)

    def working(self, seq: int, now: float) -> None:
        """Give it another ack_wait."""
        if seq in self.pending:
            self.pending[seq].deadline = now + self.spec.ack_wait

    def forget_acks(self, count: int, now: float) -> None:
        """A crash may lose the newest acks, never a message: what was acked comes again."""
        for seq in list(self.acked)[-count:] if count else []:
            self.again[seq] = (now, 1)
        self.acked.clear()
        for seq, waiting in self.pending.items():
            self.again[seq] = (now, waiting.delivered)
        self.pending.clear()


class Server:
    """Streams and durables. ``up`` is false while it is down; ``clock`` is its own."""

    def __init__(self, clock: Callable[[], datetime], rng: Random, profiles: list[str]) -> None:
        self.clock = clock
        self.up = True
        self.rng = rng
        self.streams = {spec.name: Stream(spec) for spec in streams.STREAMS}
        consumers = [*streams.CONSUMERS, *(streams.delivery_consumer(profile) for profile in profiles)]
        self.durables = {spec.durable: Durable(spec) for spec in consumers}
        self.dedupe_first = rng.random() < 0.5

    @property
    def ledger(self) -> Stream:
        """The ledger's stream."""
        return self.streams[streams.LEDGER]

    def publish(self, stream: str, subject: str, data: bytes, headers: dict[str, str]) -> Ack:
        """Store it; raises Refused."""
        return self.streams[stream].append(subject, data, headers, self.clock(), dedupe_first=self.dedupe_first)

    def request(self, subject: str, payload: bytes) -> bytes:
        """Answer what the ledger asks of the JetStream API, as JSON."""
        what, _, stream = subject.removeprefix("$JS.API.STREAM.").rpartition(".")
        if what == "INFO":
            return json.dumps({"ts": _stamp(self.clock())}).encode()
        return self._message(stream, json.loads(payload))

    def read(self, name: str, query: dict[str, Any]) -> Entry | None:
        """Find what a query of STREAM.MSG.GET asks for."""
        stream = self.streams[name]
        if "last_by_subj" in query:
            return stream.newest(query["last_by_subj"])
        if "next_by_subj" in query:
            return stream.next(query["next_by_subj"], query["seq"])
        return stream.get(query["seq"])

    def _message(self, name: str, query: dict[str, Any]) -> bytes:
        entry = self.read(name, query)
        if entry is None:
            return json.dumps({"error": {"err_code": NO_MESSAGE, "description": "no message found"}}).encode()
        lines = "".join(f"{name}: {value}\r\n" for name, value in entry.headers.items())
        message = {
            "subject": entry.subject,
            "seq": entry.seq,
            "time": _stamp(entry.at),
            "data": b64encode(entry.data).decode(),
            "hdrs": b64encode(f"NATS/1.0\r\n{lines}\r\n".encode()).decode(),
        }
        return json.dumps({"message": message}).encode()

    def crash(self) -> None:
        """Go down; what was stored stays."""
        self.up = False

    def restart(self, now: float) -> None:
        """Come up again; some of the newest acks may be forgotten."""
        self.up = True
        for durable in self.durables.values():
            durable.forget_acks(self.rng.choice((0, 0, 1, 3)), now)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
