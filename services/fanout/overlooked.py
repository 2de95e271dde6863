"""Finds cleared verdicts that no copy of fan-out has in hand: whoever has its key can take messages away.

A message that was acked is handed out to nobody any more, and one of ours is acked only when there is nothing to do. So
where more verdicts are unfinished than the durable holds, some were taken away. To take up one that another copy has in
hand does no harm: an attempt counts once in the ledger's order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import nats.errors

from schemas import streams
from schemas.events.deliveries import ReceiptOutcome
from services.fanout.delivery.work import Work
from services.kernel.base.errors import OneVoiceError
from services.kernel.fold.state import RequestState
from services.kernel.runtime.service import RetryLater, Runtime

LOOK_SECONDS = 5.0
AGAIN_SECONDS = 60.0
"""After so long a verdict is taken up again that still is not finished."""

MOST = 100
"""Verdicts that are taken up at one look."""


class OverlookedVerdicts:
    """Looks at what is unfinished. ``_seen``: when each verdict was seen so first, or taken up last (monotonic)."""

    def __init__(self, runtime: Runtime, work: Work) -> None:
        self._runtime, self._work = runtime, work
        self._seen: dict[int, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look_once()
            except (nats.errors.Error, OSError) as error:
                self._runtime.log.debug("the durable could not be looked at", error=str(error))

    async def look_once(self) -> None:
        """Take up what was unfinished at the last look already and that nobody is to be handed."""
        now = self._runtime.clock.monotonic()
        unfinished = {state.verdict_seq: state for state in self._unfinished()}
        self._seen = {seq: self._seen.get(seq, now + LOOK_SECONDS) for seq in unfinished}
        hands = self._work.verdicts_in_hand
        due = [state for seq, state in unfinished.items() if seq not in hands and self._seen[seq] <= now]
        if not due or await self._held() >= len(unfinished):
            return
        for state in sorted(due, key=lambda state: state.priority)[:MOST]:
            self._seen[state.verdict_seq] = now + AGAIN_SECONDS
            self._runtime.log.warning(
                "no copy was handed a cleared verdict", request_id=state.request_id, seq=state.verdict_seq
            )
            task = asyncio.create_task(self._deliver(state))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _unfinished(self) -> Iterator[RequestState]:
        for state in self._runtime.fold.requests.values():
            if state.is_cleared and any(not _rests(state, profile) for profile in state.left):
                yield state

    async def _held(self) -> int:
        """Return how many messages the durable has handed out or still has to."""
        durable = streams.FANOUT_VERDICTS
        info = await self._runtime.ledger.js.consumer_info(durable.stream, durable.durable)
        return (info.num_ack_pending or 0) + (info.num_pending or 0)

    async def _deliver(self, state: RequestState) -> None:
        try:
            await self._work.deliver(state.request_id, state.verdict_seq, state.wanted)
        except RetryLater:
            return
        except OneVoiceError as error:
            self._runtime.log.warning("not brought, will try again", request_id=state.request_id, code=error.code)
        except Exception:
            self._runtime.log.exception("not brought, will try again", request_id=state.request_id)


def _rests(state: RequestState, profile: str) -> bool:
    """Return whether nothing is done about a profile until the next verdict."""
    receipt = state.target(profile).receipt
    return receipt is not None and receipt.outcome is ReceiptOutcome.WITHHELD
