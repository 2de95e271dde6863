"""Breadth first over every interleaving: each state once, the shortest trace to whatever is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.model.machine import Machine, State, unfinished

MOST_STATES = 2_000_000


@dataclass(frozen=True)
class Found:
    """What was explored: ``traces`` counts the different ways from the beginning to an end.

    ``broken`` is the first invariant that does not hold, ``trace`` the shortest way there; both empty when all holds.
    """

    states: int
    moves: int
    ends: int
    traces: int
    broken: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()
    posted: int = 0

    def __str__(self) -> str:
        """One line when all holds, else the trace."""
        size = f"{self.states:,} states, {self.moves:,} steps, {self.traces:,} traces to {self.ends:,} ends"
        if not self.broken:
            return f"{size}: every invariant holds"
        steps = "\n".join(f"  {number:2}. {step}" for number, step in enumerate(self.trace, 1))
        return f"{size}\nbroken: {'; '.join(self.broken)}\n{steps}"


@dataclass
class _Graph:
    number: dict[State, int] = field(default_factory=dict)
    parent: list[tuple[int, str]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)

    def add(self, state: State, parent: int, label: str) -> tuple[int, bool]:
        known = self.number.get(state)
        if known is not None:
            return known, False
        self.number[state] = len(self.parent)
        self.parent.append((parent, label))
        self.after.append([])
        return len(self.parent) - 1, True

    def trace(self, node: int, last: str) -> tuple[str, ...]:
        steps = [last] if last else []
        while node > 0:
            node, label = self.parent[node]
            steps.append(label)
        return tuple(reversed(steps))


def explore(start: State, mutants: Iterable[str] = ()) -> Found:
    """Walk through every state that can be reached; stop at the first that breaks an invariant."""
    machine, graph = Machine(frozenset(mutants)), _Graph()
    graph.add(start, 0, "")
    states, here, moves, posted = [start], 0, 0, 0
    ends: list[int] = []
    while here < len(states):
        state = states[here]
        for move in machine.moves(state):
            moves += 1
            if move.broken:
                return Found(len(states), moves, len(ends), 0, move.broken, graph.trace(here, move.label))
            number, new = graph.add(move.after, here, move.label)
            if new:
                states.append(move.after)
            graph.after[here].append(number)
        if not graph.after[here]:
            ends.append(here)
            posted += bool(state.posts)
            if broken := unfinished(state):
                return Found(len(states), moves, len(ends), 0, broken, graph.trace(here, ""))
        here += 1
        if here > MOST_STATES:
            raise RuntimeError(f"more than {MOST_STATES:,} states: the scenario is too large")
    return Found(len(states), moves, len(ends), _ways(graph, ends), posted=posted)


def _ways(graph: _Graph, ends: list[int]) -> int:
    """Count the ways from the first state to an end; where steps lead back, the way back is not counted."""
    ways: dict[int, int] = dict.fromkeys(ends, 1)
    onway: set[int] = set()
    stack = [(0, iter(graph.after[0]))]
    onway.add(0)
    while stack:
        node, rest = stack[-1]
        child = next((one for one in rest if one not in ways and one not in onway), None)
        if child is not None:
            onway.add(child)
            stack.append((child, iter(graph.after[child])))
            continue
        ways[node] = ways.get(node, 0) or sum(ways.get(one, 0) for one in graph.after[node])
        onway.discard(node)
        stack.pop()
    return ways[0]
