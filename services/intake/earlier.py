"""Reads what the ledger holds of the request that a submission is about; also of one that is over."""

from __future__ import annotations

from services.intake.domain.following import Earlier, earlier_of
from services.kernel.base.errors import BadInput
from services.kernel.fold.state import RequestState
from services.kernel.projection import request_entries
from services.kernel.runtime.service import Runtime


class EarlierRequests:
    """Finds earlier requests."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def find(self, request_id: str) -> Earlier:
        """Return what is known of a request.

        Raises:
            BadInput: ``about.unknown``.
            Unreachable: the broker does not answer.
        """
        state = await state_of(self._runtime, request_id)
        if state is None:
            raise BadInput("about.unknown", f"there is no request {request_id}", "onevoice pending lists the open ones")
        chain = self._runtime.fold.chain
        return earlier_of(state, chain.replaced.get(request_id, ""), await self._reposts_of(request_id))

    async def _reposts_of(self, request_id: str) -> tuple[RequestState, ...]:
        """Return the reposts of a request, of what it comes after and of these, that nothing replaced."""
        chain = self._runtime.fold.chain
        shown, found = {request_id, *chain.before(request_id)}, []
        for name in chain.family(request_id):
            if chain.earlier.get(name) not in shown or name in chain.replaced:
                continue
            state = await state_of(self._runtime, name)
            if state is not None and state.request.act == "repost" and name != request_id:
                shown.add(name)
                found.append(state)
        return tuple(found)


async def state_of(runtime: Runtime, request_id: str) -> RequestState | None:
    """Return what stands of a request by now, also of one that is over; None where there is none."""
    await runtime.catch_up()
    return await request_entries.state_of(request_id, runtime.fold, runtime.projection, runtime.clock.monotonic())
