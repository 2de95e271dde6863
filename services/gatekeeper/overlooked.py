"""Finds requests with something new that no copy of the gate has decided: whoever has its key can take messages away.

A message that was acked is handed out to nobody any more. What is new is in the fold all the same.
"""

from __future__ import annotations

from collections import deque

from services.gatekeeper.domain.dossier import undecided
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.state import RequestState
from services.kernel.ledger.client import Entry
from services.kernel.runtime.service import LookPace, Runtime

MOST = 64
"""At one look: where the gate is only slow, its own turn comes first."""

NEWS = frozenset({"request", "approval", "control"})


class OverlookedRequests:
    """Remembers when each fact was folded, for a while: its sequence, and the monotonic clock's seconds.

    A request that waits ``after`` seconds later was overlooked. A control change may leave the decision on it as it
    was: then no verdict says so, and each copy looks at it once. ``_looked`` holds up to which news that was done.
    """

    def __init__(self, runtime: Runtime, after: float = LookPace.request) -> None:
        self._runtime, self._after = runtime, after
        self._facts: deque[tuple[int, float]] = deque()
        self._looked: dict[str, int] = {}
        self._taken: frozenset[str] = frozenset()
        runtime.projection.listen(self._on_folded, *NEWS)

    def take(self) -> list[str]:
        """Return requests that wait for a decision though what is new of them was folded a while ago; each once."""
        now, old, self._taken = self._runtime.clock.monotonic(), 0, frozenset()
        while self._facts and now - self._facts[0][1] >= self._after:
            old, _ = self._facts.popleft()
        if not old:
            return []
        fold = self._runtime.fold
        self._looked = {one: seq for one, seq in self._looked.items() if one in fold.requests}
        found = [one for one in undecided(fold) if self._looked.get(one, 0) < self._newest(fold.requests[one]) <= old]
        if len(found) > MOST:
            self._facts.appendleft((old, now - self._after))  # the others at the next look
        for request_id in found[:MOST]:
            self._looked[request_id] = self._newest(fold.requests[request_id])
        self._taken = frozenset(found[:MOST])
        return found[:MOST]

    def settled(self, state: RequestState, control_seq: int) -> None:
        """Remember that a request was decided at a control revision, and that there was nothing new to say."""
        self._looked[state.request_id] = max(state.fact_seq, control_seq)

    def wrote(self, request_id: str) -> None:
        """Say aloud that a verdict on a request of the last look was due."""
        if request_id in self._taken:
            self._runtime.log.warning("no copy was handed what is new of a request", request_id=request_id)

    def _newest(self, state: RequestState) -> int:
        """Return where what its verdict does not know stands."""
        control = self._runtime.fold.control.seq
        is_of_old = state.verdict is not None and state.verdict.control_seq != control
        return max(state.fact_seq, control if is_of_old else 0)

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if not applied.void or applied.kind == "control":  # junk there is a control revision all the same
            self._facts.append((entry.seq, self._runtime.clock.monotonic()))
