"""How far the second copy of the record is, and letting it catch up with the ledger."""

from __future__ import annotations

import asyncio

from services.audit.record.reader import last_copied
from services.desk import session
from services.desk.app import Invocation
from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError

CATCH_UP_SECONDS = 10.0
"""How long the copy is given to reach what the ledger had when the command began."""

_LOOK_SECONDS = 0.1


def copied_seq(city: City) -> int:
    """Return the newest ledger sequence in the copy, 0 when there is none."""
    return last_copied(city.audit_folder)


async def currency(desk: Invocation, given: str | None) -> str:
    """Let the copy catch up with the ledger where it can be asked; say how current the proof is."""
    try:
        async with session.asking(desk, given) as here:
            newest = (await here.eoc()).last_seq
    except OneVoiceError as error:
        return f"the city could not be asked ({error.message}): what the copy holds is verified"
    return await catch_up(desk.city(), newest)


async def catch_up(city: City, newest: int) -> str:
    """Wait until the copy has a sequence; say whether it came."""
    end = monotonic() + CATCH_UP_SECONDS
    while copied_seq(city) < newest and monotonic() < end:  # noqa: ASYNC110 - a file of another process
        await asyncio.sleep(_LOOK_SECONDS)
    copied = copied_seq(city)
    if copied >= newest:
        return f"the copy holds all of the ledger up to {newest}"
    return f"the copy ends at {copied}, the ledger at {newest}: does the service audit run? onevoice doctor"
