"""Handlers of intake: previews, submissions, pictures, approvals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas import canonical, subjects
from schemas.events.approvals import Approval
from schemas.events.desk import ApprovalReply, MediaReply, PreviewReply, SubmitReply
from schemas.events.requests import Picture, Request, SubmissionEvent
from schemas.events.verdicts import Verdict
from schemas.platforms import LIMITS
from services.intake.domain import screening
from services.intake.domain.approval import Standing, check, read_statement
from services.intake.domain.identity import Identity, identify
from services.intake.domain.media import clean_picture, media_type_of
from services.intake.domain.rendering import render
from services.intake.domain.submission import Draft, author_kind_of, draft_of, request_of
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import BadInput, Refused, Unreachable
from services.kernel.control.control_state import ControlState
from services.kernel.ledger.client import Conflict
from services.kernel.runtime.service import Runtime, Sender

TRIES = 20
WARM_UP_AFTER = 2.0
"""Seconds after the start, when the other services have started too."""

T = TypeVar("T")


class Handlers:
    """What intake answers."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        # One thread for what computes: word lists and decoders take long enough to hold up the event loop.
        self._computing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")

    async def on_preview(self, event: SubmissionEvent, sender: Sender) -> PreviewReply:
        """Say what a submission would become; keep nothing."""
        state = self.runtime.control
        identity = identify(event, sender, state.realm)
        request, draft = await self._prepared(identity, event, sender, state)
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
        )

    async def on_submit(self, event: SubmissionEvent, sender: Sender) -> SubmitReply:
        """Put a request on record, once; a repeat is answered like the first time, also days later.

        Appended create-only: the server says whether the id is taken, and only then is it looked what stands there.
        """
        runtime = self.runtime
        identity = identify(event, sender, runtime.control.realm)
        subject = subjects.request(identity.request_id)
        if (known := self._in_memory(identity)) is not None:
            return known
        request, _draft = await self._prepared(identity, event, sender, runtime.control)
        crash_point("intake.request.checked")
        try:
            appended = await runtime.ledger.append(
                subject, request, msg_id=f"request.{identity.request_id}", expect_last=0, look=False
            )
        except Conflict:
            return await self._known(identity, subject)
        crash_point("intake.request.stored")
        if appended.duplicate:
            return await self._known(identity, subject)
        runtime.log.info(
            "request on record",
            request_id=request.request_id,
            seq=appended.seq,
            author=sender,
            targets=len(request.targets),
            crisis=request.crisis,
            screening=[finding.code for finding in request.screening],
        )
        return SubmitReply(request_id=request.request_id, revision=request.revision, seq=appended.seq)

    async def on_media(self, body: bytes, sender: Sender) -> MediaReply:
        """Keep a picture without its metadata; the body is the picture's bytes as they are."""
        author_kind_of(sender, self.runtime.control)
        picture = await self._compute(lambda: clean_picture(body))
        sha256 = await self.runtime.ledger.put_media(picture.raw)
        crash_point("intake.media.stored")
        self.runtime.log.info("picture kept", sha256=sha256, size=len(picture.raw), by=sender)
        return MediaReply(
            sha256=sha256,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            size=len(picture.raw),
        )

    async def on_approval(self, approval: Approval, sender: Sender) -> ApprovalReply:
        """Put an officer's signed decision on record, or say why it cannot count."""
        statement = read_statement(approval, sender)
        standing, caught_up = await self._standing(approval.request_id), False
        for _ in range(TRIES):
            if seq := standing.repeated(approval):
                return ApprovalReply(request_id=approval.request_id, seq=seq)
            now = self.runtime.clock.now()
            try:
                check(approval, statement, standing, self.runtime.control, now)
                stored = approval.model_copy(update={"at": now})
                seq = await self._append_decision(stored, standing, rejects=statement.decision == "reject")
            except (Refused, Conflict) as error:
                if caught_up and isinstance(error, Refused):
                    raise
                # Nothing is refused on what may be behind.
                await self.runtime.catch_up()
                standing, caught_up = await self._standing(approval.request_id), True
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
        raise _busy()

    async def warm_up(self) -> None:
        """Load the word lists before the first request asks for them."""
        await asyncio.sleep(WARM_UP_AFTER)
        await self._compute(screening.warm_up)

    def _in_memory(self, identity: Identity) -> SubmitReply | None:
        known = self.runtime.fold.requests.get(identity.request_id)
        return _repeated(identity, known.request, known.seq) if known is not None else None

    async def _known(self, identity: Identity, subject: str) -> SubmitReply:
        entry = await self.runtime.ledger.last(subject)
        if entry is None:
            raise _busy()
        return _repeated(identity, Request.from_bytes(entry.data), entry.seq)

    async def _prepared(
        self, identity: Identity, event: SubmissionEvent, sender: str, state: ControlState
    ) -> tuple[Request, Draft]:
        now = self.runtime.clock.now()
        draft = draft_of(identity, event, sender, state, now)
        await self._check_pictures(draft.pictures)

        def compute() -> Request:
            renderings = render(draft, LIMITS)
            departments = {target: state.profiles[target].department for target in draft.targets}
            findings = screening.screen(draft, renderings, self._rules(state), departments)
            return request_of(draft, state, now, renderings, findings)

        return await self._compute(compute), draft

    def _rules(self, state: ControlState) -> screening.Rules:
        settings = self.runtime.city.settings
        return screening.Rules(
            website=state.website,
            region=settings.city.region,
            topics=dict(settings.screening_topics),
            published_numbers=settings.screening_numbers,
            published_addresses=settings.screening_addresses,
            names=settings.screening_names,
            language=settings.city.language.partition("-")[0],
        )

    async def _check_pictures(self, pictures: tuple[Picture, ...]) -> None:
        for number, picture in enumerate(pictures, 1):
            try:
                raw = await self.runtime.ledger.get_media(picture.sha256)
            except LookupError as error:
                raise BadInput(
                    "picture.unknown",
                    f"picture {number} ({picture.sha256[:12]}…) is not there",
                    "put it first (desk.media.put), and use the hash from the reply",
                ) from error
            if media_type_of(raw) != picture.media_type:
                raise BadInput(
                    "picture.type",
                    f"picture {number} is {media_type_of(raw)}, not {picture.media_type}",
                    "use the media type from the reply to desk.media.put",
                )

    async def _standing(self, request_id: str) -> Standing:
        """Return what is known of a request; one that is over is read from the ledger."""
        runtime = self.runtime
        if request_id not in runtime.fold.requests:
            await runtime.catch_up()
        state = runtime.fold.requests.get(request_id)
        if state is not None:
            return Standing(
                request=state.request,
                approvals=tuple(state.statements),
                verdict=state.verdict,
                verdict_seq=state.verdict_last,
                spoken=dict(state.spoken),
            )
        entry = await runtime.ledger.last(subjects.request(request_id))
        if entry is None:
            raise BadInput("request.unknown", f"there is no request {request_id}", "onevoice pending")
        verdict = await runtime.ledger.last(subjects.verdict(request_id))
        found = await runtime.ledger.history(subjects.approvals_of(request_id))
        return Standing(
            request=Request.from_bytes(entry.data),
            approvals=tuple((one.seq, Approval.from_bytes(one.data)) for one in found),
            verdict=Verdict.from_bytes(verdict.data) if verdict else None,
            verdict_seq=verdict.seq if verdict else 0,
            spoken={subjects.place_of(one.subject).name: one.seq for one in found},
        )

    async def _append_decision(self, approval: Approval, standing: Standing, *, rejects: bool) -> int:
        """Append by compare-and-set: a rejection cannot slip in behind a clearing, nor one decision by another."""
        subject = subjects.approval(approval.request_id, approval.officer)
        msg_id = canonical.sha256(subject.encode() + b"\n" + approval.envelope.to_bytes())
        if rejects:
            fence = (subjects.verdict(approval.request_id), standing.verdict_seq)
            appended = await self.runtime.ledger.append(subject, approval, msg_id=msg_id, fence=fence)
        else:
            last = standing.spoken.get(approval.officer, 0)
            appended = await self.runtime.ledger.append(subject, approval, msg_id=msg_id, expect_last=last)
        return appended.seq

    async def _compute(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._computing, work)


def _repeated(identity: Identity, known: Request, seq: int) -> SubmitReply:
    """Answer a repeat like the first time; raises BadInput ``request.conflict`` for other content."""
    if known.content_sha256 != identity.content_sha256:
        raise BadInput(
            "request.conflict",
            f"{known.request_id} is on record since {known.at:%Y-%m-%d %H:%M:%S} UTC with other content: "
            "this source used the same event id before",
            "use a new id for a new message",
        )
    return SubmitReply(request_id=known.request_id, revision=known.revision, seq=seq, duplicate=True)


def _busy() -> Unreachable:
    return Unreachable("ledger.busy", "the ledger changes too fast to get a word in", "try again; it is safe")
