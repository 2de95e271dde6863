"""What a copy of the gate does about requests that another copy has decided, or was handed the news of."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.verdicts import Outcome, Verdict
from services.gatekeeper.domain.dossier import facts_of, undecided, verdict_of
from services.gatekeeper.domain.schedule import Schedule
from services.gatekeeper.handlers import GateHandlers
from services.gatekeeper.overlooked import MOST, OverlookedRequests
from services.gatekeeper.policy.decide import decide
from services.gatekeeper.second_look import SecondLook
from services.kernel.fold.chain import Chain
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry
from services.kernel.projection.listeners import Listener, Listeners
from services.kernel.projection.server_time import present
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, approval, control, officer, request
from tests.unit.states import undecided_state

AFTER = 5.0


class SecondCopy:
    """A gate beside another one that decides and dies; its fold is told what the ledger stores. Time is the loop's.

    ``ahead``: what its machine's clock is ahead of the broker's.
    """

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead, self.asked = ahead, 0
        self.listeners, self.warned = Listeners(), list[str]()
        self.newest: Entry | None = None
        self.fold: Any = SimpleNamespace(requests={}, chain=Chain(), control=control(), seq=10)
        self._seqs = itertools.count(11)
        self.written: list[Verdict] = []
        runtime: Any = SimpleNamespace(
            fold=self.fold,
            control=self.fold.control,
            projection=self,
            clock=SimpleNamespace(monotonic=self._passed, now=lambda: self.server_now + self.ahead),
            ledger=SimpleNamespace(append=self._append, server_time=self._server_time),
            log=SimpleNamespace(warning=self._warn, info=lambda *_, **__: None),
            present=lambda: present(runtime.clock, self.newest),
        )
        self.began = asyncio.get_running_loop().time()
        self.runtime = runtime
        self.gate = GateHandlers(runtime, Schedule(), SecondLook(runtime), OverlookedRequests(runtime, AFTER))

    def _passed(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    @property
    def server_now(self) -> datetime:
        """The broker's time."""
        return NOW + timedelta(seconds=self._passed())

    async def _server_time(self) -> datetime:
        self.asked += 1
        await asyncio.sleep(0.01)
        return self.server_now

    def _warn(self, _: str, **about: Any) -> None:
        self.warned.append(about["request_id"])

    def listen(self, listener: Listener, *kinds: str) -> None:
        """Tell a part of the gate what is folded."""
        self.listeners.add(listener, kinds)

    async def at_least(self, _: int) -> None:
        """All is folded."""

    async def _append(self, _: str, verdict: Verdict, **__: Any) -> Any:
        self.written.append(verdict)
        return SimpleNamespace(seq=self.decided(self.fold.requests[verdict.request_id], verdict))

    def _tell(self, kind: str, subject: str, data: bytes = b"{}") -> int:
        seq = self.fold.seq = next(self._seqs)
        self.newest = Entry(seq, subject, self.server_now, data, {})
        for listener in self.listeners.of(kind):
            listener(self.newest, Applied(seq, kind))
        return seq

    def submitted(self, held: RequestState) -> None:
        """Fold a request."""
        self.fold.requests[held.request_id] = held
        held.fact_seq = self._tell("request", subjects.request(held.request_id))

    def decided(self, held: RequestState, verdict: Verdict | None = None) -> int:
        """Fold a verdict, without one what the other copy makes of the request."""
        if verdict is None:
            facts = facts_of(held, self.fold.control, self.runtime.clock.now(), self.fold.chain)
            verdict = verdict_of(decide(facts), facts, self.fold.seq)
        held.verdict = verdict
        held.verdict_seq = held.verdict_last = self.fold.seq + 1
        return self._tell("verdict", subjects.verdict(held.request_id), verdict.to_bytes())

    def changed(self, **changes: Any) -> None:
        """Fold a control change."""
        self.fold.control = self.runtime.control = replace(self.fold.control, seq=self.fold.seq + 1, **changes)
        self._tell("control", subjects.CONTROL)

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Let the gate look at what is due."""
        running = asyncio.create_task(self.gate.sweep())
        await asyncio.sleep(0)
        yield
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def blocked(number: int = 0) -> RequestState:
    """A request that waits for an approval for hours."""
    return undecided_state(request(request_id=f"rwaits{number:06d}", expires_at=NOW + timedelta(hours=5)))


@in_virtual_time
async def test_what_is_timed_is_decided_by_a_copy_that_did_not_judge_it() -> None:
    """The other one, which knew the time, is gone by then: a timed message was never posted, one that ended stayed."""
    copy = SecondCopy()
    timed = request(author="mcpe", not_before=NOW + timedelta(minutes=5), expires_at=NOW + timedelta(minutes=15))
    async with copy.sweeping():
        held = undecided_state(timed, approvals={"mcpe": (9, approval(timed, "mcpe"))})
        copy.submitted(held)
        copy.decided(held)
        assert held.verdict is not None
        assert held.verdict.outcome is Outcome.BLOCKED
        await asyncio.sleep(299)
        assert copy.written == []
        await asyncio.sleep(2)
        assert [one.outcome for one in copy.written] == [Outcome.CLEARED]
        await asyncio.sleep(601)
        assert [one.outcome for one in copy.written[1:]] == [Outcome.REFUSED], "it has expired"
    assert copy.warned == []


@in_virtual_time
async def test_a_grant_dated_ahead_is_taken_up_by_a_copy_that_was_not_handed_the_change() -> None:
    """The other copy found nothing new in it and wrote no verdict; then it died."""
    copy = SecondCopy()
    of = request(author="clerk", expires_at=NOW + timedelta(minutes=15))
    async with copy.sweeping():
        held = undecided_state(of, approvals={"clerk": (9, approval(of, "clerk"))})
        copy.submitted(held)
        copy.decided(held)
        grant = Grant(role=Role.MCPE, valid_from=NOW + timedelta(minutes=5))
        ahead = officer("clerk").model_copy(update={"grants": (*officer("clerk").grants, grant)})
        copy.changed(officers={**copy.fold.control.officers, "clerk": ahead})
        await asyncio.sleep(299)
        assert copy.written == []
        await asyncio.sleep(2)
        assert [one.outcome for one in copy.written] == [Outcome.CLEARED]


@pytest.mark.parametrize("handed", [True, False], ids=["handed the change", "not handed it"])
@in_virtual_time
async def test_what_a_control_change_leaves_as_it_is_was_not_overlooked(handed: bool) -> None:
    """It was warned of at every look for ever, and what was overlooked behind the first of them was never found."""
    copy = SecondCopy()
    async with copy.sweeping():
        for number in range(MOST + 40):
            held = blocked(number)
            copy.submitted(held)
            copy.decided(held)
        copy.changed()
        if handed:
            await copy.gate.on_control(b"", Entry(copy.fold.seq, subjects.CONTROL, NOW, b"{}", {}))
        assert len(undecided(copy.fold)) == MOST + 40
        await asyncio.sleep(AFTER + 2)
        assert (copy.written, copy.warned) == ([], [])
        assert copy.gate.overlooked.take() == [], "each was looked at once"
        late = blocked(999)
        copy.submitted(late)
        await asyncio.sleep(AFTER + 1)
        assert [one.request_id for one in copy.written] == copy.warned == [late.request_id]


@in_virtual_time
async def test_what_a_control_change_alters_is_found_where_nobody_was_handed_it() -> None:
    copy = SecondCopy()
    of = request(author="clerk", expires_at=NOW + timedelta(minutes=15))
    async with copy.sweeping():
        held = undecided_state(of, approvals={"clerk": (9, approval(of, "clerk"))})
        copy.submitted(held)
        copy.decided(held)
        now_mcpe = officer("clerk").model_copy(update={"grants": (Grant(role=Role.MCPE),)})
        copy.changed(officers={**copy.fold.control.officers, "clerk": now_mcpe})
        await asyncio.sleep(AFTER + 1)
        assert [one.outcome for one in copy.written] == [Outcome.CLEARED]
    assert copy.warned == [of.request_id]
