"""Who the officers are, and which passkeys they have: asked of the board, and kept for a moment."""

from __future__ import annotations

import asyncio

from schemas.events.desk import BoardQuery, OfficerView
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError
from services.web.connection import CityConnection

KEPT_SECONDS = 3.0
FRESH_SECONDS = 1.0


class Roster:
    """The officers by id; a session ends within seconds of its officer's revocation."""

    def __init__(self, connection: CityConnection) -> None:
        self._connection = connection
        self._known: dict[str, OfficerView] = {}
        self._asked = float("-inf")
        self._forgotten = 0
        self._freshened = float("-inf")
        self._asking: tuple[asyncio.Task[dict[str, OfficerView]] | None, int] = None, 0

    async def officers(self) -> dict[str, OfficerView]:
        """Return the officers; as they were last known while the city does not answer, if they were ever known.

        Raises:
            OneVoiceError: they were never known.
        """
        if monotonic() - self._asked < KEPT_SECONDS:
            return self._known
        asking, began = self._asking
        if asking is None or asking.done() or began != self._forgotten:  # else one question is enough for all
            asking = asyncio.create_task(self._ask(self._forgotten))
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._asking = asking, self._forgotten
        return await asyncio.shield(asking)

    async def _ask(self, forgotten: int) -> dict[str, OfficerView]:
        try:
            found = (await self._connection.board(BoardQuery(query="officers"))).officers or ()
        except OneVoiceError:
            if not self._known:
                raise
            return self._known
        known = {view.officer.id: view for view in found}
        if forgotten == self._forgotten:  # else they changed while they were asked for
            self._known, self._asked = known, monotonic()
        return known

    def freshen(self) -> None:
        """Have them asked for again, but once a second at most: by whoever is not signed in yet."""
        if monotonic() - self._freshened >= FRESH_SECONDS:
            self._freshened = monotonic()
            self.forget()

    def forget(self) -> None:
        """Have them asked for again at once."""
        self._forgotten += 1
        self._asked = float("-inf")
