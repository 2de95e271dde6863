"""What is explored: which control actions may come, and how many crashes, lies and naps there may be."""

from __future__ import annotations

from tests.model.machine import Local, State

TWO_GATES: tuple[Local, ...] = (None, None)


def scene(*actions: str, crashes: int = 0, lies: int = 0, naps: int = 0, gates: int = 1) -> State:
    """The beginning: a request, its approval by the office, and these control actions, in any order."""
    return State(
        todo=("request", "approve office", *actions), crashes=crashes, lies=lies, naps=naps, gates=(None,) * gates
    )


SHORT: dict[str, State] = {
    "nothing happens, two gates": scene(gates=2),
    "a worker dies, the platform lies": scene(crashes=1, lies=1),
    "a worker dies, another stands still": scene(crashes=1, naps=1),
    "activate": scene("activate"),
    "activate, a process dies": scene("activate", crashes=1),
    "revoke, the platform lies": scene("revoke", lies=1),
    "hold, a process dies": scene("hold", crashes=1),
    "withdraw, a process dies": scene("withdraw", crashes=1),
}
"""Explored by each test run; seconds together."""

FULL: dict[str, State] = SHORT | {
    "a worker dies, another stands still, the platform lies": scene(crashes=1, naps=1, lies=1),
    "activate, two gates": scene("activate", gates=2),
    "activate, a worker stands still": scene("activate", naps=1),
    "activate, a process dies, the platform lies": scene("activate", crashes=1, lies=1),
    "activate, and an approval that counts under the EOC": scene("activate", "approve mcpe"),
    "activate and stand down": scene("activate", "stand_down"),
    "activate and hold": scene("activate", "hold"),
    "hold and release": scene("hold", "release"),
    "hold, a worker stands still": scene("hold", naps=1),
    "revoke, a worker stands still": scene("revoke", naps=1),
    "revoke, a process dies, the platform lies": scene("revoke", crashes=1, lies=1),
    "withdraw, a process dies, the platform lies": scene("withdraw", crashes=1, lies=1),
    "withdraw, a worker stands still": scene("withdraw", naps=1),
}
"""Explored by ``make faults``; minutes."""

PLANTED: dict[tuple[str, ...], State] = {
    ("no_fence",): scene("activate"),
    ("late_call",): scene("activate", naps=1),
    ("verdict_without_cas",): scene(gates=2),
    ("receipt_without_cas",): scene(naps=1),
    ("barrier_does_not_wait",): scene("activate"),
    ("no_lease_wait", "absence_is_believed_at_once"): scene(crashes=1),
    ("blind_repeat",): scene(lies=1),
    ("duplicate_is_mine", "late_call"): scene(naps=1),
    ("acked_before_receipt",): scene(crashes=1),
    ("acked_beside_an_attempt",): scene("hold", crashes=1, naps=1),
    ("ack_without_a_look",): scene(crashes=1, lies=1, naps=1),
}
"""Bugs that must be found, and the scene in which they are. Two together where each wall is enough without the other:
whoever settles too early is held back by not believing an absence within the lease; whoever takes another's attempt for
its own comes too late for a call."""
