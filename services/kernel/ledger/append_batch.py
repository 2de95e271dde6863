"""Gathers appends that wait at the same time and commits them as one atomic batch: one fsync for all of them.

While a batch is on its way the next one gathers, so a single append waits for nobody and a thousand cost a handful of
commits. A batch is stored whole or not at all (NATS ADR-50); what a refusal was about is found out here, so that each
caller gets the answer that its own append would have got alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from nats.js import api

from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT, MESSAGE_ID

MOST = 256
"""Entries of one batch; the server takes 1,000."""


class BatchRefused(Exception):
    """The server did not take a batch; nothing of it was stored."""


class BatchUnknown(Exception):
    """No ack of a batch came; whether it is stored is unknown, and each entry is repeated with its message id."""


class StaleCondition(Exception):
    """The entry's fence or compare-and-set does not hold any more: nothing was stored."""


@dataclass(frozen=True)
class Stood:
    """What the fold shows at ``seq`` under an entry's message id: the same bytes, or another's, or another subject."""

    seq: int
    same: bool
    elsewhere: bool = False


Answer = api.PubAck | Stood


@dataclass(eq=False)
class PendingAppend:
    """One entry that waits for its answer: the server's ack, or what the fold shows (``pending``).

    ``fence``: the subject that it is fenced on and its expected sequence, if that is another subject than its own;
    ``condition``: the subject whose last sequence it names, its own or that one (empty: none).
    """

    subject: str
    raw: bytes
    headers: dict[str, str]
    done: asyncio.Future[Answer] = field(repr=False)
    message_id: str = field(init=False)
    fence: tuple[str, str] | None = field(init=False)
    condition: str = field(init=False)

    def __post_init__(self) -> None:
        """Read the headers, once for all who ask."""
        self.message_id = self.headers.get(MESSAGE_ID, "")
        subject, expected = self.headers.get(FENCE_SUBJECT), self.headers.get(EXPECTED)
        self.fence = (subject, expected or "") if subject is not None else None
        self.condition = "" if expected is None else subject or self.subject


@dataclass(frozen=True)
class Wire:
    """How entries reach the server.

    ``single`` appends one entry and returns its ack. ``batch`` commits several at once and returns the sequence of the
    last one; raises BatchRefused or BatchUnknown. ``last_of`` returns the last sequence of a subject.
    """

    single: Callable[[PendingAppend], Awaitable[api.PubAck]]
    batch: Callable[[list[PendingAppend]], Awaitable[api.PubAck]]
    last_of: Callable[[str], Awaitable[int]]


class AppendQueue:
    """Entries of one kind, committed batch after batch, in the order in which they came.

    Fenced entries have a queue of their own, so that a change of the fence never delays a receipt.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: deque[PendingAppend] = deque()
        self._running: asyncio.Task[None] | None = None
        self._late: set[asyncio.Future[api.PubAck]] = set()

    def put(self, item: PendingAppend) -> None:
        """Let an entry wait for the next batch; its future gets the answer or the error that it would get alone."""
        self._waiting.append(item)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await asyncio.sleep(0)  # whoever appends in this very turn of the loop comes along
        while self._waiting:
            batch = self._take()
            if not batch:
                continue
            if len(batch) == 1:
                await self._alone(batch[0])
            else:
                await self._together(batch)

    def _take(self) -> list[PendingAppend]:
        """Take what may share a batch: each subject and each message id once."""
        batch: list[PendingAppend] = []
        left: list[PendingAppend] = []
        subjects: set[str] = set()
        ids: set[str] = set()
        while self._waiting and len(batch) < MOST:
            item = self._waiting.popleft()
            if item.done.done():
                continue
            if item.subject in subjects or item.message_id in ids:
                left.append(item)
                continue
            subjects.add(item.subject)
            ids.add(item.message_id)
            batch.append(item)
        self._waiting.extendleft(reversed(left))
        return batch

    async def _together(self, batch: list[PendingAppend]) -> None:
        try:
            await self._commit(batch)
        except BatchRefused:
            await self._after_refusal(batch)
        except Exception:  # noqa: BLE001 - each append is repeated by itself, and gets its own answer
            await self._singly(batch)

    async def _after_refusal(self, batch: list[PendingAppend]) -> None:
        """Let what is not answered by now go again as one batch, in order, and singly only if that fails.

        What the refusal was about is answered by the fold, or here: a stale fence is asked of the leader, which gives
        the feed the time to bring the rest.
        """
        try:
            await self._answer_stale(batch)
        except Exception:  # noqa: BLE001 - each append finds out by itself, and reports it
            await self._singly(batch)
            return
        left = [item for item in batch if not item.done.done()]
        if len(left) == len(batch) or len(left) < 2:
            await self._singly(left)
            return
        try:
            await self._commit(left)
        except Exception:  # noqa: BLE001 - as above
            await self._singly(left)

    async def _answer_stale(self, batch: list[PendingAppend]) -> None:
        """Answer those whose fence does not stand, and let the fold answer those that stand already."""
        subjects = {item.fence[0] for item in batch if item.fence is not None} or {batch[-1].subject}
        stands = {subject: str(await self._wire.last_of(subject)) for subject in subjects}
        for item in batch:
            if item.fence is not None and stands[item.fence[0]] != item.fence[1]:
                _fail(item, StaleCondition(f"{item.fence[0]} is at {stands[item.fence[0]]}"))

    async def _commit(self, batch: list[PendingAppend]) -> None:
        """Commit entries together. When the fold has answered all of them, the ack is not waited for any more."""
        commit = asyncio.ensure_future(self._wire.batch(batch))
        answers = asyncio.ensure_future(_all_done(batch))
        await asyncio.wait((commit, answers), return_when=asyncio.FIRST_COMPLETED)
        if not commit.done():
            self._late.add(commit)
            commit.add_done_callback(self._forget)
            return
        answers.cancel()
        ack = commit.result()
        first = ack.seq - len(batch) + 1
        for number, item in enumerate(batch):
            if not item.done.done():
                item.done.set_result(api.PubAck(stream=ack.stream, seq=first + number))

    def _forget(self, commit: asyncio.Future[api.PubAck]) -> None:
        self._late.discard(commit)
        if not commit.cancelled():
            commit.exception()  # whatever it says, each of its entries has its answer

    async def _singly(self, batch: list[PendingAppend]) -> None:
        await asyncio.gather(*(self._alone(item) for item in batch if not item.done.done()))

    async def _alone(self, item: PendingAppend) -> None:
        try:
            ack = await self._wire.single(item)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for this entry
            _fail(item, error)
        else:
            if not item.done.done():
                item.done.set_result(ack)


async def _all_done(batch: list[PendingAppend]) -> None:
    """Wait until each of them has its answer, or nobody waits for it any more."""
    for item in batch:
        if not item.done.done():
            await asyncio.wait((item.done,))


def _fail(item: PendingAppend, error: Exception) -> None:
    if not item.done.done():
        item.done.set_exception(error)
