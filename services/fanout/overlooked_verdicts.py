"""Finds cleared verdicts that no copy of fan-out has in hand (services.fanout.overlooked).

Where more verdicts should have a message than the durable holds, some were taken away; the others are taken up when
nothing has come of them for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from schemas import streams
from services.fanout.delivery.work import Work
from services.fanout.domain.delivery_state import is_held_back
from services.fanout.domain.retry import retry_left
from services.fanout.overlooked import OverlookedWork
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.state import RequestState, TargetState
from services.kernel.runtime.service import LookPace, Runtime

MOST = 100
"""Verdicts that are taken up at one look."""


class OverlookedVerdicts(OverlookedWork):
    """Looks at what is unfinished."""

    def __init__(self, runtime: Runtime, work: Work, pace: LookPace) -> None:
        super().__init__(runtime, streams.FANOUT_VERDICTS, pace)
        self._work = work

    async def look_once(self) -> None:
        """Take up what was unfinished at the last look already and that nobody is to be handed."""
        now, time = self._runtime.clock.monotonic(), self._runtime.clock.now()
        with_message = {state.verdict_seq: state for state in unfinished(self._runtime.fold)}
        idle = {seq: state for seq, state in with_message.items() if _is_to_be_done(state, time, now)}
        hands = self._work.verdicts_in_hand | self._tasks.keys()
        next_look = now + self._pace.look
        self._due = {seq: next_look if seq in hands else self._due.get(seq, next_look) for seq in idle}
        if all(due > now for due in self._due.values()):
            return
        dead = await self._dead.read()
        are_missing = await self._held() < len(with_message.keys() - dead)
        before = now if are_missing else now - self._pace.again
        due = [state for seq, state in idle.items() if seq not in dead and self._due[seq] <= before]
        if self._runtime.supervisor.stopping:
            return
        said = "no copy was handed a cleared verdict" if are_missing else "nothing came of a cleared verdict for long"
        for state in sorted(due, key=lambda state: state.priority)[:MOST]:
            self._runtime.log.warning(said, request_id=state.request_id, seq=state.verdict_seq)
            self._begin(state.verdict_seq)

    async def _held(self) -> int:
        """Return how many messages the durable has handed out or still has to."""
        info = await self._runtime.ledger.js.consumer_info(self._durable.stream, self._durable.durable)
        return (info.num_ack_pending or 0) + (info.num_pending or 0)


def unfinished(fold: LedgerFold) -> Iterator[RequestState]:
    """Yield the requests whose cleared verdict the durable still has a message of: something is to be done, or later.

    What only a newer verdict can change is over for this one, and its message was acked. Pure.
    """
    for state in fold.requests.values():
        left = (state.target(profile) for profile in state.left)
        if state.is_cleared and any(not is_held_back(target) for target in left):
            yield state


def _is_to_be_done(state: RequestState, now: datetime, boot: float) -> bool:
    return any(not rests(state.target(profile), now, boot) for profile in state.left)


def rests(target: TargetState, now: datetime, boot: float) -> bool:
    """Return whether nothing is to be done about a profile: not before the next verdict, or not yet.

    ``now`` is the present in UTC by this machine's clock, by which waits are written, ``boot`` in boot-time seconds.
    """
    return is_held_back(target) or (retry_left(target, now, boot) > 0 and not target.is_open)
