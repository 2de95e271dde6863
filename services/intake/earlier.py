"""Reads what the ledger holds of the request that a submission is about; also of one that is over."""

from __future__ import annotations

from services.intake.domain.following import Earlier, earlier_of
from services.kernel.base.errors import BadInput
from services.kernel.projection.request_entries import entries_on
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
        runtime = self._runtime
        await runtime.catch_up()
        state = runtime.fold.requests.get(request_id)
        if state is None:
            scratch = runtime.fold.apart()
            found = await entries_on(request_id, runtime.projection.all_of)
            scratch.reopen(request_id, found, runtime.clock.monotonic())
            state = scratch.requests.get(request_id)
        if state is None:
            raise BadInput("about.unknown", f"there is no request {request_id}", "onevoice pending lists the open ones")
        return earlier_of(state, runtime.fold.chain.replaced.get(request_id, ""))
