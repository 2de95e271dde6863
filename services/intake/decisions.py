"""Reads what the ledger holds on a request, and appends officers' decisions on it by compare-and-set."""

from __future__ import annotations

from schemas import canonical, subjects
from schemas.events.approvals import Approval, ApprovalStatement
from services.intake.domain.approval import RequestContext
from services.intake.earlier import state_of
from services.kernel.base.errors import BadInput
from services.kernel.runtime.service import Runtime


class Decisions:
    """The officers' decisions on record, and the way there."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def context_of(self, request_id: str) -> RequestContext:
        """Return what is known of a request, also of one that is over.

        Raises:
            BadInput: ``request.unknown``.
            Unreachable: the broker does not answer.
        """
        state = self._runtime.fold.requests.get(request_id) or await state_of(self._runtime, request_id)
        if state is None:
            raise BadInput("request.unknown", f"there is no request {request_id}", "onevoice pending")
        return RequestContext(
            request=state.request,
            approvals=tuple(state.statements),
            verdict=state.verdict,
            verdict_seq=state.verdict_last,
            officer_seqs=dict(state.spoken),
        )

    async def append(self, approval: Approval, statement: ApprovalStatement, context: RequestContext) -> int:
        """Append a decision that was checked in this context; return its sequence.

        A rejection or a return is fenced on the verdict, so that it never is behind a clearing that its officer had
        not seen. An approval is fenced on its officer's own subject.

        Raises:
            Conflict: something newer is there.
        """
        subject = subjects.approval(approval.request_id, approval.officer)
        msg_id = canonical.sha256(subject.encode() + b"\n" + approval.envelope.to_bytes())
        ledger = self._runtime.ledger
        if statement.decision != "approve":
            fence = (subjects.verdict(approval.request_id), context.verdict_seq)
            appended = await ledger.append(subject, approval, msg_id=msg_id, fence=fence)
        else:
            last = context.officer_seqs.get(approval.officer, 0)
            appended = await ledger.append(subject, approval, msg_id=msg_id, expect_last=last)
        return appended.seq
