"""Reads what the ledger holds on a request, and appends officers' decisions on it by compare-and-set."""

from __future__ import annotations

from schemas import canonical, subjects
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from services.intake.domain.approval import RequestContext
from services.kernel.base.errors import BadInput
from services.kernel.runtime.service import Runtime


class Decisions:
    """The officers' decisions on record, and the way there."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def context_of(self, request_id: str) -> RequestContext:
        """Return what is known of a request; one that is over is read from the ledger.

        Raises:
            BadInput: ``request.unknown``.
            Unreachable: the broker does not answer.
        """
        runtime = self._runtime
        if request_id not in runtime.fold.requests:
            await runtime.catch_up()
        state = runtime.fold.requests.get(request_id)
        if state is None:
            return await self._read(request_id)
        return RequestContext(
            request=state.request,
            approvals=tuple(state.statements),
            verdict=state.verdict,
            verdict_seq=state.verdict_last,
            officer_seqs=dict(state.spoken),
        )

    async def append(self, approval: Approval, statement: ApprovalStatement, context: RequestContext) -> int:
        """Append a decision that was checked in this context; return its sequence.

        A rejection is fenced on the verdict, so that it never stands behind a clearing that its officer had not seen.
        An approval is fenced on its officer's own subject.

        Raises:
            Conflict: something newer stands there.
        """
        subject = subjects.approval(approval.request_id, approval.officer)
        msg_id = canonical.sha256(subject.encode() + b"\n" + approval.envelope.to_bytes())
        ledger = self._runtime.ledger
        if statement.decision == "reject":
            fence = (subjects.verdict(approval.request_id), context.verdict_seq)
            appended = await ledger.append(subject, approval, msg_id=msg_id, fence=fence)
        else:
            last = context.officer_seqs.get(approval.officer, 0)
            appended = await ledger.append(subject, approval, msg_id=msg_id, expect_last=last)
        return appended.seq

    async def _read(self, request_id: str) -> RequestContext:
        ledger = self._runtime.ledger
        entry = await ledger.last(subjects.request(request_id))
        if entry is None:
            raise BadInput("request.unknown", f"there is no request {request_id}", "onevoice pending")
        verdict = await ledger.last(subjects.verdict(request_id))
        found = await ledger.history(subjects.approvals_of(request_id))
        return RequestContext(
            request=Request.from_bytes(entry.data),
            approvals=tuple((one.seq, Approval.from_bytes(one.data)) for one in found),
            verdict=Verdict.from_bytes(verdict.data) if verdict else None,
            verdict_seq=verdict.seq if verdict else 0,
            officer_seqs={subjects.place_of(one.subject).name: one.seq for one in found},
        )
