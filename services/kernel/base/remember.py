"""Remembers what a pure function said of frozen values, by their identity: hashing them would cost more than asking."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])


def by_identity(kept: int) -> Callable[[Function], Function]:
    """Decorate a pure function of values that never change; the ``kept`` answers found last are remembered.

    The arguments are kept with the answer, so that no other value can take their place in memory.
    """

    def decorate(function: Function) -> Function:
        answers: dict[Any, tuple[tuple[Any, ...], Any]] = {}
        of_one = len(signature(function).parameters) == 1

        @wraps(function)
        def remembered(*values: Any) -> Any:
            key = id(values[0]) if of_one else tuple(map(id, values))
            known = answers.get(key)
            if known is not None:
                return known[1]
            answer = function(*values)
            answers[key] = (values, answer)
            if len(answers) > kept:
                with suppress(RuntimeError):  # another thread changes them meanwhile, and lets go in its turn
                    answers.pop(next(iter(answers)), None)
            return answer

        return remembered  # type: ignore[return-value]

    return decorate
