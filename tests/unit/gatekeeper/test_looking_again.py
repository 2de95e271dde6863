"""Which receipts and verdicts make the gate look at a request again, and which verdicts of others are told of."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.verdicts import Outcome
from services.gatekeeper.domain.schedule import Schedule
from services.gatekeeper.handlers import GateHandlers
from services.gatekeeper.overlooked import OverlookedRequests
from services.gatekeeper.second_look import SecondLook
from services.kernel.base.clock import ManualClock
from services.kernel.fold.chain import Chain
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry
from services.kernel.projection.listeners import Listeners
from tests.support.broker import PATIENCE
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, approval, control, request, verdict
from tests.unit.gatekeeper.test_following import about
from tests.unit.states import state

REQUEST = request()
SEQ = 90


def looked_at(held: RequestState, *, void: str = "") -> set[str]:
    """Tell a gate of a receipt on the request that is in its fold."""
    listeners = Listeners()
    fold = SimpleNamespace(requests={held.request_id: held})
    runtime: Any = SimpleNamespace(
        fold=fold,
        projection=SimpleNamespace(listen=lambda one, *kinds: listeners.add(one, kinds)),
        clock=ManualClock(NOW),
    )
    gate = GateHandlers(runtime, Schedule(), SecondLook(runtime), OverlookedRequests(runtime))
    entry = Entry(SEQ, subjects.receipt("fire-social", held.request_id), NOW, b"{}", {})
    for listen in listeners.of("receipt"):
        listen(entry, Applied(SEQ, "receipt", (), void))
    return gate.schedule.soon


@pytest.mark.parametrize(
    ("outcome", "again"), [(Outcome.BLOCKED, True), (Outcome.CLEARED, False), (Outcome.REFUSED, False)]
)
def test_what_is_posted_while_it_is_blocked_is_judged_anew(outcome: Outcome, again: bool) -> None:
    """Seed 1225 of the simulation: its profile had been suspended, and by then it carried the message."""
    held = state(REQUEST, verdict(REQUEST, outcome=outcome))
    assert looked_at(held) == ({held.request_id} if again else set())


def test_a_post_that_a_person_wants_again_is_judged_anew() -> None:
    held = state(REQUEST, verdict(REQUEST))
    held.fact_seq = SEQ
    assert looked_at(held) == {held.request_id}
    assert looked_at(held, void="of no attempt") == set()


# --- two corrections of one message -------------------------------------------------------------------------------

ORIGINAL = "roriginalroriginal"
FIRST, SECOND = (
    about(request(request_id=name), "correct", ORIGINAL, replaces=ORIGINAL) for name in ("rfirstfirst", "rsecondsecond")
)


class TwoCorrections:
    """A gate whose fold is told of verdicts that clear two corrections of one message, one after the other."""

    def __init__(self) -> None:
        self.listeners = Listeners()
        self.chain, self.alarms = Chain(), list[str]()
        self.requests: dict[str, RequestState] = {}
        runtime: Any = SimpleNamespace(
            fold=SimpleNamespace(requests=self.requests, chain=self.chain),
            projection=SimpleNamespace(listen=lambda one, *kinds: self.listeners.add(one, kinds)),
            control=control(),
            clock=SimpleNamespace(monotonic=lambda: 0.0, now=lambda: NOW),
            alarm=lambda said, **_: self.alarms.append(said),
        )
        self.over: RequestState | None = None
        self.second_look = SecondLook(runtime, self._found)
        self.gate = GateHandlers(runtime, Schedule(), self.second_look, OverlookedRequests(runtime))

    async def _found(self, request_id: str, *_: object) -> RequestState | None:
        return self.requests.get(request_id, self.over)

    def clear(self, made: Any, seq: int, as_of: int) -> None:
        """Fold a verdict at ``seq`` that was decided at ``as_of``."""
        said = verdict(made).model_copy(update={"as_of": as_of})
        self.decide(made, said)
        self.chain.note_cleared(made)
        self.tell(said, seq)

    def refuse(self, made: Any, seq: int, as_of: int) -> None:
        """Fold a refusal: what is refused leaves memory at once, and is read from its subjects."""
        said = verdict(made, outcome=Outcome.REFUSED, valid_until=None).model_copy(update={"as_of": as_of})
        self.decide(made, said)
        self.over = self.requests.pop(made.request_id)
        self.tell(said, seq)

    def decide(self, made: Any, said: Any) -> None:
        """Have the fold hold a request with its verdict."""
        approvals = {"mcpe": (5, approval(made, "mcpe"))}
        held = state(made, said, seq=4, approvals=approvals)
        held.statements = list(approvals.values())
        self.requests[made.request_id] = held

    def tell(self, said: Any, seq: int) -> None:
        """Tell the listeners of a verdict that was folded."""
        entry = Entry(seq, subjects.verdict(said.request_id), NOW, said.to_bytes(), {})
        for listen in self.listeners.of("verdict"):
            listen(entry, Applied(seq, "verdict", ()))

    async def look(self) -> list[str]:
        """Let the second look at others' verdicts come; return what it tells."""
        looking = asyncio.create_task(self.second_look.run())
        async with asyncio.timeout(PATIENCE):
            while self.second_look._waiting:  # noqa: ASYNC110 - a queue of its own, which tells nobody
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)  # what was taken up last is looked at
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return self.alarms


def test_of_two_corrections_the_one_that_was_cleared_second_is_judged_anew() -> None:
    """Its gate had not heard of the other: it would wait for ever, cleared, for what replaces its message already."""
    city = TwoCorrections()
    city.clear(FIRST, seq=91, as_of=90)
    assert city.gate.schedule.soon == set()
    city.clear(SECOND, seq=92, as_of=90)
    assert city.gate.schedule.soon == {SECOND.request_id}


@pytest.mark.parametrize(("as_of", "forged"), [(90, False), (91, True)])
@in_virtual_time
async def test_a_gate_that_had_not_heard_of_the_other_correction_is_no_forger(as_of: int, forged: bool) -> None:
    """A verdict is weighed by what stood where it was decided; whoever had heard of the other would have refused."""
    city = TwoCorrections()
    city.second_look._running = True
    city.clear(FIRST, seq=91, as_of=90)
    city.clear(SECOND, seq=92, as_of=as_of)
    told = await city.look()
    assert [SECOND.request_id in one for one in told] == ([True] if forged else [])


@pytest.mark.parametrize(("as_of", "forged"), [(91, False), (90, True)])
@in_virtual_time
async def test_a_gate_that_refused_the_second_correction_is_no_forger(as_of: int, forged: bool) -> None:
    """It has left memory by then, and what it replaces is known all the same."""
    city = TwoCorrections()
    city.second_look._running = True
    city.clear(FIRST, seq=91, as_of=90)
    city.refuse(SECOND, seq=92, as_of=as_of)
    told = await city.look()
    assert [SECOND.request_id in one for one in told] == ([True] if forged else [])
