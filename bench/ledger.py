"""The ledger, read with the provisioning user's key: who stored what, and when by the server's own clock.

Times are the server's stamps on stored entries, so that looking does not change what is measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.js import api

LEDGER = "LEDGER"
BATCH = 500


@dataclass(frozen=True)
class Entry:
    """One stored message; ``at`` in seconds since the epoch."""

    seq: int
    subject: str
    at: float
    data: bytes
    headers: dict[str, str]

    def value(self) -> dict[str, Any]:
        """Return the body as JSON."""
        return dict(json.loads(self.data))


class LedgerReader:
    """Reads a stream, by default the ledger."""

    def __init__(self, client: Client, stream: str = LEDGER) -> None:
        self._js = client.jetstream(timeout=30.0)
        self._stream = stream

    async def last_seq(self) -> int:
        """Return the newest sequence."""
        return int((await self._js.stream_info(self._stream)).state.last_seq)

    async def count(self, subject_filter: str) -> int:
        """Return how many subjects there are that match a filter."""
        info = await self._js.stream_info(self._stream, subjects_filter=subject_filter)
        return len(info.state.subjects or {})

    async def read(self, subject_filter: str, after: int, wanted: int, seconds: float = 5.0) -> list[Entry]:
        """Return up to so many entries that match a filter above a sequence, as they come, until the time is over."""
        config = api.ConsumerConfig(
            ack_policy=api.AckPolicy.NONE,
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            filter_subject=subject_filter,
            inactive_threshold=30.0,
            mem_storage=True,
        )
        info = await self._js.add_consumer(self._stream, config)
        puller = await self._js.pull_subscribe_bind(consumer=info.name, stream=self._stream)
        found: list[Entry] = []
        deadline = time.monotonic() + seconds
        try:
            while len(found) < wanted and (left := deadline - time.monotonic()) > 0:
                try:
                    messages = await puller.fetch(min(BATCH, wanted - len(found)), timeout=min(left, 0.5))
                except TimeoutError:
                    continue
                found += [_entry(message) for message in messages]
        finally:
            await puller.unsubscribe()
            await self._js.delete_consumer(self._stream, info.name)
        return found

    async def receipts(self, request_id: str, after: int, wanted: int, seconds: float) -> list[Entry]:
        """Wait until a request is delivered to so many profiles; return the receipts that say so, the last one last.

        Raises:
            RuntimeError: not within the time, with what is there instead.
        """
        pattern = f"ledger.receipt.*.{request_id}"
        deadline = time.monotonic() + seconds
        delivered: dict[str, Entry] = {}
        while time.monotonic() < deadline:
            if await self.count(pattern) >= wanted:
                for entry in await self.read(pattern, after, wanted + len(delivered), 3.0):
                    if entry.value()["outcome"] == "delivered":
                        delivered.setdefault(entry.subject, entry)
                if len(delivered) >= wanted:
                    return sorted(delivered.values(), key=lambda entry: entry.at)
            await asyncio.sleep(0.1)
        raise RuntimeError(f"{await self.count(pattern)} of {wanted} delivered within {seconds:.0f} s")


def _entry(message: Any) -> Entry:
    place = message.metadata
    return Entry(
        int(place.sequence.stream),
        message.subject,
        place.timestamp.timestamp(),
        message.data,
        dict(message.headers or {}),
    )
