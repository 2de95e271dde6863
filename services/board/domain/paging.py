"""How much of a long answer goes into one message of the broker; whoever asked goes on behind it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from schemas import streams

MOST_BYTES = streams.MAX_PAYLOAD // 2
"""Bytes of what an answer lists at most, which leaves as many for what stands beside it."""

T = TypeVar("T")


def first_within(items: Iterable[T], size: Callable[[T], int], most: int = MOST_BYTES) -> tuple[T, ...]:
    """Return the first items that have ``most`` bytes together, and one in any case; no more of them are made."""
    found: list[T] = []
    for item in items:
        most -= size(item)
        if most < 0 and found:
            break
        found.append(item)
    return tuple(found)


def newest_within(items: Sequence[T], size: Callable[[T], int], most: int = MOST_BYTES) -> tuple[T, ...]:
    """Return the last items that have ``most`` bytes together, and one in any case, in their order."""
    return first_within(reversed(items), size, most)[::-1]
