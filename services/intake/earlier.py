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
        return earlier_of(state, self._runtime.fold.chain.replaced.get(request_id, ""))


async def state_of(runtime: Runtime, request_id: str) -> RequestState | None:
    """Return what stands of a request by now, also of one that is over; None where there is none."""
    await runtime.catch_up()
    return await request_entries.state_of(request_id, runtime.fold, runtime.projection, runtime.clock.monotonic())
