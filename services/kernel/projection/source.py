"""Where a projection gets the ledger from: the feed as it grows, batches of what it missed, single entries to compare.

Core NATS brings each stored entry once more, in order (the stream's republish); what a start, a gap or a reconnection
left out is filled by batch direct get. Neither needs the right to make a consumer. Sequence, subject and time are the
server's own headers, never what a publisher put into an entry.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import streams, subjects
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry, entry_time, parse_time
from services.kernel.ledger.integrity.checks import Shape

BATCH = 1_000
"""Entries that are asked for at a time."""

SILENCE_SECONDS = 2.0
"""So long a batch may pause before it is asked for again."""

TRIES = 5
"""How often a batch is asked for that nothing comes of, before the broker counts as unreachable."""

_OWN = ("Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Last-Sequence", "Nats-Num-Pending")

OnEntry = Callable[[Entry], None]


class Source(Protocol):
    """What a projection needs of the ledger."""

    async def subscribe(self, on_entry: OnEntry) -> None:
        """Hand each new entry over as it is stored; some may be missing."""
        ...

    def entries(self, after: int, pattern: str = subjects.LEDGER_ALL, size: int = BATCH) -> AsyncIterator[list[Entry]]:
        """Yield what is above a sequence and fits a filter, in order, ``size`` at a time; raises Unreachable."""
        ...

    async def shape(self) -> Shape:
        """Return what the leader says of the stream; raises Unreachable."""
        ...

    async def counts(self, pattern: str) -> dict[str, int]:
        """Return how many entries the leader has on each subject of a filter; raises Unreachable."""
        ...

    async def newest(self, names: Sequence[str], up_to: int) -> list[Entry]:
        """Return the newest entries on up to BATCH literal subjects, up to a sequence, as far as a replica has them.

        Raises:
            Unreachable: the broker does not answer.
        """
        ...

    async def get(self, seq: int) -> Entry | None:
        """Return the entry that the leader has at a sequence; raises Unreachable."""
        ...

    async def last(self, pattern: str) -> Entry | None:
        """Return the newest entry that the leader has on a filter; raises Unreachable."""
        ...


class NatsSource:
    """The ledger over a service's own connection."""

    def __init__(self, ledger: Ledger, api: str = streams.SERVICE_API) -> None:
        self._ledger = ledger
        self._api = api

    async def subscribe(self, on_entry: OnEntry) -> None:
        """Hear the feed."""

        restored = await self._ledger.restored()

        async def heard(message: Msg) -> None:
            entry = _entry(message, message.subject.removeprefix(subjects.FEED), restored)
            if entry is not None:
                on_entry(entry)

        await self._client.subscribe(
            subjects.FEED_ALL, cb=heard, pending_msgs_limit=1_000_000, pending_bytes_limit=512 * 1024 * 1024
        )

    async def entries(
        self, after: int, pattern: str = subjects.LEDGER_ALL, size: int = BATCH
    ) -> AsyncIterator[list[Entry]]:
        """Read by batch direct get until a batch comes back short.

        Whatever the stream has is on the ledger's subjects: asked for by ``>``, the server does not look at each of
        them to count what is left, which takes longer than to read a batch where there are a million.
        """
        wanted = ">" if pattern == subjects.LEDGER_ALL else pattern
        while True:
            batch = await self._batch({"seq": after + 1, "batch": size, "next_by_subj": wanted})
            if batch:
                yield batch
                after = batch[-1].seq
            if len(batch) < size:
                return

    async def shape(self) -> Shape:
        """Ask the leader (STREAM.INFO)."""
        return await self._ledger.shape()

    async def counts(self, pattern: str) -> dict[str, int]:
        """Ask the leader (STREAM.INFO)."""
        return await self._ledger.counts(pattern)

    async def newest(self, names: Sequence[str], up_to: int) -> list[Entry]:
        """Read them by one direct get."""
        return await self._batch({"multi_last": list(names), "up_to_seq": up_to, "batch": BATCH})

    async def get(self, seq: int) -> Entry | None:
        """Ask the leader (STREAM.MSG.GET)."""
        return await self._ledger.get(seq)

    async def last(self, pattern: str) -> Entry | None:
        """Ask the leader (STREAM.MSG.GET)."""
        return await self._ledger.last(pattern)

    @property
    def _client(self) -> Client:
        return self._ledger.client

    async def _batch(self, query: dict[str, Any]) -> list[Entry]:
        """Ask for a batch, and again where nothing comes: a busy server may need long to find the place."""
        for _ in range(TRIES - 1):
            try:
                return await self._once(query)
            except Unreachable:
                continue
        return await self._once(query)

    async def _once(self, query: dict[str, Any]) -> list[Entry]:
        restored = await self._ledger.restored()
        inbox = self._client.new_inbox()
        found: list[Entry] = []
        try:
            subscription = await self._client.subscribe(inbox)
            try:
                await self._client.publish(
                    f"{self._api}.DIRECT.GET.{streams.LEDGER}", json.dumps(query).encode(), reply=inbox
                )
                while len(found) < query["batch"]:
                    message = await subscription.next_msg(timeout=SILENCE_SECONDS)
                    if _status(message) is not None:
                        break
                    entry = _entry(message, (message.headers or {}).get("Nats-Subject", ""), restored)
                    if entry is not None:
                        found.append(entry)
            finally:
                await subscription.unsubscribe()
        except (TimeoutError, nats.errors.Error, OSError) as error:
            if not found:
                raise Unreachable(
                    "broker.unreachable", "the broker did not answer a read of the ledger", "onevoice doctor"
                ) from error
        return found


def _status(message: Msg) -> str | None:
    """Return the status of a message that ends a batch: 204 (its end), 404 (nothing there), 408, 503."""
    headers = message.headers or {}
    return headers.get("Status") if not message.data and "Nats-Sequence" not in headers else None


def _entry(message: Msg, subject: str, restored: int) -> Entry | None:
    """Return an entry by the server's headers; None for what is not of the ledger or does not agree with itself."""
    headers = dict(message.headers or {})
    if headers.get("Nats-Stream") != streams.LEDGER or headers.get("Nats-Subject") != subject:
        return None
    try:
        seq, at = int(headers["Nats-Sequence"]), parse_time(headers["Nats-Time-Stamp"])
    except (KeyError, ValueError):
        return None
    stored = {name: value for name, value in headers.items() if name not in _OWN}
    return Entry(seq, subject, entry_time(at, seq, stored, restored), message.data, stored)
