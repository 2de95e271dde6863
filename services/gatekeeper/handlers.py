"""Handlers of the gatekeeper: take the facts from the fold, decide, append the verdict by compare-and-set."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta

from schemas import subjects
from schemas.events.approvals import Approval
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from schemas.subjects import place_of
from services.gatekeeper.domain.dossier import facts_of, is_news, needs_decision, undecided, verdict_of
from services.gatekeeper.policy.decide import Decision, decide
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import OneVoiceError, Unreachable
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.state import RequestState
from services.kernel.ledger.client import Conflict, Entry
from services.kernel.runtime.service import EntryOf, Runtime

SWEEP_SECONDS = 0.5
TRIES = 20
RETRY = timedelta(seconds=5)
"""After this long the sweep tries a request again that could not be decided."""

AT_ONCE = 128
"""Decisions of one pass whose appends wait at the same time: they share a batch."""


class Handlers:
    """What makes the gatekeeper decide."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._due: list[tuple[datetime, str]] = []
        self._next: dict[str, datetime] = {}
        self._reopened: set[str] = set()
        runtime.projection.listen(self._on_folded)

    async def on_request(self, event: Request, entry: EntryOf) -> None:
        """Decide a new request."""
        await self.runtime.projection.at_least(entry.seq)
        await self.judge(event.request_id)

    async def on_approval(self, event: Approval, entry: EntryOf) -> None:
        """Decide a request anew when an officer has spoken."""
        await self.runtime.projection.at_least(entry.seq)
        await self.judge(event.request_id)

    async def on_control(self, event: dict[str, object], entry: EntryOf) -> None:
        """Decide each open request anew after a control change: what is cleared and urgent first."""
        await self.runtime.projection.at_least(entry.seq)
        left = await self._judge_all(undecided(self.runtime.fold))
        if left:
            raise Unreachable("gate.undecided", f"{len(left)} open requests wait, {left[0]} first")

    async def judge(self, request_id: str) -> None:
        """Decide and append; again with fresh facts if another verdict or a control change came in between."""
        runtime = self.runtime
        for _ in range(TRIES):
            state = runtime.fold.requests.get(request_id)
            if state is None or state.is_refused or state.is_delivered:
                return
            facts = facts_of(state, runtime.control, runtime.clock.now())
            decision = decide(facts)
            verdict = verdict_of(decision, facts, runtime.fold.seq)
            if not is_news(state, verdict) or await self._append(state, verdict):
                self._remember(state, decision)
                return
        raise Unreachable("verdict.busy", f"{request_id} changes faster than it can be decided")

    async def sweep(self) -> None:
        """Decide anew what time alone has changed, and what a person has reopened."""
        self._remember_all()
        while True:
            now = self.runtime.clock.now()
            due = {*self._reopened}
            self._reopened.clear()
            while self._due and self._due[0][0] <= now:
                when, request_id = heapq.heappop(self._due)
                if self._next.get(request_id) == when:
                    del self._next[request_id]
                    due.add(request_id)
            for request_id in await self._judge_all(sorted(due)):
                self._look_at(request_id, now + RETRY)
            await asyncio.sleep(SWEEP_SECONDS)

    # --- deciding -----------------------------------------------------------------------------------------

    async def _append(self, state: RequestState, verdict: Verdict) -> bool:
        """Append a verdict after the one that the facts hold; True when it stands and counts."""
        runtime, subject = self.runtime, subjects.verdict(verdict.request_id)
        crash_point("gatekeeper.verdict.decided")
        try:
            appended = await runtime.ledger.append(subject, verdict, expect_last=state.verdict_last)
        except Conflict:
            await runtime.catch_up()
            return False
        crash_point("gatekeeper.verdict.stored")
        await runtime.projection.at_least(appended.seq)
        runtime.log.info(
            f"verdict: {verdict.outcome}",
            request_id=verdict.request_id,
            seq=appended.seq,
            control_seq=verdict.control_seq,
            because="; ".join(f"{f.clause} {f.outcome}" for f in verdict.findings if f.outcome != "noted"),
        )
        # Where control changed in between it is void, and the request is decided at the revision in force.
        return not needs_decision(state, runtime.fold.control.seq) or verdict.outcome is Outcome.REFUSED

    async def _judge_all(self, waiting: list[str]) -> list[str]:
        """Decide these requests in their order; return those that could not be decided."""
        left: list[str] = []
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            done = await asyncio.gather(*map(self._tried, some))
            left += [request_id for request_id, decided in zip(some, done, strict=True) if not decided]
        return left

    async def _tried(self, request_id: str) -> bool:
        """Decide one request; what fails is told and tried again later, and holds no other request up."""
        try:
            await self.judge(request_id)
        except OneVoiceError as error:
            self.runtime.log.warning("again soon", request_id=request_id, code=error.code, error=error.message)
            return False
        except Exception:
            self.runtime.log.exception("not decided, again soon", request_id=request_id)
            return False
        return True

    # --- when to look again -------------------------------------------------------------------------------

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        """Judge a request anew that a receipt may have changed.

        A person who has a post made again reopens it; and what stood in its way may have been on a profile that carries
        it by now.
        """
        if applied.kind != "receipt" or applied.void:
            return
        state = self.runtime.fold.requests.get(place_of(entry.subject).request_id)
        if state is None:
            return
        posted_meanwhile = not state.is_cleared and not state.is_refused
        if state.fact_seq == entry.seq or posted_meanwhile:
            self._reopened.add(state.request_id)

    def _remember(self, state: RequestState, decision: Decision) -> None:
        """Note when time alone may change the decision."""
        if decision.outcome is not Outcome.REFUSED:
            times = (state.request.expires_at, decision.valid_until, decision.look_again)
            self._look_at(state.request_id, min(time for time in times if time is not None))

    def _look_at(self, request_id: str, when: datetime) -> None:
        if self._next.get(request_id) != when:
            self._next[request_id] = when
            heapq.heappush(self._due, (when, request_id))

    def _remember_all(self) -> None:
        """Look at each open request once: what an earlier process knew of times is not known here."""
        for request_id in self.runtime.fold.requests:
            self._look_at(request_id, self.runtime.clock.now())
