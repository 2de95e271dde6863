"""Handlers of intake: previews, submissions, pictures, approvals."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from schemas import flow, subjects
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.desk import ApprovalReply, PreviewReply, SubmitReply
from schemas.events.enrolment import BrowserPreview, SubmissionStatement
from schemas.events.envelope import Envelope
from schemas.events.requests import MediaReply, Request, SubmissionEvent
from services.intake.decisions import Decisions
from services.intake.domain.approval import RequestContext, check, read_statement
from services.intake.domain.browser import read_submission
from services.intake.domain.findings import screening
from services.intake.domain.identity import Identity, answer_repeat, identify
from services.intake.domain.pictures.media import clean_picture, pixels_of
from services.intake.domain.submission import author_kind_of
from services.intake.preparation import Preparation
from services.intake.revisions import Revisions
from services.intake.sender_quotas import SenderQuotas
from services.kernel.authority.judged import judged
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import BadInput, Refused
from services.kernel.fold.reading import read_request
from services.kernel.ledger.client import Conflict
from services.kernel.ledger.conflicts import CONFLICT_TRIES, ledger_busy
from services.kernel.runtime.messages.dependencies import Sender
from services.kernel.runtime.service import Runtime

WARM_UP_AFTER = 2.0
"""Seconds after the start, when the other services have started too."""


class IntakeHandlers:
    """Serves previews, submissions, pictures and approvals."""

    def __init__(
        self,
        runtime: Runtime,
        preparation: Preparation,
        decisions: Decisions,
        revisions: Revisions,
        quotas: SenderQuotas,
    ) -> None:
        self.runtime = runtime
        self.preparation = preparation
        self.revisions = revisions
        self.decisions = decisions
        self.quotas = quotas

    async def on_preview(self, event: SubmissionEvent, sender: Sender) -> PreviewReply:
        """Return what a submission would become; nothing is stored."""
        control = self.runtime.control
        identity = identify(event, sender, control.realm)
        if identity.submission.revises is not None:
            await self.revisions.find(identity, sender)
        request, draft = await self.preparation.prepare(identity, event, sender, control)
        return PreviewReply(
            request_id=request.request_id,
            revision=request.revision,
            digest=request.digest,
            scope=request.scope,
            targets=request.targets,
            renderings=request.renderings,
            screening=request.screening,
            expires_at=request.expires_at,
            created_at=draft.created_at,
            author=request.author,
            crisis=request.crisis,
            severity=request.severity,
            replaces=request.replaces,
            follows=request.follows,
            not_before=request.not_before,
        )

    async def on_browser_preview(self, asked: BrowserPreview, sender: Sender) -> PreviewReply:
        """Return what an officer's submission from a browser would become; nothing is stored."""
        return await self.on_preview(asked.event, _carried(sender, asked.officer))

    async def on_browser_submit(self, envelope: Envelope, sender: Sender) -> SubmitReply:
        """Put a request on record that an officer's passkey signed, as if the officer had sent it from the desk."""
        runtime = self.runtime

        async def read(now: datetime) -> SubmissionStatement:
            return read_submission(envelope, sender, runtime.control, now)

        statement = await judged(runtime.present(), runtime.ledger.server_time, read)
        return await self.on_submit(statement.event, _carried(sender, statement.officer))

    async def on_submit(self, event: SubmissionEvent, sender: Sender) -> SubmitReply:
        """Put a request on record, once; a repeat gets the first answer again, also days later."""
        control = self.runtime.control
        identity = identify(event, sender, control.realm)
        if identity.submission.revises is not None:
            return await self._revise(identity, event, sender)
        known = self.runtime.fold.requests.get(identity.request_id)
        if known is not None:
            return answer_repeat(identity, known.request, known.seq)
        try:
            self.quotas.check_open(sender)
            request, draft = await self.preparation.prepare(identity, event, sender, control)
            await self.preparation.keep_pictures(request, draft)
        except (BadInput, Refused):
            # What was accepted once is answered again, though it would not be accepted now; perhaps it is over.
            if (again := await self._stored(identity)) is not None:
                return again
            raise
        self.preparation.twins.note(request)
        crash_point("intake.request.checked")
        seq = await self._append_request(request)
        if seq is None:
            again = await self._stored(identity)
            if again is None:
                raise ledger_busy()
            return again
        self.runtime.log.info(
            "request on record",
            request_id=request.request_id,
            seq=seq,
            author=sender,
            targets=len(request.targets),
            crisis=request.crisis,
            screening=[finding.code for finding in request.screening],
        )
        return SubmitReply(request_id=request.request_id, revision=request.revision, seq=seq)

    async def _revise(self, identity: Identity, event: SubmissionEvent, sender: Sender) -> SubmitReply:
        """Put a new revision of a request on record, in place of the one that waits."""
        known = await self.revisions.find(identity, sender)
        if known.repeated is not None:
            return known.repeated
        request, draft = await self.preparation.prepare(identity, event, sender, self.runtime.control)
        await self.preparation.keep_pictures(request, draft)
        self.preparation.twins.note(request)
        seq = await self.revisions.append(request, known.state)
        self.runtime.log.info(
            "revision on record", request_id=request.request_id, revision=request.revision, seq=seq, author=sender
        )
        return SubmitReply(request_id=request.request_id, revision=request.revision, seq=seq)

    async def on_media(self, body: bytes, sender: Sender) -> MediaReply:
        """Store a picture without its metadata, for a day; the body is the picture's bytes as they are."""
        if sender != flow.WEB:
            author_kind_of(sender, self.runtime.control)
        self.quotas.take_pixels(sender, await self.preparation.decode(lambda: pixels_of(body)))
        picture = await self.preparation.decode(lambda: clean_picture(body))
        sha256 = await self.runtime.ledger.put_upload(picture.raw)
        crash_point("intake.media.stored")
        self.runtime.log.info("picture stored", sha256=sha256, size=len(picture.raw), by=sender)
        return MediaReply(
            sha256=sha256,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            size=len(picture.raw),
        )

    async def on_approval(self, approval: Approval, sender: Sender) -> ApprovalReply:
        """Put an officer's signed decision on record, or answer why it cannot count."""
        runtime, statement = self.runtime, read_statement(approval, sender)
        for number in range(CONFLICT_TRIES):
            context = await self.decisions.context_of(approval.request_id)
            if seq := context.repeated(approval):
                return ApprovalReply(request_id=approval.request_id, seq=seq)
            check_at = partial(self._checked, approval, statement, context)
            try:
                decision = await judged(runtime.present(), runtime.ledger.server_time, check_at)
                seq = await self.decisions.append(decision, statement, context)
            except (Refused, Conflict) as error:
                # The first look may be behind: nothing is refused before the fold has caught up.
                if number and isinstance(error, Refused):
                    raise
                await self.runtime.catch_up()
                continue
            crash_point("intake.approval.stored")
            self.runtime.log.info(
                "decision on record",
                request_id=approval.request_id,
                seq=seq,
                officer=sender,
                decision=statement.decision,
            )
            return ApprovalReply(request_id=approval.request_id, seq=seq)
        raise ledger_busy()

    async def _checked(
        self, approval: Approval, statement: ApprovalStatement, context: RequestContext, now: datetime
    ) -> Approval:
        """Return a decision that may go on record at a time; raises BadInput and Refused as ``check``."""
        check(approval, statement, context, self.runtime.control, now)
        return approval.model_copy(update={"at": now})

    async def warm_up(self) -> None:
        """Load the word lists before the first request needs them, and remember what is open."""
        self.preparation.remember_open()
        await asyncio.sleep(WARM_UP_AFTER)
        await self.preparation.compute(screening.warm_up)

    async def _append_request(self, request: Request) -> int | None:
        """Append a request create-only; return its sequence, or None when its id is on the ledger already."""
        subject, msg_id = subjects.request(request.request_id), f"request.{request.request_id}"
        try:
            appended = await self.runtime.ledger.append(subject, request, msg_id=msg_id, expect_last=0, look=False)
        except Conflict:
            return None
        crash_point("intake.request.stored")
        return None if appended.duplicate else appended.seq

    async def _stored(self, identity: Identity) -> SubmitReply | None:
        """Return the first answer again, by what the ledger has; None: it has no such request.

        Raises:
            BadInput: ``request.conflict``, ``request.unreadable``.
        """
        entry = await self.runtime.ledger.last(subjects.request(identity.request_id))
        return None if entry is None else answer_repeat(identity, read_request(entry), entry.seq)


def _carried(sender: str, officer: str) -> str:
    """Return the officer in whose name the web service asks; raises Refused for any other sender."""
    if sender != flow.WEB:
        raise Refused(
            "sender.web", f"only the web service asks this for others, not {sender}", "use the onevoice command"
        )
    return officer
