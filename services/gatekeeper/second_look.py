"""Looks for what only a stolen key writes: verdicts that the policy would not give, requests that changed or hide.

Nothing is undone: a refusal is final for every reader. But it is reported at once, in the log, by ``doctor`` and by
``pending``, so that a person submits the message again; ``audit verify`` finds it in the record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.events.approvals import Approval
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from schemas.subjects import place_of
from services.gatekeeper.domain.dossier import difference, facts_at
from services.gatekeeper.domain.forged import changed_after, hidden_in
from services.gatekeeper.policy.decide import decide
from services.kernel.control.control_state import ControlState
from services.kernel.fold.ledger_fold import Applied, LedgerFold
from services.kernel.fold.reading import parse
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry
from services.kernel.projection.projection import Projection
from services.kernel.projection.request_entries import state_of
from services.kernel.runtime.service import Runtime
from services.kernel.runtime.supervisor import AGAIN_SECONDS

AFTER_SECONDS = 1.0
"""By then the ack of a verdict of one's own has come."""

OWN_KEPT = 10_000

FindState = Callable[[str, LedgerFold, Projection, float], Awaitable[RequestState | None]]
"""Finds a request that may have left memory; as ``kernel.projection.request_entries.state_of``."""


@dataclass(frozen=True)
class _Stranger:
    """A verdict that somebody else may have written, with what was so where it is; ``at``: when it was stored."""

    seq: int
    at: datetime
    verdict: Verdict
    control: ControlState
    over: frozenset[str]


class SecondLook:
    """Decides verdicts of others again, a second after they were folded.

    ``_replaced_at``: where each request was replaced; 0: before this process.
    """

    def __init__(self, runtime: Runtime, find: FindState = state_of) -> None:
        self._runtime, self._find = runtime, find
        self._own: deque[int] = deque(maxlen=OWN_KEPT)
        self._waiting: deque[_Stranger] = deque()
        self._replaced_at: dict[str, int] = {}
        self._running = False
        runtime.projection.listen(self._on_folded, "verdict", "request", "approval")

    def wrote(self, seq: int) -> None:
        """Remember a verdict of one's own."""
        self._own.append(seq)

    async def run(self) -> None:
        """Look at what comes from now on, without end; what stood before is the audit's."""
        self._running = True
        self._replaced_at = dict.fromkeys(self._runtime.fold.chain.replaced, 0) | self._replaced_at
        while True:
            await asyncio.sleep(AFTER_SECONDS)
            own = set(self._own)
            for _ in range(len(self._waiting)):
                one = self._waiting.popleft()
                if one.seq not in own:
                    await self._look(one)

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if not self._running or applied.void:
            return
        if applied.kind == "verdict":
            self._note_verdict(entry)
        else:
            self._look_at(entry, applied.kind)

    def _look_at(self, entry: Entry, kind: str) -> None:
        """Say aloud what of a request, or of what was signed of it, intake would not have let in."""
        request_id = place_of(entry.subject).request_id
        state = self._runtime.fold.requests.get(request_id)
        if kind == "request":
            hidden = hidden_in(parse(Request, entry.data))
            said = f"the request {request_id} holds what no screen shows: {hidden}" if hidden else ""
        else:
            approval = parse(Approval, entry.data)
            changed = changed_after(approval, state.request) if state is not None else ""
            said = f"{approval.officer} signed other circumstances of {request_id}: {changed}" if changed else ""
        if said:
            self._runtime.alarm(said, request_id=request_id, seq=entry.seq)

    def _note_verdict(self, entry: Entry) -> None:
        verdict, chain = parse(Verdict, entry.data), self._runtime.fold.chain
        state = self._runtime.fold.requests.get(verdict.request_id)
        earlier = state.request.replaces if state is not None else None
        if earlier is not None and chain.replaced.get(earlier) == verdict.request_id:
            self._replaced_at.setdefault(earlier, entry.seq)
        over = frozenset(state.wanted) - state.left if state is not None else frozenset[str]()
        self._waiting.append(_Stranger(entry.seq, entry.at, verdict, self._runtime.control, over))

    def _replaced(self, request: Request, as_of: int) -> dict[str, str]:
        """Return what had replaced a request, and what it replaces, up to a sequence: nobody knew of it before."""
        replaced, names = self._runtime.fold.chain.replaced, (request.request_id, request.replaces or "")
        return {one: replaced[one] for one in names if one in replaced and self._replaced_at.get(one, 0) <= as_of}

    async def _look(self, one: _Stranger) -> None:
        try:
            runtime = self._runtime
            boot = runtime.clock.monotonic()
            state = await self._find(one.verdict.request_id, runtime.fold, runtime.projection, boot)
        except Exception:
            self._waiting.append(one)
            await asyncio.sleep(AGAIN_SECONDS)
            raise
        if state is None or state.request.revision != one.verdict.revision:
            return
        replaced = self._replaced(state.request, one.verdict.as_of)
        # Whoever dates it ahead could refuse as expired what has hours left.
        verdict = one.verdict.model_copy(update={"at": min(one.verdict.at, one.at + CLOCK_SKEW)})
        why = difference(verdict, decide(facts_at(state, verdict, one.control, one.over, replaced)), state)
        if why:
            self._runtime.alarm(
                f"the verdict {one.seq} on {one.verdict.request_id} is not the policy's: {why}",
                request_id=one.verdict.request_id,
                seq=one.seq,
            )
