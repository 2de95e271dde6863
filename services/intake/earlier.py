"""Reads what the ledger holds of the request that a submission is about; also of one that is over."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from schemas import subjects
from schemas.events.requests import ENDING, Act, Request
from services.intake.domain.following import Earlier, earlier_of
from services.kernel.base.errors import BadInput
from services.kernel.fold.state import RequestState
from services.kernel.projection import request_entries
from services.kernel.projection.source import BATCH
from services.kernel.runtime.service import Runtime

_AT_ONCE = 16
"""Requests that are over and read at the same time: each takes a round trip or two."""


class EarlierRequests:
    """Finds earlier requests."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def find(self, request_id: str, act: Act | None = None) -> Earlier:
        """Return what is known of a request; of its reposts only for an act that ends it.

        Raises:
            BadInput: ``about.unknown``.
            Unreachable: the broker does not answer.
        """
        state = await state_of(self._runtime, request_id)
        if state is None:
            raise BadInput("about.unknown", f"there is no request {request_id}", "onevoice pending lists the open ones")
        chain = self._runtime.fold.chain
        reposts = await self._reposts_of(request_id) if act in ENDING else ()
        return earlier_of(state, chain.replaced.get(request_id, ""), reposts, await self._replaced_by(state))

    async def _replaced_by(self, state: RequestState) -> tuple[RequestState, ...]:
        """Return what a request replaces, and what that replaces in its turn, the nearest first."""
        found: dict[str, RequestState] = {}
        while (name := state.request.replaces) is not None and name not in found:
            earlier = await _known(self._runtime, name)
            if earlier is None:
                break
            found[name] = state = earlier
        return tuple(found.values())

    async def _reposts_of(self, request_id: str) -> tuple[RequestState, ...]:
        """Return the reposts of a request, of what it comes after and of these, that nothing replaced."""
        chain = self._runtime.fold.chain
        shown, found = {request_id, *chain.before(request_id)}, []
        family = [name for name in chain.family(request_id) if name != request_id and name not in chain.replaced]
        others = await self._no_reposts(family)
        wanted = [name for name in family if name not in others]
        states = await self._known_of(wanted)
        for name in wanted:
            state = states[name] if chain.earlier.get(name) in shown else None
            if state is not None and state.request.act == "repost":
                shown.add(name)
                found.append(state)
        return tuple(found)

    async def _known_of(self, names: list[str]) -> dict[str, RequestState | None]:
        """Return what there is of each; those that have left memory are read side by side, few at a time."""
        few = asyncio.Semaphore(_AT_ONCE)

        async def known(name: str) -> RequestState | None:
            async with few:
                return await _known(self._runtime, name)

        return dict(zip(names, await asyncio.gather(*map(known, names)), strict=True))

    async def _no_reposts(self, names: list[str]) -> set[str]:
        """Return those that have left memory and are no reposts: a long message has hundreds of updates.

        One whose request is not read here, or cannot be, is not among them: it is looked at by itself.
        """
        fold, source = self._runtime.fold, self._runtime.projection.source
        over, others = [subjects.request(name) for name in names if name not in fold.requests], set()
        for start in range(0, len(over), BATCH):
            for entry in await source.newest(over[start : start + BATCH], fold.seq):
                with suppress(ValueError):
                    request = Request.from_bytes(entry.data)
                    others |= set() if request.act == "repost" else {request.request_id}
        return others


async def state_of(runtime: Runtime, request_id: str) -> RequestState | None:
    """Return what there is of a request by now, also of one that is over; None where there is none."""
    await runtime.catch_up()
    return await _known(runtime, request_id)


async def _known(runtime: Runtime, request_id: str) -> RequestState | None:
    """Return what there is of a request as far as the ledger is folded."""
    return await request_entries.state_of(request_id, runtime.fold, runtime.projection, runtime.clock.monotonic())
