"""A state machine as a table: which fact leads from which state to which. Anything else raises and changes nothing.

The table is the rule and the documentation: the diagram in docs is drawn from it (services.provision.generate).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)
Fact = TypeVar("Fact", bound=StrEnum)


class IllegalTransition(ValueError):
    """A fact that cannot follow in a state."""


class StateTable(Generic[State, Fact]):
    """The allowed transitions from ``start`` on; a state without any is an end."""

    def __init__(self, start: State, transitions: Mapping[State, Mapping[Fact, State]]) -> None:
        self.start = start
        self.transitions = transitions

    def after(self, state: State, fact: Fact) -> State:
        """Return the state after a fact.

        Raises:
            IllegalTransition: the fact cannot follow in this state.
        """
        found = self.transitions[state].get(fact)
        if found is None:
            raise IllegalTransition(f"{fact} cannot follow on {state}")
        return found

    def mermaid(self) -> str:
        """Return the table as a Mermaid state diagram; facts that lead the same way share an arrow."""
        lines = ["stateDiagram-v2", f"  [*] --> {_name(self.start)}"]
        for state, facts in self.transitions.items():
            arrows: dict[State, list[str]] = {}
            for fact, after in facts.items():
                arrows.setdefault(after, []).append(str(fact))
            lines += [f"  {_name(state)} --> {_name(after)}: {', '.join(names)}" for after, names in arrows.items()]
        named = [f'  state "{state}" as {_name(state)}' for state in self.transitions if " " in state]
        return "\n".join([lines[0], *named, *lines[1:]])


def _name(state: StrEnum) -> str:
    return state.replace(" ", "_")
