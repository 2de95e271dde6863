"""Whether each order that ended or changed something named it: read again from the signed words, apart from the fold.

The fold's own reading is ``services.kernel.control.naming``; a mistake there must not be a mistake here. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.events.control import Genesis, Ordered
from services.audit.record.violation import Violation
from services.kernel.control.control_state import ControlState
from services.kernel.control.order_rules import read_order

_ENDS = {"eoc_change": "activation", "eoc_stand_down": "activation", "crisis_end": "crisis"}
_CHANGES = {
    "designate": ("officer",),
    "reinstate": ("officer",),
    "rekey": ("officer",),
    "system_add": ("system", "id"),
    "profile_add": ("profile", "id"),
    "profile_remove": ("profile",),
    "settings": (),
}
"""What has to name the last change of its kind, and where it says of whom."""
_PROTECTS = {
    "revoke": ("officer",),
    "officer_add": ("officer", "id"),
    "system_remove": ("system",),
    "profile_suspend": ("profile",),
}
"""What names nothing, and is a change all the same."""


@dataclass(slots=True)
class InForce:
    """What could be ended or changed at a place in the record, by sequence: 0 where nothing is there."""

    rule: int = 0
    began: int = 0
    hold: int = 0
    last: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: dict[int, dict[str, Any]] = field(default_factory=dict)


def begin(in_force: InForce, event: Genesis) -> None:
    """Take in the rule that the orders after the manifest go by."""
    in_force.rule = event.rule or 0


def judge(in_force: InForce, seq: int, event: Ordered, after: ControlState) -> Iterator[Violation]:
    """Judge an order that was carried out or waits now, and take in what it made of what is there."""
    rule = event.rule or 0
    if rule < in_force.rule:
        yield Violation(seq, "order.rule", "An order by an earlier version's rule counted after one by a later rule.")
    in_force.rule = max(in_force.rule, rule)
    said: dict[str, Any] | None = read_order(event.order).action.model_dump(mode="json")
    if said is not None and said["action"] == "decline":
        in_force.waiting.pop(said["proposal"], None)
    if said is not None and said["action"] == "confirm":
        number = said["proposal"]
        said = None if number in after.proposals else in_force.waiting.pop(number, None)
    if said is None:
        return
    yield from _names(in_force, seq, said, obliged=rule >= 3)
    if seq in after.proposals:
        in_force.waiting[seq] = said
    else:
        _take_in(in_force, seq, said)


def _names(in_force: InForce, seq: int, said: dict[str, Any], *, obliged: bool) -> Iterator[Violation]:
    kind = said["action"]
    if kind in _ENDS:
        named, stands = said.get(_ENDS[kind]), in_force.began
    elif kind == "hold" and not said["on"]:
        named, stands = said.get("hold"), in_force.hold
    elif kind in _CHANGES:
        named, stands = said.get("after"), in_force.last.get(_about(said), 0)
    else:
        return
    if named is None and obliged:
        yield Violation(seq, "order.unnamed", f"The order {kind} counted, and names nothing that it ends or changes.")
    if named is not None and named != stands:
        yield Violation(seq, "order.other", f"The order {kind} counted; it is about {named}, and {stands} stood.")


def _about(said: dict[str, Any]) -> tuple[str, str]:
    path = (_CHANGES | _PROTECTS)[said["action"]]
    found: Any = said
    for step in path:
        found = found[step]
    return (path[0] if path else "settings", "" if not path else str(found))


def _take_in(in_force: InForce, seq: int, said: dict[str, Any]) -> None:
    kind = said["action"]
    if kind in ("eoc_activate", "crisis_declare"):
        in_force.began = seq
    elif kind in ("eoc_stand_down", "crisis_end"):
        in_force.began = 0
    elif kind == "hold":
        in_force.hold = seq if said["on"] else 0
    elif kind in _CHANGES or kind in _PROTECTS:
        in_force.last[_about(said)] = seq
