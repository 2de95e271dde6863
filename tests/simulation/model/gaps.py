"""Each control action in each gap of a request's way, with the end that the model predicts.

``gaps()`` returns a list of ``Gap``. One is read so: a clerk's request to one profile is approved by ``approver``
(``office`` holds comms_office, which counts in routine only; ``mcpe`` counts under the EOC too). A process stops at
``point`` (a name of ``services.kernel.base.crashpoints.POINTS``), the first time that it gets there with the *clearing*
verdict or what follows from it. While it is there, ``action`` goes on record:

    activate    the eoc-director orders eoc_activate; eoc_state runs all the time and ends the barrier
    revoke      the cao revokes the approver
    hold        the pio pushes the stop button, and leaves it on
    withdraw    the clerk takes the request back

Then, by ``how`` it goes on:

    kill        it was killed at the point (kill -9), and a fresh one starts after the action is on record
    stop        it was stopped at the point, and goes on (SIGCONT) as soon as the action is on record
    sleep       it was stopped, and goes on only when the attempt's lease is over (more than LEASE + 1 s later)

For the two gatekeeper points fanout must not run before the action is on record, or it posts at once.

What is predicted, when everything has come to rest (after at most about 35 s: twice the lease):

    posted      whether the post is public (never more than once)
    receipts    the outcomes of the profile's receipts, in the ledger's order
    or_receipts the same, if the gatekeeper decides anew before the process goes on; any of the two may come
    final       whether the last receipt is final
    verdict     the outcome of the request's last verdict
    active      for ``activate``: eoc_active is on record at the end (always), else False
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from tests.simulation.model.cast import PROFILE
from tests.simulation.model.machine import Machine, Move, State, view

ACTIONS = ("activate", "revoke", "hold", "withdraw")
How = Literal["kill", "stop", "sleep"]
AFTER: dict[str, str] = {
    "gatekeeper.verdict.decided": "gate 0 decides: a cleared",
    "gatekeeper.verdict.stored": "gate 0 appends: a cleared",
    "fanout.attempt.authorized": "worker 0 finds a authorized",
    "fanout.attempt.stored": "worker 0 appends attempt 1 on a",
    "fanout.call.ended": "worker 0 hears: ok",
    "fanout.receipt.stored": "worker 0 appends the receipt: delivered",
}
"""Each point, and the step of the model that it is behind."""

SLEEPERS = ("fanout.attempt.authorized", "fanout.attempt.stored", "fanout.call.ended", "fanout.receipt.stored")


@dataclass(frozen=True)
class Gap:
    """One control action in one gap, and its end; see the module."""

    action: str
    point: str
    how: How
    approver: str
    posted: bool
    receipts: tuple[str, ...]
    final: bool
    verdict: str
    active: bool
    or_receipts: tuple[str, ...]


@cache
def gaps() -> tuple[Gap, ...]:
    """Return every case, computed by the model."""
    cases = [(action, "office") for action in ACTIONS] + [("activate", "mcpe"), ("hold", "mcpe")]
    return tuple(
        predict(action, point, how, approver) for action, approver in cases for point in AFTER for how in _hows(point)
    )


def _hows(point: str) -> tuple[How, ...]:
    return ("kill", "stop", "sleep") if point in SLEEPERS else ("kill", "stop")


def predict(action: str, point: str, how: How, approver: str) -> Gap:
    """Play one case, and once more with the gatekeeper quicker than the process that stood still."""
    at_once, later = (_end(action, point, how, approver, others_first=first) for first in (False, True))
    now, then = view(at_once.ledger).state("a"), view(later.ledger).state("a")
    assert now is not None
    assert now.verdict is not None
    assert then is not None
    assert then.verdict is not None
    same = (bool(at_once.posts), now.verdict.outcome) == (bool(later.posts), then.verdict.outcome)
    assert same, f"{action} at {point}: the end is left to chance"
    return Gap(
        action=action,
        point=point,
        how=how,
        approver=approver,
        posted=bool(at_once.posts),
        receipts=_receipts(at_once),
        final=now.target(PROFILE).is_final,
        verdict=str(now.verdict.outcome),
        active=any(entry[:2] == ("control", "eoc_active") for entry in at_once.ledger),
        or_receipts=_receipts(later),
    )


def _end(action: str, point: str, how: How, approver: str, *, others_first: bool) -> State:
    frozen = ("gate",) if point.startswith("gatekeeper") else ("worker",)
    start = State(workers=(None,), lives=(0,), todo=("request a", f"approve a {approver}", action), naps=1)
    state = _play(start, until=AFTER[point], without=(action, *(("worker",) if frozen == ("gate",) else ())))
    state = next(move for move in Machine().moves(state) if move.label == action).after
    if how == "kill":
        state = state._replace(gates=(None,)) if frozen == ("gate",) else state._replace(workers=(None,), lives=(1,))
    if how == "sleep" or others_first:
        others = frozen if how != "kill" or frozen != ("gate",) else ("worker",)
        state = _play(state, without=others, asleep=how == "sleep")
    return _play(state)


def _receipts(state: State) -> tuple[str, ...]:
    return tuple(entry[3] for entry in state.ledger if entry[0] == "receipt")


def _play(state: State, *, until: str = "", without: tuple[str, ...] = (), asleep: bool = True) -> State:
    """Take the first step that there is, until a step or nothing is left; time passes when all else rests."""
    machine = Machine()
    while True:
        moves = [move for move in machine.moves(state) if not move.label.startswith(without or ("never",))]
        moves.sort(key=_rank)
        if not moves or (_rank(moves[0]) == len(_ORDER) - 1 and not asleep):
            return state
        state = moves[0].after
        if moves[0].label == until:
            return state


_ORDER = (
    "request",
    "approve",
    "activate",
    "revoke",
    "hold",
    "withdraw",
    "gate",
    "worker",
    "eoc",
    "the",
    "time",
)


def _rank(move: Move) -> int:
    """People first, then each process in the order of the flow, the platform, and time last; it lies to nobody."""
    return _ORDER.index(move.label.split()[0].partition("_")[0])


if __name__ == "__main__":
    for gap in gaps():
        print(gap)  # noqa: T201 - a program that tells what it predicts
