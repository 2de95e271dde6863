"""Whether what an officer signed counts now: by this machine's clock, and by the broker's before anything is refused.

What is in the ledger counts by the broker's stamps. A machine whose clock is wrong would refuse what counts: it would
keep the EOC from being activated, and take an approval of this moment for one of the future.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from services.kernel.base.errors import BadInput, Refused
from services.kernel.control.control_state import ControlFault

T = TypeVar("T")

AGREE = timedelta(seconds=1)
"""Two clocks that differ by less say the same; who asked and judged meanwhile needs some of it."""


async def judged(own: datetime, ask: Callable[[], Awaitable[datetime]], judge: Callable[[datetime], Awaitable[T]]) -> T:
    """Return what ``judge`` says at this machine's time, and where it refuses, at the broker's if that is another.

    Who passes by a clock that is wrong has gained nothing: the broker's stamp says whether the entry counts. ``ask``
    returns the broker's time; nobody is asked where nothing is refused.

    Raises:
        BadInput, ControlFault, Refused: as ``judge`` says by the broker's time.
        Unreachable: the broker did not say.
    """
    try:
        return await judge(own)
    except (BadInput, ControlFault, Refused):
        theirs = await ask()
        if abs(theirs - own) < AGREE:
            raise
    return await judge(theirs)
