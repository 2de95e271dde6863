"""Composition of intake: its desk subjects, systems in a lane of their own."""

from __future__ import annotations

from schemas import streams, subjects
from schemas.events.approvals import Approval
from schemas.events.enrolment import BrowserPreview
from schemas.events.envelope import Envelope
from schemas.events.requests import SubmissionEvent
from services.intake.decisions import Decisions
from services.intake.earlier import EarlierRequests
from services.intake.handlers import IntakeHandlers
from services.intake.preparation import Preparation
from services.intake.revisions import Revisions
from services.intake.sender_quotas import SenderQuotas
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    quotas = SenderQuotas(runtime)
    preparation = Preparation(runtime, EarlierRequests(runtime))
    handlers = IntakeHandlers(runtime, preparation, Decisions(runtime), Revisions(runtime), quotas)
    bus, submission, admit = runtime.bus, SubmissionEvent.from_bytes, quotas.admit
    bus.serve(subjects.DESK_REQUEST_PREVIEW, submission, handlers.on_preview, admit=admit, title="previews")
    bus.serve(subjects.DESK_REQUEST_SUBMIT, submission, handlers.on_submit, admit=admit, title="submissions")
    lane = "submissions of systems"
    bus.serve(subjects.DESK_REQUEST_SYSTEM, submission, handlers.on_submit, workers=2, admit=admit, title=lane)
    seen, signed = BrowserPreview.from_bytes, Envelope.from_bytes
    typing = quotas.admit_typing
    bus.serve(subjects.DESK_WEB_PREVIEW, seen, handlers.on_browser_preview, admit=typing, title="browsers' previews")
    most = streams.MAX_PAYLOAD
    # What is signed names each profile: 5,000 of them are more than a submission's usual bytes.
    signs = streams.MAX_PAYLOAD // 4
    bus.serve(
        subjects.DESK_WEB_SUBMIT,
        signed,
        handlers.on_browser_submit,
        most_bytes=signs,
        admit=admit,
        title="browsers' submissions",
    )
    bus.serve(
        subjects.DESK_MEDIA_PUT, bytes, handlers.on_media, workers=2, most_bytes=most, admit=admit, title="pictures"
    )
    approval = Approval.from_bytes
    bus.serve(
        subjects.DESK_APPROVAL_SUBMIT, approval, handlers.on_approval, most_bytes=signs, admit=admit, title="approvals"
    )
    runtime.projection.listen(preparation.on_folded, "request")
    runtime.supervisor.supervise(handlers.warm_up)
