"""Takes up work that somebody took out of a durable: whoever has fan-out's key can take messages away.

A message that was acked is handed out to nobody any more, and one that a thief holds to nobody else. What it asked for
is in the fold all the same. To take up what another copy has in hand does no harm. What is taken up has the retry
budget of any message, and what became a dead letter is left to its officer.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import nats.errors
from pydantic import ValidationError

from schemas import streams
from schemas.canonical import StrictJsonError
from schemas.events.dead import DeadLetter
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.tasks import cancel_all
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.service import LookPace, Runtime

FINISH_SECONDS = 8.0
"""How long what was taken up may take to end as the service stops; the handlers' own time comes after that."""


class DeadEntries:
    """The sequences of a durable's entries that have a dead letter, however that ended: they are for a person."""

    def __init__(self, runtime: Runtime, durable: str) -> None:
        self._runtime, self._durable = runtime, durable
        self._last = 0
        self._seqs: set[int] = set()

    async def read(self) -> frozenset[int]:
        """Return them as the stream DEAD has them now, those of other copies too; raises Unreachable."""
        while (entry := await self._runtime.ledger.next_in(streams.DEAD, self._last)) is not None:
            self._last = entry.seq
            if entry.subject == self._runtime.row.dead_letters:
                self._take(entry)
        return frozenset(self._seqs)

    def _take(self, entry: Entry) -> None:
        try:
            letter = DeadLetter.from_bytes(entry.data)
        except (StrictJsonError, ValidationError):
            return  # the board shows it as one that cannot be read
        if letter.durable == self._durable:
            self._seqs.add(letter.seq)


class TakenUp:
    """An entry that is taken up without its durable (services.kernel.runtime.messages.bus.Delivery)."""

    count = 2
    """It was in somebody's hands before: a death of the process while it is handled is counted."""

    def __init__(self, durable: str, entry: Entry, done: Callable[[], None], later: Callable[[float], None]) -> None:
        self.durable, self.entry = durable, entry
        self._done, self._later = done, later

    async def ack(self) -> bool:
        """Leave it for a while: what was done is on record, and nobody waits for a word."""
        self._done()
        return True

    async def nak(self, delay: float) -> None:
        """Go on with it after so many seconds."""
        self._later(delay)

    async def in_progress(self) -> None:
        """Nobody else waits for it."""


class OverlookedWork(ABC):
    """Looks at what is to be done. ``_due``: when each entry is taken up, by the monotonic clock.

    What was taken up and is still to be done at its next time is taken up again.
    """

    def __init__(self, runtime: Runtime, durable: streams.Consumer, pace: LookPace) -> None:
        self._runtime, self._durable, self._pace = runtime, durable, pace
        self._dead = DeadEntries(runtime, durable.durable)
        self._due: dict[int, float] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @abstractmethod
    async def look_once(self) -> None:
        """Take up what is due."""

    async def run(self) -> None:
        """Look until the service stops."""
        while not self._runtime.supervisor.stopping:
            try:
                await self.look_once()
            except (nats.errors.Error, OSError, OneVoiceError) as error:
                name = self._durable.durable
                self._runtime.log.debug("the durable could not be looked at", durable=name, error=str(error))
            await asyncio.sleep(self._pace.look)

    async def finish(self) -> None:
        """Wait for what was taken up, as for handlers; what takes too long is left to its lease, as after a crash."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=FINISH_SECONDS)
            await cancel_all(*late)

    def _begin(self, seq: int) -> None:
        """Take an entry up, and again after a while, unless nothing is to be done about it by then."""
        self._again(seq, self._pace.again)
        self._tasks[seq] = asyncio.create_task(self._take_up(seq))

    def _again(self, seq: int, delay: float) -> None:
        self._due[seq] = self._runtime.clock.monotonic() + delay

    async def _take_up(self, seq: int) -> None:
        """Give an entry to its handler as if the durable had handed it out."""
        name = self._durable.durable
        try:
            entry = await self._runtime.ledger.get(seq)
            around = self._runtime.around
            route = around.routes.get(name)
            if entry is not None and route is not None:
                done, later = partial(self._again, seq, self._pace.again), partial(self._later, seq)
                delivery = TakenUp(name, entry, done, later)
                await around.consuming.handle(delivery, lambda: route.handle(entry))
        except OneVoiceError as error:
            said = "not done, will try again"
            self._runtime.log.warning(said, durable=name, seq=seq, code=error.code, error=error.message)
            self._later(seq, self._pace.again)
        finally:
            self._tasks.pop(seq, None)

    def _later(self, seq: int, delay: float) -> None:
        """Go on with an entry after so many seconds."""
        self._again(seq, delay)
