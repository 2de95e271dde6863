"""Finds the request that a person means: by its whole id, or by an unambiguous beginning of it."""

from __future__ import annotations

from collections.abc import Iterable

from schemas import subjects
from services.kernel.base.errors import BadInput
from services.kernel.fold.state import RequestState
from services.kernel.projection.request_entries import state_of
from services.kernel.runtime.service import Runtime

SHOWN = 5
"""Ids that are named when a beginning fits several."""


class RequestFinder:
    """Finds requests in memory, and those that are over in the ledger."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def find(self, beginning: str) -> RequestState:
        """Return the request whose id begins like this; what is open comes before what is over.

        Raises:
            BadInput: ``request.id``, ``request.ambiguous``, ``request.unknown``; ``request.many``: none that is open,
                and the ledger has more than the server names.
        """
        if not subjects.is_token(beginning):
            raise BadInput("request.id", f"{beginning!r} is not a request id", "copy it from: onevoice pending")
        known = self._runtime.fold.requests.get(beginning) or await self._over(beginning)
        if known is not None:
            return known
        whole = _only(beginning, self._runtime.fold.requests) or await self._among_all(beginning)
        found = await self._of_id(whole) if whole else None
        if found is None:
            hint = "onevoice pending lists the open ones, onevoice history all of the last days"
            raise BadInput("request.unknown", f"there is no request {beginning}", hint)
        return found

    async def _of_id(self, request_id: str) -> RequestState | None:
        return self._runtime.fold.requests.get(request_id) or await self._over(request_id)

    async def _among_all(self, beginning: str) -> str | None:
        """Return the one id of the whole ledger that begins like this, or None; no other begins like a whole one.

        Raises:
            BadInput: ``request.ambiguous``, ``request.many``.
        """
        if len(beginning) >= subjects.REQUEST_ID_LENGTH:
            return None
        start = subjects.request(beginning)
        names, whole = await self._runtime.ledger.subjects_like(subjects.REQUESTS, start)
        if not whole:
            raise BadInput(
                "request.many",
                f"no open request begins with {beginning}, and those that are over are too many to look through",
                f"give the whole id, of {subjects.REQUEST_ID_LENGTH} characters; onevoice history lists the last days",
            )
        return _only(beginning, [name.rsplit(".", 1)[-1] for name in names])

    async def _over(self, request_id: str) -> RequestState | None:
        """Read a request that is over from its subjects; return None when there is none."""
        runtime = self._runtime
        last = await runtime.ledger.last(subjects.request(request_id))
        if last is None or last.seq > runtime.fold.seq:
            await runtime.projection.catch_up()  # it may be younger than the fold
            return runtime.fold.requests.get(request_id)
        return await state_of(request_id, runtime.fold, runtime.projection, runtime.clock.monotonic())


def _only(beginning: str, names: Iterable[str]) -> str | None:
    """Return the one id that begins like this, or None; raises BadInput ``request.ambiguous``."""
    found = sorted(name for name in names if name.startswith(beginning))
    if len(found) > 1:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        shown = ", ".join(found[:SHOWN]) + more
        raise BadInput("request.ambiguous", f"{beginning} is the beginning of {shown}", "give more of the id")
    return found[0] if found else None
