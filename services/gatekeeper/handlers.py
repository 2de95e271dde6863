"""Handlers of the gatekeeper: take the facts from the fold, decide, append the verdict by compare-and-set."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from schemas import subjects
from schemas.events.approvals import Approval
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from schemas.subjects import place_of
from services.gatekeeper.domain.dossier import (
    decide_again_at,
    due_by,
    facts_of,
    is_news,
    is_reopened_by,
    look_again_after,
    needs_decision,
    undecided,
    verdict_of,
)
from services.gatekeeper.domain.schedule import Schedule
from services.gatekeeper.overlooked import OverlookedRequests
from services.gatekeeper.policy.decide import decide
from services.gatekeeper.policy.validity import changed_last
from services.gatekeeper.second_look import SecondLook
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import OneVoiceError, Unreachable
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.request_phase import OPEN_TO_A_VERDICT
from services.kernel.fold.state import RequestState
from services.kernel.ledger.client import Conflict, Entry
from services.kernel.ledger.conflicts import CONFLICT_TRIES
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.messages.dependencies import EntryOf
from services.kernel.runtime.service import LookPace, Runtime

RETRY_SECONDS = 5.0
"""After this long the sweep tries a request again that could not be decided."""

DOUBT_AGAIN = timedelta(minutes=1)
"""Between two looks at a request while this machine's clock and the broker's differ: either may be put right."""

AT_ONCE = 128
"""Decisions of one pass whose appends wait at the same time: they share a batch."""


class Overtaken(Exception):
    """Control changed between the decision and its place in the ledger: it counts for nobody."""


class GateHandlers:
    """Decides requests when something new is known of them, and when time alone may change a decision.

    ``sweep``: seconds between two looks at what is due.
    """

    def __init__(
        self,
        runtime: Runtime,
        schedule: Schedule,
        second_look: SecondLook,
        overlooked: OverlookedRequests,
        sweep: float = LookPace.sweep,
    ) -> None:
        self._pause = sweep
        self.runtime = runtime
        self.second_look = second_look
        self.schedule = schedule
        self.overlooked = overlooked
        self._server_time = ServerTime(runtime.clock)
        runtime.projection.listen(self._server_time.on_folded)
        runtime.projection.listen(self._on_folded, "receipt", "verdict")

    async def on_request(self, event: Request, entry: EntryOf) -> None:
        """Decide a new request."""
        await self.runtime.projection.at_least(entry.seq)
        await self.judge(event.request_id)

    async def on_approval(self, event: Approval, entry: EntryOf) -> None:
        """Decide a request again when an officer has approved or rejected it."""
        await self.runtime.projection.at_least(entry.seq)
        await self.judge(event.request_id)

    async def on_control(self, event: bytes, entry: EntryOf) -> None:
        """Decide each open request again after a control change: what is cleared and urgent first."""
        await self.runtime.projection.at_least(entry.seq)
        left = await self._judge_all(undecided(self.runtime.fold))
        if left:
            raise Unreachable("gate.undecided", f"{len(left)} open requests wait, {left[0]} first")

    async def judge(self, request_id: str) -> None:
        """Decide a request and append the verdict; decide again if another verdict or a control change came first.

        Raises:
            Unreachable: ``verdict.busy``.
        """
        runtime = self.runtime
        for _ in range(CONFLICT_TRIES):
            state = runtime.fold.requests.get(request_id)
            if state is None or state.phase not in OPEN_TO_A_VERDICT:
                return
            now = await self._now_for(state)
            if runtime.fold.requests.get(request_id) is not state:  # while the broker was asked
                continue
            facts = facts_of(state, runtime.control, now, runtime.fold.chain)
            decision = decide(facts)
            verdict = verdict_of(decision, facts, runtime.fold.seq)
            try:
                if is_news(state, verdict):  # what would say the same again is not appended
                    await self._append(state, verdict)
                else:
                    self.overlooked.settled(state, facts.control.seq)
            except (Conflict, Overtaken):
                await runtime.catch_up()
                continue
            if (again := decide_again_at(state, decision)) is not None:
                self._look_again(request_id, again, now)
            return
        raise Unreachable("verdict.busy", f"{request_id} changes faster than it can be decided")

    async def _now_for(self, state: RequestState) -> datetime:
        """Return the present for a decision: what it rests on has ended or begun only if it has by the broker's clock.

        Raises:
            Unreachable: the broker did not say.
        """
        runtime, own = self.runtime, self._present()
        changed = changed_last(facts_of(state, runtime.control, own, runtime.fold.chain))
        return own if changed is None else await self._server_time.now_for(own, changed, runtime.ledger.server_time)

    def _present(self) -> datetime:
        """Return the time to decide by: a clock that is behind holds nothing back, also while nothing is stored."""
        own, least = self.runtime.present(), self._server_time.least(self.runtime.projection.newest)
        return own if least is None else max(own, least)

    def _look_again(self, request_id: str, again: datetime, now: datetime) -> None:
        """Have a request decided again at a time, or soon where the broker's clock was taken and not ours."""
        clock, left = self.runtime.clock, again - now
        if abs(clock.now() - now) <= CLOCK_SKEW:
            self.schedule.add(request_id, again)
            return
        said = "the broker's clock says another time than this machine's: which one is right?"
        self.runtime.log.warning(said, request_id=request_id)
        self.schedule.add_after(request_id, clock.monotonic() + min(left, DOUBT_AGAIN).total_seconds())

    async def sweep(self) -> None:
        """Decide again what time alone may have changed, and what a receipt has reopened; without end."""
        self._schedule_all()
        while True:
            boot = self.runtime.clock.monotonic()
            due = self.schedule.take_due(self._present(), boot)
            for request_id in await self._judge_all([*due, *self.overlooked.take()]):
                self.schedule.add_after(request_id, boot + RETRY_SECONDS)
            await asyncio.sleep(self._pause)

    async def _append(self, state: RequestState, verdict: Verdict) -> None:
        """Append a verdict behind the newest one of the facts.

        Raises:
            Conflict: another verdict came first; nothing was stored.
            Overtaken: a control change came first; the verdict is void.
        """
        runtime, subject = self.runtime, subjects.verdict(verdict.request_id)
        crash_point("gatekeeper.verdict.decided")
        appended = await runtime.ledger.append(subject, verdict, expect_last=state.verdict_last)
        self.second_look.wrote(appended.seq)
        self.overlooked.wrote(verdict.request_id)
        crash_point("gatekeeper.verdict.stored")
        await runtime.projection.at_least(appended.seq)
        runtime.log.info(
            f"verdict: {verdict.outcome}",
            request_id=verdict.request_id,
            seq=appended.seq,
            control_seq=verdict.control_seq,
            because="; ".join(f"{f.clause} {f.outcome}" for f in verdict.findings if f.outcome != "noted"),
        )
        if needs_decision(state, runtime.fold.control.seq) and verdict.outcome is not Outcome.REFUSED:
            raise Overtaken(f"control changed before the verdict {appended.seq}")

    async def _judge_all(self, waiting: list[str]) -> list[str]:
        """Decide requests in their order; return those that could not be decided."""
        left: list[str] = []
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            done = await asyncio.gather(*map(self._try_to_judge, some))
            left += [request_id for request_id, decided in zip(some, done, strict=True) if not decided]
        return left

    async def _try_to_judge(self, request_id: str) -> bool:
        """Decide one request; return False, and log why, when that failed. Other requests do not wait for it."""
        try:
            await self.judge(request_id)
        except OneVoiceError as error:
            self.runtime.log.warning(
                "not decided, will try again", request_id=request_id, code=error.code, error=error.message
            )
            return False
        except Exception:
            self.runtime.log.exception("not decided, will try again", request_id=request_id)
            return False
        return True

    def _schedule_all(self) -> None:
        """Look at each open request once: the schedule of an earlier process is gone."""
        for request_id in self.runtime.fold.requests:
            self.schedule.add(request_id, self.runtime.clock.now())

    def _take_up_time(self, state: RequestState) -> None:
        """Learn when time may change a request that another copy may have decided: that one may be gone by then."""
        runtime = self.runtime
        due = due_by(state, facts_of(state, runtime.control, runtime.clock.now(), runtime.fold.chain))
        if due is not None:
            self.schedule.add(state.request_id, due)

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        """Look again soon at a request that a receipt has reopened, or that a cleared correction or recall changes.

        What a control change leaves without a verdict of its own each copy looks at once (``OverlookedRequests``).
        """
        fold = self.runtime.fold
        state = fold.requests.get(place_of(entry.subject).request_id)
        if applied.void or state is None:
            return
        if applied.kind == "receipt":
            again = state.request_id if is_reopened_by(state, entry.seq) else ""
        else:
            again = look_again_after(state, fold.requests, fold.chain)
            self._take_up_time(state)
        if again:
            self.schedule.soon.add(again)
