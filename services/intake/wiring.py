"""Composition of intake: its four desk subjects."""

from __future__ import annotations

from schemas import subjects
from services.intake.decisions import Decisions
from services.intake.handlers import IntakeHandlers
from services.intake.preparation import Preparation
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    handlers = IntakeHandlers(runtime, Preparation(runtime), Decisions(runtime))
    runtime.serve(subjects.DESK_REQUEST_PREVIEW, title="previews")(handlers.on_preview)
    runtime.serve(subjects.DESK_REQUEST_SUBMIT, title="submissions")(handlers.on_submit)
    runtime.serve(subjects.DESK_MEDIA_PUT, raw=True, workers=2, title="pictures")(handlers.on_media)
    runtime.serve(subjects.DESK_APPROVAL_SUBMIT, title="approvals")(handlers.on_approval)
    runtime.background(handlers.warm_up)
