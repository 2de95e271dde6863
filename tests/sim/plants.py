"""Bugs that can be planted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

PLANTS: dict[str, tuple[str, Callable[[], list[Any]]]] = {}
BEHIND: dict[str, tuple[str, ...]] = {}
HARMLESS: frozenset[str] = frozenset()


@contextlib.contextmanager
def planted(names: tuple[str, ...]) -> Iterator[None]:
    """Switch bugs on for a while."""
    with contextlib.ExitStack() as stack:
        for name in names:
            for owner, attribute, value in PLANTS[name][1]():
                stack.enter_context(mock.patch.object(owner, attribute, value))
        yield


def with_those_behind(name: str) -> tuple[str, ...]:
    """Return a bug with what has to be planted beside it."""
    return (name, *BEHIND.get(name, ()))
