"""Reads of the ledger and of what is beside it, asked of the stream's leader (STREAM.MSG.GET).

What services know of the ledger comes from their projection (services.kernel.projection); no read here is on the
way of a live request.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api

from schemas import canonical, streams, subjects
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.asking import USUAL, Answer, AskLimits, ask_again
from services.kernel.ledger.entry import AT_HEADER, Entry, entry_time, parse_time
from services.kernel.ledger.integrity.checks import Shape

_NO_MESSAGE = 10037
_TOTAL = re.compile(rb'"total":(\d+)')

READS_AT_ONCE = 64
"""How many reads of ``get_many`` wait for their answers at a time."""


class LedgerReader:
    """Reads one realm's ledger, and its pictures.

    ``highest``: the newest entry of the ledger that was seen here. ``asks``: how long, how often the broker is asked.
    """

    def __init__(self, asks: AskLimits = USUAL) -> None:
        self.asks = asks
        self.highest = 0
        self._client: Client | None = None
        self._js: JetStreamContext | None = None
        self._api = streams.SERVICE_API
        self._restored: int | None = None

    def bind(self, client: Client, api: str = streams.SERVICE_API) -> None:
        """Use this connected client; ``api`` is the prefix of JetStream's API as its account has it."""
        self._client, self._api, self._restored = client, api, None
        self._js = client.jetstream(timeout=self.asks.seconds, prefix=api)

    @property
    def client(self) -> Client:
        """The NATS client; raises Unreachable before ``bind``."""
        if self._client is None:
            raise Unreachable("broker.unreachable", "the ledger is not connected", "wait for the broker")
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """The JetStream context of the client."""
        return self._js or self.client.jetstream(timeout=self.asks.seconds, prefix=self._api)

    async def last(self, subject: str) -> Entry | None:
        """Return the newest entry of a literal subject."""
        return await self._get(stream_of(subject), subject=subject)

    async def next(self, subject_filter: str, after: int) -> Entry | None:
        """Return the first entry that matches the filter with a sequence above ``after``."""
        return await self._get(stream_of(subject_filter), seq=after + 1, subject=subject_filter)

    async def history(self, subject_filter: str, after: int = 0) -> list[Entry]:
        """Return all entries that match the filter above ``after``, in order."""
        found: list[Entry] = []
        while (entry := await self.next(subject_filter, after)) is not None:
            found.append(entry)
            after = entry.seq
        return found

    async def get(self, seq: int) -> Entry | None:
        """Return the entry at a sequence of the ledger."""
        return await self._get(streams.LEDGER, seq=seq)

    async def get_many(self, seqs: Sequence[int]) -> list[Entry | None]:
        """Return the entries at these sequences of the ledger, in their order; a few are asked for at a time."""
        few = asyncio.Semaphore(READS_AT_ONCE)

        async def one(seq: int) -> Entry | None:
            async with few:
                return await self.get(seq)

        return await asyncio.gather(*map(one, seqs))

    async def shape(self) -> Shape:
        """Return what the stream of the ledger says of itself; raises Unreachable."""
        info = await self._asked("the state of the ledger", lambda: self.js.stream_info(streams.LEDGER))
        state = info.state
        first = state.first_seq if state.messages else 0
        return Shape(first, state.last_seq, state.messages, state.num_deleted or 0)

    async def server_time(self) -> datetime:
        """Return the time by the clock of the ledger's leader; raises Unreachable."""
        address = f"{self._api}.STREAM.INFO.{streams.LEDGER}"
        ask = partial(self.client.request, address, b"", timeout=self.asks.seconds)
        said = (await self._asked("the broker's time", ask)).data
        try:
            return parse_time(json.loads(said)["ts"])
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unreachable("ledger.read", "the broker does not tell its time", "onevoice doctor") from error

    async def restored(self) -> int:
        """Return up to which sequence entries were put back; it is asked once: services do not run during a restore.

        Raises:
            Unreachable: the broker does not answer.
        """
        if self._restored is None:
            info = await self._asked("the state of the ledger", lambda: self.js.stream_info(streams.LEDGER))
            self._restored = restored_of(info.config)
        return self._restored

    async def counts(self, subject_filter: str) -> dict[str, int]:
        """Return how many entries of the ledger the leader has on each subject of a filter, 100,000 subjects at most.

        The server keeps these counts: it reads no entry for them, however long the ledger is.
        """
        what = f"the count of {subject_filter}"
        info = await self._asked(what, lambda: self.js.stream_info(streams.LEDGER, subjects_filter=subject_filter))
        return dict(info.state.subjects or {})

    async def subjects_like(self, subject_filter: str, beginning: str) -> tuple[list[str], bool]:
        """Return the subjects of a filter that begin so, in no order, and whether the leader has looked at all of them.

        It names 100,000 at most. The answer is searched as bytes: to read so many names as JSON stops all else for as
        long as fifty requests take.
        """
        query = json.dumps({"subjects_filter": subject_filter}).encode()
        address = f"{self._api}.STREAM.INFO.{streams.LEDGER}"
        ask = partial(self.client.request, address, query, timeout=self.asks.seconds)
        raw = (await self._asked(f"the subjects of {subject_filter}", ask)).data
        total = _TOTAL.search(raw)
        if total is None or b'"state":' not in raw:  # an error has a total too
            said = f"the broker does not name the subjects of {subject_filter}"
            raise Unreachable("ledger.read", said, "onevoice doctor")
        found = re.findall(rb'"(' + re.escape(beginning.encode()) + rb'[^"\\]*)":\d', raw)
        return [name.decode() for name in found], int(total[1]) <= self.asks.names

    async def last_seq(self) -> int:
        """Return the newest sequence of the whole ledger (0: empty)."""
        entry = await self.last(subjects.LEDGER_ALL)
        return entry.seq if entry else 0

    async def first_since(self, since: datetime) -> int:
        """Return the first sequence that was stored at or after a time (one past the last if there is none).

        The server knows it by its own times, which is where to look first: each entry that is read on the way has it
        read 8 MB. What a restore has put back is older than the server says.
        """
        shape = await self.shape()
        low, high = max(1, shape.first), shape.last + 1
        guess = await self._stored_since(since) or high
        first = [guess - 1, guess]
        while low < high:
            middle = first.pop() if first else (low + high) // 2
            if not low <= middle < high:
                continue
            entry = await self.get(middle)
            if entry is None or entry.at >= since:
                high = middle
            else:
                low = middle + 1
        return low

    async def _stored_since(self, since: datetime) -> int | None:
        """Return the first sequence that a server stored at or after a time; None: it has none, or does not say."""
        query = {"start_time": since.isoformat(), "batch": 1, "next_by_subj": ">"}
        address = f"{self._api}.DIRECT.GET.{streams.LEDGER}"
        ask = partial(self.client.request, address, json.dumps(query).encode(), timeout=self.asks.seconds)
        found = (await self._asked("the first entry since a time", ask)).headers or {}
        said = found.get("Nats-Sequence", "")
        return int(said) if said.isdecimal() else None

    async def next_in(self, stream: str, after: int) -> Entry | None:
        """Return the first entry of a stream with a sequence above ``after``, whatever its subject."""
        return await self._get(stream, seq=after + 1, subject=">")

    async def get_media(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked against their hash; raises LookupError."""
        entry = await self.last(subjects.media(sha256))
        if entry is None or canonical.sha256(entry.data) != sha256:
            raise LookupError(f"there is no picture {sha256}")
        return entry.data

    async def get_upload(self, sha256: str) -> bytes:
        """Return a picture's bytes, whether a request names it already or not; raises LookupError."""
        try:
            return await self.get_media(sha256)
        except LookupError:
            entry = await self.last(subjects.upload(sha256))
        if entry is None or canonical.sha256(entry.data) != sha256:
            raise LookupError(f"there is no picture {sha256}")
        return entry.data

    async def _get(self, stream: str, *, seq: int | None = None, subject: str | None = None) -> Entry | None:
        """Return the entry at ``seq``, the last of ``subject``, or with both the first of it from ``seq`` on."""
        following = seq is not None and subject is not None
        try:
            found = await self._asked(stream, lambda: self.js.get_msg(stream, seq, subject, next=following))
        except LookupError:
            return None
        headers = _headers(found.hdrs)
        dated = stream == streams.LEDGER and AT_HEADER in headers
        entry = entry_of(found, headers, await self.restored() if dated else 0)
        if stream == streams.LEDGER:
            self.highest = max(self.highest, entry.seq)
        return entry

    async def _asked(self, what: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what the server answers; raises LookupError when it has no such message, and Unreachable."""

        async def once() -> Answer:
            try:
                return await call()
            except nats.js.errors.ServiceUnavailableError as error:
                if error.err_code is None:  # not a word of the server: nobody was there to answer
                    raise nats.errors.NoRespondersError from error
                raise

        try:
            return await ask_again(once, self.asks)
        except nats.js.errors.APIError as error:
            if error.err_code == _NO_MESSAGE:
                raise LookupError(what) from error
            raise Unreachable(
                "ledger.read", f"{what} cannot be read: {error.description}", "onevoice doctor"
            ) from error
        except (nats.errors.Error, OSError) as error:
            raise Unreachable(
                "broker.unreachable", f"the broker did not answer a read of {what}", "onevoice doctor"
            ) from error


def stream_of(subject: str) -> str:
    """Return the stream that a subject is stored in."""
    head = subject.split(".", 1)[0]
    return {
        "ledger": streams.LEDGER,
        "media": streams.MEDIA,
        "upload": streams.UPLOADS,
        "dead": streams.DEAD,
        "tries": streams.TRIES,
    }[head]


def restored_of(present: api.StreamConfig) -> int:
    """Return up to which sequence a stream says that entries were put back.

    A stream that does not say is of a version that took every entry's word for it: no service runs on it before
    ``onevoice provision`` has looked (``kernel.ledger.drift``).
    """
    said = (present.metadata or {}).get(streams.RESTORED, "")
    return int(said) if said.isdecimal() else sys.maxsize


def entry_of(found: api.RawStreamMsg, headers: dict[str, str], restored: int) -> Entry:
    """Return an entry as nats-py has read it; ``restored`` as in ``entry_time``."""
    assert found.seq is not None
    assert found.subject is not None
    assert found.time is not None
    at = entry_time(found.time, found.seq, headers, restored)
    return Entry(found.seq, found.subject, at, found.data or b"", headers)


def _headers(encoded: bytes | None) -> dict[str, str]:
    """Read a header block (NATS ADR-4): a version line, then ``Name: value`` lines.

    ``found.headers`` went through a parser for e-mail, which loses what is no ASCII and all that is behind a line
    without a colon. The feed and batches are read line by line, and each reader has to see the same entry.
    """
    lines = base64.b64decode(encoded or b"").decode("utf-8", errors="replace").split("\r\n")[1:]
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
