"""How long and how often the broker is asked, before it counts as unreachable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import nats.errors
import nats.js.errors
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class AskLimits:
    """How long one append or read waits for its answer, and how often it is asked before the broker is unreachable.

    What was asked when a broker died is never answered: for ``seconds`` a service stands still at the least. It is
    some 15 s in all, for a cluster takes 5 to choose a leader. ``names``: so many subjects it names at most.
    """

    seconds: float = 2.0
    tries: int = 7
    names: int = 100_000


USUAL = AskLimits()

_LOST = (nats.errors.TimeoutError, nats.errors.NoRespondersError, nats.js.errors.NoStreamResponseError)


async def ask_again(call: Callable[[], Awaitable[Answer]], limits: AskLimits = USUAL) -> Answer:
    """Ask, and again if no answer comes. The first try goes without tenacity, which costs more than it."""
    try:
        return await call()
    except _LOST:
        again = AsyncRetrying(
            retry=retry_if_exception_type(_LOST),
            stop=stop_after_attempt(limits.tries - 1),
            wait=wait_random_exponential(multiplier=0.1, max=1.0),
            reraise=True,
        )
        async for attempt in again:
            with attempt:
                return await call()
        raise
