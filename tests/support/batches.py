"""Appends in batches, looked at from outside: what callers were told beside what the ledger holds.

``Told`` keeps each append and its answer; ``Told.against`` compares them with all entries of the ledger. ``BadLine`` is
a TCP proxy before the broker that loses the answer to a batch's commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Self

from schemas import streams, subjects
from schemas.events.deliveries import Attempt
from services.kernel.ledger.append_batch import PendingAppend
from services.kernel.ledger.client import Appended, Conflict, Entry, Ledger
from services.kernel.projection.source import NatsSource
from tests.support.mission import an_attempt

BATCH_ID, BATCH_SEQ, COMMIT = "Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"


@dataclass
class Told:
    """Appends of attempts and what became of each: its place, Conflict, or another error (nobody knows)."""

    answers: list[tuple[Attempt, Appended | BaseException]] = field(default_factory=list)

    async def append(self, ledger: Ledger, attempts: list[Attempt]) -> None:
        """Append them at the same time, each fenced on its own control revision."""
        found = await asyncio.gather(*(fenced(ledger, one) for one in attempts), return_exceptions=True)
        self.answers += zip(attempts, found, strict=True)

    @property
    def stored(self) -> list[tuple[Attempt, Appended]]:
        """Those that were acked."""
        return [(attempt, answer) for attempt, answer in self.answers if isinstance(answer, Appended)]

    @property
    def conflicts(self) -> list[Attempt]:
        """Those that were refused."""
        return [attempt for attempt, answer in self.answers if isinstance(answer, Conflict)]

    @property
    def unknown(self) -> list[tuple[Attempt, BaseException]]:
        """Those of which nobody knows."""
        return [
            (attempt, answer)
            for attempt, answer in self.answers
            if isinstance(answer, BaseException) and not isinstance(answer, Conflict)
        ]

    def against(self, entries: list[Entry]) -> list[str]:
        """Return what is wrong between what was told and all entries of the ledger."""
        by_seq = {entry.seq: entry for entry in entries}
        count = Counter(entry.subject for entry in entries if entry.subject.startswith("ledger.attempt."))
        wrong = [f"{subject} stands {times} times" for subject, times in count.items() if times > 1]
        for attempt, answer in self.stored:
            entry = by_seq.get(answer.seq)
            if entry is None or (entry.subject, entry.data) != (subject_of(attempt), attempt.to_bytes()):
                wrong.append(f"{subject_of(attempt)} was acked at {answer.seq}, where it does not stand")
            if answer.duplicate:
                wrong.append(f"{subject_of(attempt)} is told as another's bytes")
        wrong += [f"{subject_of(one)} was refused and stands" for one in self.conflicts if count[subject_of(one)]]
        return wrong + _past_the_fence(entries)


def _past_the_fence(entries: list[Entry]) -> list[str]:
    control, wrong = 0, []
    for entry in entries:
        if entry.subject == subjects.CONTROL:
            control = entry.seq
        elif entry.subject.startswith("ledger.attempt."):
            decided_at = json.loads(entry.data)["control_seq"]
            if decided_at != control:
                wrong.append(f"the attempt at {entry.seq} is of {decided_at}, and control stood at {control}")
    return wrong


def subject_of(attempt: Attempt) -> str:
    """Where an attempt stands."""
    return subjects.attempt(attempt.profile, attempt.request_id)


async def fenced(ledger: Ledger, attempt: Attempt) -> Appended:
    """Append an attempt as fanout does."""
    return await ledger.append(subject_of(attempt), attempt, fence=(subjects.CONTROL, attempt.control_seq))


def attempts(control_seq: int, count: int) -> list[Attempt]:
    """Attempts on requests of their own."""
    return [an_attempt(control_seq) for _ in range(count)]


async def everything(ledger: Ledger) -> list[Entry]:
    """All entries, in order; their sequences have no hole, as the stream's own count says too."""
    found = [entry async for batch in NatsSource(ledger).entries(0) for entry in batch]
    shape = await ledger.shape()
    assert (shape.first, shape.last, shape.messages, shape.deleted) == (1, len(found), len(found), 0)
    assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
    return found


class Sent:
    """What a ledger sends: how many requests, and how large each batch was."""

    def __init__(self, ledger: Ledger) -> None:
        self.requests: Counter[str] = Counter()
        self.batches: list[int] = []
        self._client: Any = ledger.client
        self._real = self._client.request
        self._client.request = self._counted  # type: ignore[method-assign]
        self._batch = ledger._fenced._wire.batch
        for queue in (ledger._fenced, ledger._unfenced):
            object.__setattr__(queue._wire, "batch", self._noted)

    async def _counted(self, subject: str, *args: Any, **options: Any) -> Any:
        kind = subject if subject.startswith(streams.SERVICE_API) else "append"
        self.requests["commit" if COMMIT in (options.get("headers") or {}) else kind] += 1
        return await self._real(subject, *args, **options)

    async def _noted(self, items: list[PendingAppend]) -> Any:
        self.batches.append(len(items))
        return await self._batch(items)


def halves(entries: list[Entry]) -> tuple[int, list[str]]:
    """Return how many batches stand whole, and which do not: their commit is missing, or entries are."""
    batches: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if BATCH_ID in entry.headers:
            batches[entry.headers[BATCH_ID]].append(entry)
    wrong = []
    for name, found in batches.items():
        numbers = [int(entry.headers[BATCH_SEQ]) for entry in found]
        together = found[-1].seq - found[0].seq + 1 == len(found)
        if numbers != list(range(1, len(found) + 1)) or COMMIT not in found[-1].headers or not together:
            wrong.append(f"of batch {name} stand {len(found)} entries from {found[0].seq} on, without its commit")
    return len(batches) - len(wrong), wrong


class BadLine:
    """A TCP proxy before the broker. ``armed``: the answer to the next commit is lost, and ``lost`` is set.

    With ``cut`` the connection breaks with it, and no new one is let through until ``mended`` is set.
    """

    def __init__(self, port: int, *, cut: bool) -> None:
        self.armed = False
        self.lost = asyncio.Event()
        self.mended = asyncio.Event()
        self.mended.set()
        self._port, self._cut = port, cut
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.mended.set()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        await self.mended.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.append(far_writer)
        try:
            done = [
                asyncio.create_task(self._up(reader, far_writer)),
                asyncio.create_task(self._down(far_reader, writer)),
            ]
            await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in done:
                task.cancel()
            for end in (writer, far_writer):
                end.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.armed and b'"batch":' in data:  # a commit's ack names its batch; no other answer does
                    self.armed = False
                    if self._cut:
                        self.mended.clear()
                    self.lost.set()
                    if self._cut:
                        return
                    continue
                writer.write(data)
                await writer.drain()
