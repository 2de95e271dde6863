"""A state machine as a table: which event leads from which state to which, and the diagram of it.

The table is the truth: code looks transitions up in it, and the diagram in the documents is drawn from it. Pure.
Pattern: h11 ``_state.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)

StateTable = Mapping[State, Mapping[Event, State]]
"""Each state with the events that it takes, and the state that each leads to. A state that takes none is final."""


class IllegalTransition(Exception):
    """An event that its state does not take. Nothing was changed."""


def next_state(table: StateTable[State, Event], state: State, event: Event) -> State:
    """Return the state that an event leads to.

    Raises:
        IllegalTransition: the table has no such transition.
    """
    try:
        return table[state][event]
    except KeyError as error:
        allowed = ", ".join(table.get(state, ())) or "nothing"
        raise IllegalTransition(f"{state!s} does not take {event!s}; it takes {allowed}") from error


def mermaid(table: StateTable[State, Event], start: State) -> str:
    """Return the table as a Mermaid state diagram; events between the same two states share one arrow."""
    lines = ["stateDiagram-v2", f"  [*] --> {start}"]
    for state, row in table.items():
        arrows: dict[State, list[str]] = {}
        for event, target in row.items():
            arrows.setdefault(target, []).append(str(event).replace("_", " "))
        lines += [f"  {state} --> {target}: {', '.join(events)}" for target, events in arrows.items()]
        if not row:
            lines.append(f"  {state} --> [*]")
    return "\n".join(lines)
