"""Finds cleared verdicts that no copy of fan-out has in hand: whoever has its key can take messages away.

A message that was acked is handed out to nobody any more, and one that a thief holds to nobody else. So where more
verdicts are unfinished than the durable holds, some were taken away; the others are taken up when nothing has come of
them for a while. To take up one that another copy has in hand does no harm: an attempt counts once in the ledger's
order. What is taken up has the retry budget of any message, and what became a dead letter is left to its officer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime

import nats.errors
from pydantic import ValidationError

from schemas import streams
from schemas.canonical import StrictJsonError
from schemas.events.dead import DeadLetter
from services.fanout.delivery.work import Work
from services.fanout.domain.delivery_state import DeliveryState, state_of
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.tasks import cancel_all
from services.kernel.fold.state import RequestState, TargetState
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.service import LookPace, Runtime

DURABLE = streams.FANOUT_VERDICTS

MOST = 100
"""Verdicts that are taken up at one look."""

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

    def __init__(self, durable: str, entry: Entry, again: Callable[[float], None], pause: float) -> None:
        self.durable, self.entry, self._pause = durable, entry, pause
        self._again = again

    async def ack(self) -> bool:
        """Leave it for a while: what was done is on record, and nobody waits for a word."""
        self._again(self._pause)
        return True

    async def nak(self, delay: float) -> None:
        """Take it up again after so many seconds."""
        self._again(delay)

    async def in_progress(self) -> None:
        """Nobody else waits for it."""


class OverlookedVerdicts:
    """Looks at what is unfinished. ``_due``: when each verdict is taken up, by the monotonic clock."""

    def __init__(self, runtime: Runtime, work: Work, dead: DeadEntries, pace: LookPace) -> None:
        self._pace = pace
        self._runtime, self._work, self._dead = runtime, work, dead
        self._due: dict[int, float] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look until the service stops."""
        while not self._runtime.supervisor.stopping:
            try:
                await self.look_once()
            except (nats.errors.Error, OSError, OneVoiceError) as error:
                self._runtime.log.debug("the durable could not be looked at", error=str(error))
            await asyncio.sleep(self._pace.look)

    async def finish(self) -> None:
        """Wait for what was taken up, as for handlers; what takes too long is left to its lease, as after a crash."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=FINISH_SECONDS)
            await cancel_all(*late)

    async def look_once(self) -> None:
        """Take up what was unfinished at the last look already and that nobody is to be handed."""
        now = self._runtime.clock.monotonic()
        unfinished = {state.verdict_seq: state for state in self._unfinished()}
        hands = self._work.verdicts_in_hand | self._tasks.keys()
        next_look = now + self._pace.look
        self._due = {seq: next_look if seq in hands else self._due.get(seq, next_look) for seq in unfinished}
        if all(due > now for due in self._due.values()):
            return
        dead = await self._dead.read()
        alive = [state for seq, state in unfinished.items() if seq not in dead]
        are_missing = await self._held() < len(alive)
        before = now if are_missing else now - self._pace.again
        due = [state for state in alive if self._due[state.verdict_seq] <= before]
        if self._runtime.supervisor.stopping:
            return
        for state in sorted(due, key=lambda state: state.priority)[:MOST]:
            self._begin(state, are_missing=are_missing)

    def _begin(self, state: RequestState, *, are_missing: bool) -> None:
        seq, log = state.verdict_seq, self._runtime.log
        said = "no copy was handed a cleared verdict" if are_missing else "nothing came of a cleared verdict for long"
        log.warning(said, request_id=state.request_id, seq=seq)
        self._again(seq, self._pace.again)
        self._tasks[seq] = asyncio.create_task(self._take_up(seq))

    def _again(self, seq: int, delay: float) -> None:
        self._due[seq] = self._runtime.clock.monotonic() + delay

    def _unfinished(self) -> Iterator[RequestState]:
        now = self._runtime.clock.now()
        for state in self._runtime.fold.requests.values():
            if state.is_cleared and any(not rests(state.target(profile), now) for profile in state.left):
                yield state

    async def _held(self) -> int:
        """Return how many messages the durable has handed out or still has to."""
        info = await self._runtime.ledger.js.consumer_info(DURABLE.stream, DURABLE.durable)
        return (info.num_ack_pending or 0) + (info.num_pending or 0)

    async def _take_up(self, seq: int) -> None:
        """Give a verdict to its handler as if the durable had handed it out."""
        try:
            entry = await self._runtime.ledger.get(seq)
            around = self._runtime.around
            route = around.routes.get(DURABLE.durable)
            if entry is not None and route is not None:
                delivery = TakenUp(DURABLE.durable, entry, lambda delay: self._again(seq, delay), self._pace.again)
                await around.consuming.handle(delivery, lambda: route.handle(entry))
        except OneVoiceError as error:
            self._runtime.log.warning("not brought, will try again", seq=seq, code=error.code, error=error.message)
        finally:
            self._tasks.pop(seq, None)


def rests(target: TargetState, now: datetime) -> bool:
    """Return whether nothing is to be done about a profile: not before the next verdict, or not yet."""
    receipt = target.receipt
    waits = receipt is not None and receipt.retry_at is not None and receipt.retry_at > now
    return state_of(target) is DeliveryState.HELD_BACK or (waits and not target.is_open)
