"""Handlers of the gatekeeper: read the facts, decide, append the verdict by compare-and-set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from schemas import subjects
from schemas.events.approvals import Approval
from schemas.events.deliveries import Receipt
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from schemas.events.working import OpenRequest
from services.gatekeeper.policy.decide import Decision, decide, to_verdict
from services.gatekeeper.reading import Dossier, read_dossier
from services.kernel.crashpoints import crash_point
from services.kernel.errors import OneVoiceError, Unreachable
from services.kernel.ledger import Conflict
from services.kernel.open_requests import OpenRequests
from services.kernel.service import EntryOf, Runtime

SWEEP_SECONDS = 1.0
TRIES = 20
RETRY = timedelta(seconds=5)
"""After this long the sweep tries a request again that could not be decided."""

AT_ONCE = 16
"""Open requests that one copy decides at the same time after a control change."""


class Handlers:
    """What makes the gatekeeper decide."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.open = OpenRequests(runtime.ledger)
        self._due: dict[str, datetime] = {}
        self._maybe_done: set[str] = set()
        self._seen = 0

    async def on_request(self, event: Request, entry: EntryOf) -> None:
        """Decide a new request. It is marked open first, so that no control change overlooks it."""
        await self.open.mark(OpenRequest(request_id=event.request_id, due=event.expires_at))
        crash_point("gatekeeper.request.marked")
        await self.judge(event.request_id)

    async def on_approval(self, event: Approval, entry: EntryOf) -> None:
        """Decide a request anew when an officer has spoken."""
        await self.judge(event.request_id)

    async def on_receipt(self, event: Receipt, entry: EntryOf) -> None:
        """Remember that a request may be delivered everywhere; the sweep looks.

        A person who has a post made again reopens its request, and it is judged on the facts of now. Other receipts
        that are not final (a platform that asks to wait, an ended clearance) change nothing that the gate decides by.
        """
        if event.final:
            self._maybe_done.add(event.request_id)
        elif event.resolution_seq is not None:
            await self.open.mark(OpenRequest(request_id=event.request_id, due=self.runtime.clock.now()))
            await self.judge(event.request_id)

    async def on_control(self, event: dict[str, object], entry: EntryOf) -> None:
        """Decide each open request anew after a control change."""
        await self.runtime.control.refresh()
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(request_id: str) -> bool:
            async with limit:
                return await self._tried(self.judge, request_id)

        waiting = await self.open.ids()
        done = await asyncio.gather(*(one(request_id) for request_id in waiting))
        undecided = [request_id for request_id, decided in zip(waiting, done, strict=True) if not decided]
        if undecided:
            raise Unreachable("gate.undecided", f"{len(undecided)} open requests wait, {undecided[0]} first")

    async def judge(self, request_id: str) -> None:
        """Read, decide, append; again with fresh facts if another verdict came in between."""
        runtime = self.runtime
        for _ in range(TRIES):
            dossier = await read_dossier(runtime.ledger, runtime.control, runtime.clock, request_id)
            if dossier is None:
                runtime.log.error("there is no such request", request_id=request_id)
                return await self.open.close(request_id)
            if _is_final(dossier):
                return await self._close(dossier)
            decision = decide(dossier.facts)
            verdict = to_verdict(decision, dossier.facts, dossier.facts.now, dossier.as_of)
            if _says_the_same(dossier.standing, verdict) or await self._append(dossier, verdict):
                return await self._remember(dossier, decision)
        raise Unreachable("verdict.busy", f"{request_id} changes faster than it can be decided")

    async def _append(self, dossier: Dossier, verdict: Verdict) -> bool:
        """Append a verdict after the one that the facts were read with; False if another came in between."""
        subject = subjects.verdict(verdict.request_id)
        crash_point("gatekeeper.verdict.decided")
        try:
            appended = await self.runtime.ledger.append(subject, verdict, expect_last=dossier.standing_seq)
        except Conflict:
            return False
        crash_point("gatekeeper.verdict.stored")
        self.runtime.log.info(
            f"verdict: {verdict.outcome}",
            request_id=verdict.request_id,
            seq=appended.seq,
            control_seq=verdict.control_seq,
            because="; ".join(f"{f.clause} {f.outcome}" for f in verdict.findings if f.outcome != "noted"),
        )
        return True

    async def sweep(self) -> None:
        """Decide anew what time alone has changed, and close what is delivered everywhere."""
        while True:
            for seq, entry in await self.open.since(self._seen):
                self._seen = max(self._seen, seq)
                self._due[entry.request_id] = entry.due
            now = self.runtime.clock.now()
            for request_id in [name for name, when in self._due.items() if when <= now]:
                if await self._tried(self.judge, request_id):
                    self._due.pop(request_id, None)
                else:
                    self._due[request_id] = now + RETRY
            for request_id in tuple(self._maybe_done):
                if await self._tried(self._close_if_done, request_id):
                    self._maybe_done.discard(request_id)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _tried(self, work: Callable[[str], Awaitable[None]], request_id: str) -> bool:
        """Do the work on one request; what fails is told and tried again later, and holds no other request up."""
        try:
            await work(request_id)
        except OneVoiceError as error:
            self.runtime.log.warning("again soon", request_id=request_id, code=error.code, error=error.message)
            return False
        except Exception:
            self.runtime.log.exception("not decided, again soon", request_id=request_id)
            return False
        return True

    async def _close_if_done(self, request_id: str) -> None:
        runtime = self.runtime
        dossier = await read_dossier(runtime.ledger, runtime.control, runtime.clock, request_id)
        if dossier is None or not _is_final(dossier):
            return
        if dossier.unconfirmed:
            # It may have been closed before its last receipt came: refused while a post was under way.
            await self.open.mark(OpenRequest(request_id=request_id, due=dossier.facts.request.expires_at))
            return
        await self._close(dossier)
        self._due.pop(request_id, None)

    async def _close(self, dossier: Dossier) -> None:
        """Take a request out of the open set, unless it waits for a person to say how an unconfirmed post ended."""
        if not dossier.unconfirmed:
            await self.open.close(dossier.facts.request.request_id)

    async def _remember(self, dossier: Dossier, decision: Decision) -> None:
        """Note when time alone may change the decision; a mark that stands so already is not made again."""
        request = dossier.facts.request
        if decision.outcome is Outcome.REFUSED:
            return await self._close(dossier)
        times = (request.expires_at, decision.valid_until, decision.look_again)
        due = min(time for time in times if time is not None)
        marked_at_first = due == request.expires_at and dossier.standing is None
        if not marked_at_first and self._due.get(request.request_id) != due:
            await self.open.mark(OpenRequest(request_id=request.request_id, due=due))
        return None


def _is_final(dossier: Dossier) -> bool:
    standing = dossier.standing
    return (standing is not None and standing.outcome is Outcome.REFUSED) or dossier.delivered_everywhere


def _says_the_same(standing: Verdict | None, verdict: Verdict) -> bool:
    """True when appending would only repeat the standing verdict (a redelivered message)."""
    return standing is not None and standing.model_copy(update={"at": verdict.at}) == verdict
