"""Which receipts make the gate look at a request again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.verdicts import Outcome
from services.gatekeeper.domain.schedule import Schedule
from services.gatekeeper.handlers import GateHandlers
from services.gatekeeper.second_look import SecondLook
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry
from services.kernel.projection.listeners import Listeners
from tests.unit.fanout.world import NOW, request, verdict
from tests.unit.states import state

REQUEST = request()
SEQ = 90


def looked_at(held: RequestState, *, void: str = "") -> set[str]:
    """Tell a gate of a receipt on the request that is in its fold."""
    listeners = Listeners()
    fold = SimpleNamespace(requests={held.request_id: held})
    runtime: Any = SimpleNamespace(
        fold=fold, projection=SimpleNamespace(listen=lambda one, *kinds: listeners.add(one, kinds))
    )
    gate = GateHandlers(runtime, Schedule(), SecondLook(runtime))
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
