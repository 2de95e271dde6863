"""The ledger as the services use it: append with compare-and-set and fence, read by subject.

What services know of it comes from their projection (services.kernel.projection). A read here asks the stream's leader
(STREAM.MSG.GET), and none stands on the way of a live request. A missing ack never means "not stored", so each append
carries a ``Nats-Msg-Id`` and is repeated with the same one. Appends that wait at the same time share a batch.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from schemas import canonical, streams, subjects
from schemas.events.base import Contract
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.append_batch import (
    AppendQueue,
    BatchRefused,
    BatchUnknown,
    PendingAppend,
    StaleCondition,
    Stood,
    Wire,
)
from services.kernel.ledger.entry import Entry as Entry
from services.kernel.ledger.entry import entry_time
from services.kernel.ledger.integrity.checks import IntegrityFault, Shape, check_ack
from services.kernel.ledger.pending import PendingAppends

Answer = TypeVar("Answer")

_log = structlog.get_logger()

ACK_TIMEOUT = 2.0
"""Seconds that one append or read waits for its answer. What was asked when a broker died is never answered: so long
a service stands there at the least."""

TRIES = 7
"""How often it is asked before it counts as unreachable: some 15 s in all, for a cluster takes 5 to choose a leader."""

READS_AT_ONCE = 64
"""How many reads of ``get_many`` wait for their answers at a time."""

_ALWAYS = "ledger.receipt."
_WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
_NO_MESSAGE = 10037
_LOST = (nats.errors.TimeoutError, nats.errors.NoRespondersError, nats.js.errors.NoStreamResponseError)


@dataclass(frozen=True)
class Appended:
    """An acked append. ``duplicate``: another body stands under the same message id, at ``seq``.

    ``elsewhere``: it stands on another subject, so it is no other try of the same, and nothing of ours was stored.
    """

    seq: int
    duplicate: bool = False
    elsewhere: bool = False


class Conflict(Exception):
    """Compare-and-set or the fence refused the append; nothing was stored."""


class Ledger:
    """Appends to and reads from one realm's ledger, and its pictures.

    ``fault``: why nothing may be appended now; receipts still are, since what was done has to be written down.
    ``highest``: the newest entry of the ledger that was seen here; each new one must stand after it.
    """

    def __init__(self) -> None:
        self.fault: IntegrityFault | None = None
        self.highest = 0
        self._client: Client | None = None
        self._js: JetStreamContext | None = None
        wire = Wire(self._single, self._batch, self._last_seq_of)
        self._fenced, self._unfenced = AppendQueue(wire), AppendQueue(wire)
        self._pending = PendingAppends()
        self._api = streams.SERVICE_API

    def bind(self, client: Client, api: str = streams.SERVICE_API) -> None:
        """Use this connected client; ``api`` is the prefix of JetStream's API as its account has it."""
        self._client, self._api = client, api
        self._js = client.jetstream(timeout=ACK_TIMEOUT, prefix=api)

    @property
    def client(self) -> Client:
        """The NATS client; raises Unreachable before ``bind``."""
        if self._client is None:
            raise Unreachable("broker.unreachable", "the ledger is not connected", "wait for the broker")
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """The JetStream context of the client."""
        return self._js or self.client.jetstream(timeout=ACK_TIMEOUT, prefix=self._api)

    async def append(
        self,
        subject: str,
        event: Contract,
        *,
        msg_id: str | None = None,
        expect_last: int | None = None,
        fence: tuple[str, int] | None = None,
        look: bool = True,
    ) -> Appended:
        """Append an event and wait until it is on disk.

        Args:
            subject: a literal subject of ``schemas.subjects``.
            event: the event; its canonical bytes are stored.
            msg_id: for deduplication; by default the hash of subject and bytes.
            expect_last: the last sequence of ``subject`` must be this (0: none).
            fence: a literal subject whose last sequence must be the given one.
            look: on a refusal look whether it stands from an earlier try; without it the caller's fold shows that.

        Raises:
            Conflict: ``expect_last`` or ``fence`` did not hold; nothing was stored.
            IntegrityFault: the ledger lost or changed what it had; it may be stored, and is not to be acted on.
            Unreachable: no ack came; whether it is stored is unknown, and repeating is safe.
        """
        if self.fault is not None and not subject.startswith(_ALWAYS):
            raise self.fault
        raw = event.to_bytes()
        message_id = msg_id or canonical.sha256(subject.encode() + b"\n" + raw)
        headers = {"Nats-Msg-Id": message_id}
        if fence is not None:
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = fence[0]
            headers["Nats-Expected-Last-Subject-Sequence"] = str(fence[1])
        elif expect_last is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expect_last)
        try:
            appended = await self._append(subject, raw, headers)
            if appended.elsewhere:
                # The id is known beforehand, the bytes are not: under their hash nobody can have claimed it too.
                message_id = f"{message_id}:{canonical.sha256(subject.encode() + raw)}"
                appended = await self._append(subject, raw, {**headers, "Nats-Msg-Id": message_id})
            return appended
        except (Conflict, StaleCondition) as refused:
            # A repeat of an accepted append may come back as a wrong sequence: look before believing it.
            stored = await self.last(subject) if look else None
            if stored is not None and stored.headers.get("Nats-Msg-Id") == message_id and stored.data == raw:
                return Appended(stored.seq)
            raise Conflict(str(refused)) from refused

    async def _append(self, subject: str, raw: bytes, headers: dict[str, str]) -> Appended:
        before = self.highest
        item = PendingAppend(subject, raw, headers, asyncio.get_running_loop().create_future())
        self._pending.add(item)
        (self._unfenced if item.fence is None else self._fenced).put(item)
        try:
            answer = await item.done
        finally:
            self._pending.discard(item)
        if isinstance(answer, Stood):
            return self._claimed(subject, answer.seq, duplicate=not answer.same, elsewhere=answer.elsewhere)
        if not answer.duplicate:
            self._saw(answer.seq, before)
            return Appended(answer.seq)
        stored = await self._get(streams.LEDGER, {"seq": answer.seq})
        elsewhere = stored is not None and stored.subject != subject
        duplicate = elsewhere or stored is None or stored.data != raw
        return self._claimed(subject, answer.seq, duplicate=duplicate, elsewhere=elsewhere)

    def _claimed(self, subject: str, seq: int, *, duplicate: bool, elsewhere: bool) -> Appended:
        """Return what a repeated message id means; nobody of ours uses one for two subjects."""
        if elsewhere:
            _log.error("alarm: the message id of an append was claimed on another subject", subject=subject, seq=seq)
        return Appended(seq, duplicate=duplicate, elsewhere=elsewhere)

    def folded(self, entry: Entry) -> None:
        """Take note of the next entry that the projection has folded: it may settle an append that waits."""
        self.highest = max(self.highest, entry.seq)
        self._pending.folded(entry)

    async def _single(self, item: PendingAppend) -> api.PubAck:
        return await self._acked(streams.LEDGER, item.subject, item.raw, item.headers)

    async def _batch(self, items: list[PendingAppend]) -> api.PubAck:
        """Commit entries as one atomic batch (NATS ADR-50); raises BatchRefused, BatchUnknown."""
        name = secrets.token_hex(8)
        for number, item in enumerate(items, 1):
            headers = {**item.headers, "Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
            if number < len(items):
                await self.client.publish(item.subject, item.raw, headers=headers)
        headers["Nats-Batch-Commit"] = "1"
        try:
            reply = await self.client.request(item.subject, item.raw, timeout=ACK_TIMEOUT, headers=headers)
        except (nats.errors.Error, OSError) as error:
            raise BatchUnknown(str(error)) from error
        answer = json.loads(reply.data)
        if "error" in answer:
            raise BatchRefused(str(answer["error"].get("description")))
        return api.PubAck.from_response(answer)

    async def _last_seq_of(self, subject: str) -> int:
        entry = await self.last(subject)
        return entry.seq if entry is not None else 0

    async def _acked(self, stream: str, subject: str, raw: bytes, headers: dict[str, str]) -> api.PubAck:
        try:
            return await _patiently(lambda: self.js.publish(subject, raw, stream=stream, headers=dict(headers)))
        except nats.js.errors.APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                raise Conflict(str(error.description)) from error
            raise Unreachable(
                "ledger.refused",
                f"the broker did not store it: {error.description}",
                "check the disk of the broker: onevoice doctor",
            ) from error
        except (nats.errors.Error, OSError) as error:
            raise Unreachable(
                "broker.unreachable",
                "the broker did not acknowledge; nothing is lost, and repeating is safe",
                "onevoice doctor",
            ) from error

    def _saw(self, seq: int, before: int) -> None:
        """Take note of an ack: a sequence that stood already when it was asked for proves that the end was lost."""
        fault = check_ack(seq, before)
        if fault is not None:
            self.fault = self.fault or fault
            raise fault
        self.highest = max(self.highest, seq)

    async def last(self, subject: str) -> Entry | None:
        """Return the newest entry of a literal subject."""
        return await self._get(_stream_of(subject), {"last_by_subj": subject})

    async def next(self, subject_filter: str, after: int) -> Entry | None:
        """Return the first entry that matches the filter with a sequence above ``after``."""
        return await self._get(_stream_of(subject_filter), {"seq": after + 1, "next_by_subj": subject_filter})

    async def history(self, subject_filter: str, after: int = 0) -> list[Entry]:
        """Return all entries that match the filter above ``after``, in order."""
        found: list[Entry] = []
        while (entry := await self.next(subject_filter, after)) is not None:
            found.append(entry)
            after = entry.seq
        return found

    async def get(self, seq: int) -> Entry | None:
        """Return the entry at a sequence of the ledger."""
        return await self._get(streams.LEDGER, {"seq": seq})

    async def get_many(self, seqs: Sequence[int]) -> list[Entry | None]:
        """Return the entries at these sequences of the ledger, in their order; a few are asked for at a time."""
        few = asyncio.Semaphore(READS_AT_ONCE)

        async def one(seq: int) -> Entry | None:
            async with few:
                return await self.get(seq)

        return await asyncio.gather(*map(one, seqs))

    async def shape(self) -> Shape:
        """Return what the stream of the ledger says of itself; raises Unreachable."""
        info = await self._ask(f"{self._api}.STREAM.INFO.{streams.LEDGER}", {}, "a question about the ledger")
        state = info.get("state")
        if state is None:
            said = info.get("error", {}).get("description")
            raise Unreachable("ledger.read", f"the ledger cannot be looked at: {said}", "onevoice doctor")
        found = Shape(state["first_seq"], state["last_seq"], state["messages"], state.get("num_deleted", 0))
        return Shape(0, found.last, 0, found.deleted) if found.messages == 0 else found

    async def last_seq(self) -> int:
        """Return the newest sequence of the whole ledger (0: empty)."""
        entry = await self.last(subjects.LEDGER_ALL)
        return entry.seq if entry else 0

    async def first_since(self, since: datetime) -> int:
        """Return the first sequence that was stored at or after a time (one past the last if there is none)."""
        low, high = 1, await self.last_seq() + 1
        while low < high:
            middle = (low + high) // 2
            entry = await self.get(middle)
            if entry is None or entry.at >= since:
                high = middle
            else:
                low = middle + 1
        return low

    async def next_in(self, stream: str, after: int) -> Entry | None:
        """Return the first entry of a stream with a sequence above ``after``, whatever its subject."""
        return await self._get(stream, {"seq": after + 1, "next_by_subj": ">"})

    async def keep(
        self, subject: str, event: Contract, *, msg_id: str | None = None, expect_last: int | None = None
    ) -> Appended:
        """Keep an event beside the ledger (DEAD, TRIES) and wait until it is on disk; raises as ``append`` does.

        What stands under the same ``msg_id`` already is taken as kept, and not read again.
        """
        headers = {"Nats-Msg-Id": msg_id} if msg_id else {}
        if expect_last is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expect_last)
        ack = await self._acked(_stream_of(subject), subject, event.to_bytes(), headers)
        return Appended(ack.seq)

    async def put_media(self, raw: bytes) -> str:
        """Keep a picture; return the SHA-256 of its bytes. A repeat keeps the one that stands."""
        digest = canonical.sha256(raw)
        subject = subjects.media(digest)
        if await self.last(subject) is None:
            try:
                await self._acked(streams.MEDIA, subject, raw, {"Nats-Msg-Id": digest})
            except Unreachable:
                # The stream keeps one message for each hash: another may have put the same picture meanwhile.
                if await self.last(subject) is None:
                    raise
        return digest

    async def get_media(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked against their hash; raises LookupError."""
        entry = await self.last(subjects.media(sha256))
        if entry is None or canonical.sha256(entry.data) != sha256:
            raise LookupError(f"there is no picture {sha256}")
        return entry.data

    async def _get(self, stream: str, query: dict[str, Any]) -> Entry | None:
        answer = await self._ask(f"{self._api}.STREAM.MSG.GET.{stream}", query, f"a read of {stream}")
        entry = _entry(stream, answer)
        if entry is not None and stream == streams.LEDGER:
            self.highest = max(self.highest, entry.seq)
        return entry

    async def _ask(self, subject: str, query: dict[str, Any], what: str) -> dict[str, Any]:
        try:
            reply = await _patiently(
                lambda: self.client.request(subject, json.dumps(query).encode(), timeout=ACK_TIMEOUT)
            )
        except (nats.errors.Error, OSError) as error:
            raise Unreachable("broker.unreachable", f"the broker did not answer {what}", "onevoice doctor") from error
        answer: dict[str, Any] = json.loads(reply.data)
        return answer


async def _patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask, and again if no answer comes. The first try goes without tenacity, which costs more than it."""
    try:
        return await call()
    except _LOST:
        again = AsyncRetrying(
            retry=retry_if_exception_type(_LOST),
            stop=stop_after_attempt(TRIES - 1),
            wait=wait_random_exponential(multiplier=0.1, max=1.0),
            reraise=True,
        )
        async for attempt in again:
            with attempt:
                return await call()
        raise


def _stream_of(subject: str) -> str:
    head = subject.split(".", 1)[0]
    return {
        "ledger": streams.LEDGER,
        "media": streams.MEDIA,
        "dead": streams.DEAD,
        "tries": streams.TRIES,
    }[head]


def _entry(stream: str, answer: dict[str, Any]) -> Entry | None:
    error = answer.get("error")
    if error:
        if error.get("err_code") == _NO_MESSAGE:
            return None
        raise Unreachable("ledger.read", f"{stream} cannot be read: {error.get('description')}", "onevoice doctor")
    message = answer["message"]
    seq, headers = message["seq"], _headers(message.get("hdrs"))
    return Entry(
        seq=seq,
        subject=message["subject"],
        at=entry_time(parse_time(message["time"]), seq, headers),
        data=base64.b64decode(message.get("data", "")),
        headers=headers,
    )


def parse_time(text: str) -> datetime:
    """Parse the server's RFC 3339 time (nanoseconds are cut to microseconds)."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return datetime.fromisoformat(head).replace(microsecond=micro, tzinfo=UTC)


def _headers(encoded: str | None) -> dict[str, str]:
    """Parse a NATS header block (NATS ADR-4): a version line, then ``Name: value`` lines."""
    if not encoded:
        return {}
    lines = base64.b64decode(encoded).decode("utf-8", errors="replace").split("\r\n")[1:]
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
