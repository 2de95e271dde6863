"""Handlers of fanout: a verdict is brought to its profiles.

What officers decide and ask has modules of its own beside this: ``resolving``, ``acknowledging``, ``inquiring``.
"""

from __future__ import annotations

from schemas.events.verdicts import Outcome, Verdict
from services.fanout.delivery.work import Work
from services.kernel.runtime.messages.dependencies import EntryOf
from services.kernel.runtime.service import Runtime


class FanoutHandlers:
    """What fanout does with a verdict."""

    def __init__(self, runtime: Runtime, work: Work) -> None:
        self._runtime = runtime
        self._work = work

    async def on_verdict(self, verdict: Verdict, entry: EntryOf) -> None:
        """Post what a cleared verdict allows; wind up what a refused one ends.

        A verdict that is void, or that a newer one follows, brings nothing: the newer one is handed out too.
        """
        await self._runtime.projection.at_least(entry.seq)
        state = self._runtime.fold.requests.get(verdict.request_id)
        if state is None or verdict.outcome is Outcome.BLOCKED:
            return
        open_elsewhere = tuple(name for name, target in state.targets.items() if target.is_open)
        profiles = tuple(dict.fromkeys((*state.wanted, *open_elsewhere)))
        await self._work.deliver(verdict.request_id, entry.seq, profiles)
