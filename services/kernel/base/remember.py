"""Remembers what a pure function said of frozen values, by their identity: hashing them would cost more than asking."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])


def by_identity(kept: int) -> Callable[[Function], Function]:
    """Decorate a pure function of values that never change; the newest ``kept`` answers are remembered.

    The arguments are kept with the answer, so that no other value can take their place in memory.
    """

    def decorate(function: Function) -> Function:
        answers: OrderedDict[tuple[int, ...], tuple[tuple[Any, ...], Any]] = OrderedDict()

        @wraps(function)
        def remembered(*values: Any) -> Any:
            key = tuple(map(id, values))
            known = answers.get(key)
            if known is not None:
                try:  # noqa: SIM105 - it is hot
                    answers.move_to_end(key)
                except KeyError:  # another thread has let it go meanwhile
                    pass
                return known[1]
            answer = function(*values)
            answers[key] = (values, answer)
            if len(answers) > kept:
                answers.popitem(last=False)
            return answer

        return remembered  # type: ignore[return-value]

    return decorate
