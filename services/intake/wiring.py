"""Composition of intake: its desk subjects."""

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
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    preparation = Preparation(runtime, EarlierRequests(runtime))
    handlers = IntakeHandlers(runtime, preparation, Decisions(runtime), Revisions(runtime))
    bus, submission = runtime.bus, SubmissionEvent.from_bytes
    bus.serve(subjects.DESK_REQUEST_PREVIEW, submission, handlers.on_preview, title="previews")
    bus.serve(subjects.DESK_REQUEST_SUBMIT, submission, handlers.on_submit, title="submissions")
    bus.serve(
        subjects.DESK_WEB_PREVIEW, BrowserPreview.from_bytes, handlers.on_browser_preview, title="browsers' previews"
    )
    bus.serve(subjects.DESK_WEB_SUBMIT, Envelope.from_bytes, handlers.on_browser_submit, title="browsers' submissions")
    most = streams.MAX_PAYLOAD
    bus.serve(subjects.DESK_MEDIA_PUT, bytes, handlers.on_media, workers=2, most_bytes=most, title="pictures")
    bus.serve(subjects.DESK_APPROVAL_SUBMIT, Approval.from_bytes, handlers.on_approval, title="approvals")
    runtime.projection.listen(preparation.on_folded)
    runtime.supervisor.supervise(handlers.warm_up)
