"""Reads what the ledger holds of the request that a submission is about; also of one that is over."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from schemas import subjects
from schemas.events.requests import ENDING, Act, Request
from schemas.events.verdicts import Outcome, Verdict
from services.intake.domain.following import Earlier, carried_on, earlier_of
from services.kernel.base.errors import BadInput
from services.kernel.fold.reading import Event, parse_each
from services.kernel.fold.state import RequestState, wanted_by
from services.kernel.projection import request_entries
from services.kernel.projection.source import BATCH
from services.kernel.runtime.service import Runtime

_ADDING = ("update", "correct")
"""What says more of a message, and stands for itself: a correction is one of an update then."""

_AT_ONCE = 16
"""Requests that are over and read at the same time: each takes a round trip or two."""


class EarlierRequests:
    """Finds earlier requests."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def find(self, request_id: str, act: Act | None = None) -> Earlier:
        """Return what is known of a request; of its reposts only for an act that ends it, of updates only for a recall.

        Raises:
            BadInput: ``about.unknown``.
            Unreachable: the broker does not answer.
        """
        state = await state_of(self._runtime, request_id)
        if state is None:
            raise BadInput("about.unknown", f"there is no request {request_id}", "onevoice pending lists the open ones")
        chain = self._runtime.fold.chain
        reposts = await self._reposts_of(request_id) if act in ENDING else ()
        before = await self._replaced_by(state)
        found = earlier_of(state, chain.replaced.get(request_id, ""), reposts, before)
        if act != "recall":
            return found
        updates = await self._updates_of({request_id, *(one.request_id for one in before)})
        return replace(found, updated_by=updates)

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
        others = {name for name, one in (await self._over(family)).items() if one.act != "repost"}
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

    async def _updates_of(self, names: set[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the updates of these requests, and of those, that nothing replaced, each with its profiles.

        Of what has left memory its newest clearance says where it may be: a long message has hundreds of updates.
        """
        fold, after = self._runtime.fold, dict.fromkeys(names)
        for name, earlier in fold.chain.earlier.items():  # in the ledger's order
            if earlier in after:
                after[name] = None
        later = [name for name in after if name not in names and name not in fold.chain.replaced]
        states = {name: fold.requests.get(name) for name in later}  # they may leave memory while the others are read
        over = await self._over([name for name, state in states.items() if state is None])
        cleared = await self._cleared([name for name, one in over.items() if one.act in _ADDING])
        found: list[tuple[str, tuple[str, ...]]] = []
        for name, state in states.items():
            if state is not None and state.request.act in _ADDING:
                found.append((name, carried_on(state)))
            elif name in cleared:
                wanted = set(wanted_by(cleared[name]))
                found.append((name, tuple(profile for profile in over[name].targets if profile in wanted)))
        return tuple((name, profiles) for name, profiles in found if profiles)

    async def _over(self, names: list[str]) -> dict[str, Request]:
        """Return those requests that have left memory and can be read; few questions for many."""
        over = [subjects.request(name) for name in names if name not in self._runtime.fold.requests]
        return {one.request_id: one for one in await self._newest(Request, over)}

    async def _cleared(self, names: list[str]) -> dict[str, Verdict]:
        """Return the newest verdict of each that was cleared."""
        found = await self._newest(Verdict, [subjects.verdict(name) for name in names])
        return {one.request_id: one for one in found if one.outcome is Outcome.CLEARED}

    async def _newest(self, contract: type[Event], places: list[str]) -> list[Event]:
        found, fold, source = list[Event](), self._runtime.fold, self._runtime.projection.source
        for start in range(0, len(places), BATCH):
            entries = await source.newest(places[start : start + BATCH], fold.seq)
            found += [event for _, event in parse_each(contract, entries)]
        return found


async def state_of(runtime: Runtime, request_id: str) -> RequestState | None:
    """Return what there is of a request by now, also of one that is over; None where there is none."""
    await runtime.catch_up()
    return await _known(runtime, request_id)


async def _known(runtime: Runtime, request_id: str) -> RequestState | None:
    """Return what there is of a request as far as the ledger is folded."""
    return await request_entries.state_of(request_id, runtime.fold, runtime.projection, runtime.clock.monotonic())
