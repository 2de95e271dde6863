"""The set of open requests: what the gatekeeper decides anew after each control change.

A request is marked before control is read for it, so a control change either finds it in the set or is seen by
its own decision; none is overlooked, however copies race.
"""

from __future__ import annotations

import nats.errors
import nats.js.errors

from schemas import streams, subjects
from schemas.events.working import OpenRequest
from services.kernel.crashpoints import crash_point
from services.kernel.errors import Unreachable
from services.kernel.ledger import Ledger


class OpenRequests:
    """Marks, closes and lists open requests (stream OPEN)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def mark(self, entry: OpenRequest) -> None:
        """Put a request into the set, or change when it is due."""
        await self._ledger.keep(subjects.open_request(entry.request_id), entry)

    async def close(self, request_id: str) -> None:
        """Take a request out of the set; harmless if it is not in it."""
        try:
            await self._ledger.js.purge_stream(streams.OPEN, subject=subjects.open_request(request_id))
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise Unreachable("broker.unreachable", "an open request could not be closed", "onevoice doctor") from error
        crash_point("gatekeeper.request.closed")

    async def ids(self) -> list[str]:
        """Return the ids of all open requests, sorted."""
        try:
            info = await self._ledger.js.stream_info(streams.OPEN, subjects_filter=subjects.OPEN_ALL)
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise Unreachable("broker.unreachable", "the open requests cannot be listed", "onevoice doctor") from error
        return sorted(subject.split(".", 1)[1] for subject in (info.state.subjects or {}))

    async def since(self, seq: int) -> list[tuple[int, OpenRequest]]:
        """Return the marks above a sequence of the set, with their sequences."""
        entries = await self._ledger.history(subjects.OPEN_ALL, seq)
        return [(entry.seq, OpenRequest.from_bytes(entry.data)) for entry in entries]
