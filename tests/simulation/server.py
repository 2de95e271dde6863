"""The simulated server: streams, compare-and-set, the fence, deduplication, atomic batches, durables; one for all.

What was measured of nats-server 2.15 holds here: deduplication is by id alone, a repeat of an accepted append may come
back as a wrong sequence, what is acked is on disk, and what was never acked may be there too. A batch is stored whole
or not at all; a stale condition or a known message id refuses all of it, and a refused batch leaves no id behind.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import Any

from schemas import streams, subjects
from services.kernel.ledger.client import Entry

WRONG_SEQUENCE = 10071
BATCH_INCOMPLETE = 10176
BATCH_DUPLICATE = 10201
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


@dataclass(frozen=True)
class Part:
    """One entry of a batch."""

    subject: str
    data: bytes
    headers: dict[str, str]


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
        self.listeners: list[Callable[[Entry], None]] = []
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
        return Ack(self._store(subject, data, headers, now))

    def append_batch(self, parts: list[Part], now: datetime) -> Ack:
        """Store all of them, or raise Refused; nothing is stored then.

        Each condition is one on the stream before the batch, as the server checks them when it commits.
        """
        for part in parts:
            self._check(part.subject, part.headers)
        for part in parts:
            if self._known(part.headers.get(MSG_ID), now):
                raise Refused(BATCH_DUPLICATE, "atomic publish contains duplicate message id")
        return Ack([self._store(part.subject, part.data, part.headers, now) for part in parts][-1])

    def _store(self, subject: str, data: bytes, headers: dict[str, str], now: datetime) -> int:
        seq = len(self.entries) + 1
        entry = Entry(seq, subject, now, data, dict(headers))
        self.entries.append(entry)
        self.last[subject] = seq
        if MSG_ID in headers:
            self._seen[headers[MSG_ID]] = (now.timestamp(), seq)
        tokens = subject.split(".")
        for index in self._indexes.values():
            if fits(index.pattern, tokens):
                index.seqs.append(seq)
        for listener in self.listeners:
            listener(entry)
        return seq

    def rewind(self, count: int) -> list[Entry]:
        """Lose the newest entries, as a damaged store does: their sequences are given to others. Return them."""
        lost = [entry for entry in self.entries[len(self.entries) - count :] if entry is not None]
        del self.entries[len(self.entries) - count :]
        self._indexes.clear()
        self.last = {entry.subject: entry.seq for entry in self.entries if entry is not None}
        gone = {entry.seq for entry in lost}
        self._seen = {name: (at, seq) for name, (at, seq) in self._seen.items() if seq not in gone}
        return lost

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

    def __init__(self, clock: Callable[[], datetime], rng: Random) -> None:
        self.clock = clock
        self.up = True
        self.rng = rng
        self.streams = {spec.name: Stream(spec) for spec in streams.STREAMS}
        self.durables = {spec.durable: Durable(spec) for spec in streams.CONSUMERS}
        self.dedupe_first = rng.random() < 0.5

    @property
    def ledger(self) -> Stream:
        """The ledger's stream."""
        return self.streams[streams.LEDGER]

    def publish(self, stream: str, subject: str, data: bytes, headers: dict[str, str]) -> Ack:
        """Store it; raises Refused."""
        return self.streams[stream].append(subject, data, headers, self.clock(), dedupe_first=self.dedupe_first)

    def commit(self, parts: list[Part], whole: bool) -> Ack:
        """Store a batch of the ledger; raises Refused. ``whole``: all of it has reached the server."""
        if not whole:
            raise Refused(BATCH_INCOMPLETE, "atomic publish batch is incomplete")
        return self.ledger.append_batch(parts, self.clock())

    def info(self, name: str, subjects_filter: str | None = None) -> Any:
        """Return what STREAM.INFO says of a stream's state, and how many messages each subject of a filter has."""
        entries = self.streams[name].entries
        sparse = self.streams[name].spec.max_msgs_per_subject == 1
        held = sum(entry is not None for entry in entries) if sparse else len(entries)
        first = 1 if held else 0
        return SimpleNamespace(
            state=SimpleNamespace(
                first_seq=first,
                last_seq=len(entries),
                messages=held,
                num_deleted=0,
                subjects=self._counts(name, subjects_filter) if subjects_filter else None,
            )
        )

    def _counts(self, name: str, pattern: str) -> dict[str, int]:
        stream = self.streams[name]
        return dict(Counter(entry.subject for seq in stream.seqs(pattern) if (entry := stream.get(seq)) is not None))

    def direct_newest(self, names: Sequence[str], up_to: int, behind: int = 0) -> list[Entry]:
        """Return what a direct get of the newest on several subjects is answered with, by such a replica."""
        end = min(len(self.ledger.entries) - behind, up_to)
        known = [[seq for seq in self.ledger.seqs(name) if seq <= end] for name in names]
        return [entry for seqs in known if seqs and (entry := self.ledger.get(seqs[-1])) is not None]

    def direct(self, after: int, pattern: str, most: int, behind: int = 0) -> list[Entry]:
        """Return what a batch direct get of the ledger is answered with, by a replica that is so far behind."""
        stream, end = self.ledger, len(self.ledger.entries) - behind
        if pattern == subjects.LEDGER_ALL:
            return [entry for entry in stream.entries[after : min(after + most, max(end, 0))] if entry is not None]
        seqs = [seq for seq in stream.seqs(pattern) if after < seq <= end]
        return [entry for seq in seqs[:most] if (entry := stream.get(seq)) is not None]

    def direct_since(self, since: datetime) -> int | None:
        """Return the first sequence of the ledger that was stored since a time."""
        held = (entry for entry in self.ledger.entries if entry is not None)
        return next((entry.seq for entry in held if entry.at >= since), None)

    def read(self, name: str, seq: int | None, subject: str | None) -> Entry | None:
        """Find what STREAM.MSG.GET is asked for: at a sequence, the last of a subject, or the first from there on."""
        stream = self.streams[name]
        if seq is None:
            assert subject is not None
            return stream.newest(subject)
        return stream.get(seq) if subject is None else stream.next(subject, seq)

    def held(self, durable: str) -> Any:
        """Return what CONSUMER.INFO says of a durable: messages that are out, and those to be handed out first."""
        one = self.durables[durable]
        left = [seq for seq in self.streams[one.spec.stream].seqs(one.spec.filter_subject) if seq > one.cursor]
        return SimpleNamespace(num_ack_pending=len(one.pending) + len(one.again), num_pending=len(left))

    def crash(self) -> None:
        """Go down; what was stored stays."""
        self.up = False

    def restart(self, now: float) -> None:
        """Come up again; some of the newest acks may be forgotten."""
        self.up = True
        for durable in self.durables.values():
            durable.forget_acks(self.rng.choice((0, 0, 1, 3)), now)
