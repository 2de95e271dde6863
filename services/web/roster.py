"""Who the officers are, and which passkeys they have: asked of the board, and kept for a moment."""

from __future__ import annotations

from schemas.events.desk import BoardQuery, OfficerView
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError
from services.web.connection import CityConnection

KEPT_SECONDS = 3.0


class Roster:
    """The officers by id; a session ends within seconds of its officer's revocation."""

    def __init__(self, connection: CityConnection) -> None:
        self._connection = connection
        self._known: dict[str, OfficerView] = {}
        self._asked = float("-inf")
        self._forgotten = 0

    async def officers(self) -> dict[str, OfficerView]:
        """Return the officers; as they were last known while the city does not answer, if they were ever known.

        Raises:
            OneVoiceError: they were never known.
        """
        if monotonic() - self._asked < KEPT_SECONDS:
            return self._known
        forgotten = self._forgotten
        try:
            found = (await self._connection.board(BoardQuery(query="officers"))).officers or ()
        except OneVoiceError:
            if not self._known:
                raise
            return self._known
        self._known = {view.officer.id: view for view in found}
        if forgotten == self._forgotten:  # else they changed while they were asked for
            self._asked = monotonic()
        return self._known

    def forget(self) -> None:
        """Have them asked for again at once."""
        self._forgotten += 1
        self._asked = float("-inf")
