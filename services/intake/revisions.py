"""Finds the request that a submission revises, and appends the new revision behind the current one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from schemas import subjects
from schemas.events.desk import SubmitReply
from schemas.events.requests import Request
from services.intake.domain.identity import Identity
from services.intake.domain.revision import answer_repeat, check
from services.intake.domain.submission import author_kind_of
from services.intake.earlier import state_of
from services.kernel.authority.judged import judged
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import BadInput, Refused
from services.kernel.fold.state import RequestState
from services.kernel.ledger.client import Conflict
from services.kernel.runtime.service import Runtime


@dataclass(frozen=True)
class Revisable:
    """The request that is revised; ``repeated``: this very revision is there already."""

    state: RequestState
    repeated: SubmitReply | None


class Revisions:
    """New revisions of requests that wait."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def find(self, identity: Identity, sender: str) -> Revisable:
        """Return the request that a submission revises, checked.

        Raises:
            BadInput: ``request.unknown``, ``revision.stale``, ``sender.unknown``.
            Refused: as ``domain.revision.check``; ``sender.revoked``.
        """
        runtime, name = self._runtime, identity.request_id
        author_kind_of(sender, runtime.control)
        state = await state_of(runtime, name)
        if state is None:
            raise BadInput("request.unknown", f"there is no request {name}", "onevoice pending lists the open ones")
        repeated = answer_repeat(identity, state)
        if repeated is None:
            await judged(runtime.present(), runtime.ledger.server_time, partial(self._check, identity, state, sender))
        return Revisable(state, repeated)

    async def _check(self, identity: Identity, state: RequestState, sender: str, now: datetime) -> None:
        check(identity.submission, state, sender, self._runtime.control, now)

    async def append(self, request: Request, before: RequestState) -> int:
        """Append a revision behind the one that was looked at; return its sequence.

        Raises:
            BadInput: ``revision.stale``: another one is there by now.
            Refused: ``request.already_cleared``: its posting had begun when it was stored.
        """
        runtime, name = self._runtime, request.request_id
        msg_id = f"request.{name}.{request.revision}.{request.content_sha256}"
        try:
            appended = await runtime.ledger.append(
                subjects.request(name), request, msg_id=msg_id, expect_last=before.seq
            )
        except Conflict as error:
            raise BadInput(
                "revision.stale", f"another revision of {name} stands by now", f"onevoice show {name}"
            ) from error
        crash_point("intake.request.stored")
        await runtime.projection.at_least(appended.seq)
        now = runtime.fold.requests.get(name)
        if now is None or (now.request.revision, now.request.digest) != (request.revision, request.digest):
            raise Refused(
                "request.already_cleared",
                f"{name} was decided in the same moment, and stays as it was",
                f"onevoice status {name} says what became of it",
            )
        return appended.seq
