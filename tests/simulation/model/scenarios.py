"""What is explored: which control actions may come, and how many crashes, lies and naps there may be."""

from __future__ import annotations

from typing import Any

from tests.simulation.model.machine import Local, State

TWO_GATES: tuple[Local, ...] = (None, None)
BOTH = (
    ("control", "genesis"),
    ("request", "a", "routine"),
    ("request", "b", "routine"),
    ("approval", "a", "office", "approve"),
    ("approval", "b", "office", "approve"),
)
"""Two requests, each approved by the office, and nothing decided yet."""


def scene(*actions: str, gates: int = 1, **budgets: Any) -> State:
    """The beginning: a request, its approval by the office, and these control actions, in any order."""
    return State(todo=("request a", "approve a office", *actions), gates=(None,) * gates, **budgets)


def approved(*actions: str, **budgets: Any) -> State:
    """The same, where the request stands approved already."""
    return State(ledger=(BOTH[0], BOTH[1], BOTH[3]), todo=actions, **budgets)


def both(*actions: str, **budgets: Any) -> State:
    """Two requests to one profile, each approved, and these actions, in any order."""
    return State(ledger=BOTH, todo=actions, **budgets)


SHORT: dict[str, State] = {
    "nothing happens, two gates": scene(gates=2),
    "a worker dies, the platform lies": approved(crashes=1, lies=1),
    "a worker dies, another stands still": approved(crashes=1, naps=1),
    "activate": scene("activate"),
    "activate, a process dies": approved("activate", crashes=1),
    "revoke, the platform lies": approved("revoke", lies=1),
    "hold, a process dies": approved("hold", crashes=1),
    "withdraw, a process dies": approved("withdraw", crashes=1),
    "two requests on one profile": both(),
    "a proxy holds a call": approved("activate", held=1),
}
"""Explored by each test run; seconds together."""

FULL: dict[str, State] = SHORT | {
    "a worker dies, another stands still, the platform lies": approved(crashes=1, naps=1, lies=1),
    "activate, two gates": scene("activate", gates=2),
    "activate, a worker stands still": approved("activate", naps=1),
    "activate, a process dies, the platform lies": approved("activate", crashes=1, lies=1),
    "activate, and an approval that counts under the EOC": approved("activate", "approve a mcpe"),
    "activate and stand down": scene("activate", "stand_down"),
    "activate and hold": scene("activate", "hold"),
    "hold and release": scene("hold", "release"),
    "hold, a worker stands still": approved("hold", naps=1),
    "revoke, a worker stands still": approved("revoke", naps=1),
    "revoke, a process dies, the platform lies": approved("revoke", crashes=1, lies=1),
    "withdraw, a process dies, the platform lies": approved("withdraw", crashes=1, lies=1),
    "withdraw, a worker stands still": approved("withdraw", naps=1),
    "a rejection beside the verdict": scene("reject a mcpe"),
    "two requests, a worker dies": both(crashes=1),
    "two requests, the platform lies": both(lies=1),
    "two requests, and an activation": both("activate"),
    "two requests, a worker stands still": both(naps=1),
    "a worker stops between look and call, activate": approved("activate", stuck=1, naps=1, keyed=True),
    "two requests, a proxy holds a call": both(held=1, keyed=True),
}
"""Explored by ``make faults``; minutes."""

MUTANT_SCENES: dict[tuple[str, ...], State] = {
    ("no_fence", "effective_off", "no_second_look"): scene("activate"),
    ("effective_off",): both(),
    ("void_called",): both(),
    ("late_call",): approved("activate", naps=1),
    ("verdict_without_cas",): scene(gates=2),
    ("receipt_without_cas",): approved(naps=1),
    ("barrier_does_not_wait",): scene("activate"),
    ("barrier_forgets_lapsed",): both("activate", held=1, keyed=True),
    ("sleeper_forgotten",): approved("activate", stuck=1, keyed=True),
    ("wakes_unlooked",): approved("hold", stuck=1, keyed=True),
    ("lapsed_frees_the_same",): both(crashes=1),
    ("no_lease_wait", "absence_is_believed_at_once"): approved(crashes=1),
    ("blind_repeat",): approved(lies=1),
    ("duplicate_is_mine",): approved(naps=1),
    ("acked_before_receipt",): approved(crashes=1),
    ("acked_beside_an_attempt",): approved("hold", crashes=1),
    ("no_look_after",): approved(lies=1),
    ("forgets_cleared",): approved("hold", "release"),
}
"""Bugs that must be found, and the scene in which they are. Several together where each wall is enough without the
others: whoever settles too early is held back by not believing an absence within the lease; an attempt that is not
fenced does not count, and is judged once more before its call."""
