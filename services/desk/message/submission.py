"""A submission on its way: its id, kept until the answer comes; its preview; sending it; the author's own approval.

What is signed is the digest over the preview's renderings, computed here; the submission carries the preview's
own time, so that intake renders the very same bytes, and refuses if it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.desk import ApprovalReply, BoardQuery, EocView, PreviewReply, SubmitReply
from schemas.events.requests import REPLACING, MediaReply, Picture, Request, SubmissionEvent, posted_until
from services.desk import statements, words
from services.desk.connection.follow import fetch
from services.desk.message.draft import MessageDraft
from services.desk.message.unanswered import Sent, Unanswered, how_to_repeat, new_id
from services.desk.seen import remember
from services.desk.session import Session
from services.desk.statements import Circumstances
from services.desk.views.output import note
from services.kernel.authority.statements import signed
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, OneVoiceError, Refused, Unreachable


@dataclass(frozen=True)
class Outgoing:
    """A submission about to be sent, and where its id is kept until the answer comes.

    ``before``: the same words were sent already under this id, and got no answer.
    """

    draft: MessageDraft
    event: SubmissionEvent
    unanswered: Unanswered
    fingerprint: str
    before: Sent | None

    def again(self) -> str:
        """Say how to repeat it without an answer, so that it is the same request."""
        return how_to_repeat(self.unanswered.find(self.fingerprint), self.draft.message.event_id, self.event.id)


def prepare(
    here: Session,
    draft: MessageDraft,
    crisis: bool,
    targets: tuple[str, ...] | str,
    pictures: tuple[Picture, ...] = (),
) -> Outgoing:
    """Give a message its id: the one of ``--id``, that of the same words without an answer, or a new one."""
    unanswered = Unanswered(here.city, here.user, SystemClock().now())
    fingerprint, given = draft.fingerprint(here.user), draft.message.event_id
    before = unanswered.find(fingerprint) if given is None else None
    event_id = given if given is not None else before.event_id if before else new_id()
    event = draft.event(here.user, crisis, event_id, targets, pictures)
    return Outgoing(draft, event, unanswered, fingerprint, before)


async def preview(here: Session, draft: MessageDraft, state: EocView) -> tuple[Outgoing, PreviewReply]:
    """Store the pictures, and have intake say what the submission would become."""
    if draft.asks_for_the_usual(state.posture):
        draft = draft.with_city(bool((await here.settings()).and_city_in_crisis))
    stored = []
    for path, alt in draft.pictures:
        reply = await _stored(here, path)
        try:
            stored.append(Picture(sha256=reply.sha256, media_type=reply.media_type, alt=alt.strip()))
        except ValidationError as error:
            raise BadInput("picture.alt", "a description has 1 to 1500 characters", "--alt 'shorter'") from error
    profiles = (await here.board(BoardQuery(query="profiles"))).profiles or () if draft.message.and_city else ()
    out = prepare(here, draft, draft.crisis(state.posture), draft.targets_among(profiles), tuple(stored))
    return out, await here.link.ask(subjects.DESK_REQUEST_PREVIEW, out.event, PreviewReply)


async def _stored(here: Session, path: Path) -> MediaReply:
    """Send a picture; what is wrong with it is said of its file, for it may be one of several."""
    try:
        return await here.link.send(subjects.DESK_MEDIA_PUT, words.read_picture(path), MediaReply)
    except BadInput as error:
        if error.code.startswith("picture.") and not error.message.startswith(str(path)):
            raise BadInput(error.code, f"{path}: {error.message}", error.hint) from error
        raise


async def _as_before(here: Session, out: Outgoing, seen: PreviewReply) -> SubmissionEvent:
    """Give a repeat the times that the request on record has: ``--expires 4h`` counts from the first time."""
    repeats = out.draft.message.event_id is not None or out.before is not None
    if not repeats or (out.draft.expires is None and out.draft.not_before is None):
        return out.event
    try:
        known = (await fetch(here.link, seen.request_id)).request
    except BadInput as error:
        if error.code == "request.unknown":
            return out.event
        raise
    ends = known.expires_at if known.not_before is None else known.renderings[0].content().expires
    times = {"expires": ends if out.draft.expires is not None else None, "not_before": known.not_before}
    return out.event.model_copy(update={"data": out.event.data.model_copy(update=times)})


async def submit_as_seen(here: Session, talk: Console, out: Outgoing, seen: PreviewReply) -> SubmitReply:
    """Submit with the preview's time; a repeat must have the same renderings, else nothing is signed."""
    event = (await _as_before(here, out, seen)).model_copy(update={"time": seen.created_at})
    remember(here.city, [(seen.request_id, out.draft.text)])
    talk.print(Text(f"Sending it as request {seen.request_id} (id {event.id}).", style="dim"), soft_wrap=True)
    reply = await send(here, out, event)
    if (reply.request_id, reply.revision) != (seen.request_id, seen.revision):
        raise Refused(
            "digest.mismatch",
            f"the submission became {reply.request_id}, the preview was of {seen.request_id}; nothing was signed",
            "onevoice doctor: do all services run the same version?",
        )
    return reply


async def send(here: Session, out: Outgoing, event: SubmissionEvent) -> SubmitReply:
    """Keep the id, then send; without an answer the id stays kept, so that the same words are the same request."""
    if out.draft.message.event_id is None:
        try:
            out.unanswered.keep(out.fingerprint, event.id)
        except OSError as error:
            note(f"the id could not be kept here ({error.strerror}); to repeat this without an answer: --id {event.id}")
    try:
        return await here.link.ask(subjects.DESK_REQUEST_SUBMIT, event, SubmitReply)
    except Unreachable as error:
        raise Unreachable(error.code, error.message, out.again()) from error
    except OneVoiceError as error:
        if out.before is not None and error.code == "request.conflict":
            raise BadInput(
                error.code,
                f"the same words were sent at {out.before.at} without an answer, and are on record in another way",
                f"onevoice pending shows them; to send them once more as they are now: --id {new_id()}",
            ) from error
        out.unanswered.forget(out.fingerprint)
        raise


async def approve_own(here: Session, out: Outgoing, seen: PreviewReply, submitted: SubmitReply) -> int:
    """Sign what was previewed and send it; return where the approval stands, or the request where it cannot count.

    An author whose word does not suffice here has made a request: somebody else approves it. Any other failure says
    that the request is on record without the approval.
    """
    try:
        known = _circumstances(here, out, seen)
        subject: Request | PreviewReply = seen
        if submitted.duplicate:
            subject = (await fetch(here.link, submitted.request_id)).request
            known = replace(known, expires_at=subject.expires_at, not_before=subject.not_before)
            if not _same_words(seen, subject) or known != Circumstances.shown(subject):
                raise Refused("request.changed", "a request with this --id exists, with other words", "use a new --id")
        statement = statements.decision_statement(
            subject,
            known,
            realm=here.realm,
            officer=here.user,
            verb="approve",
            now=SystemClock().now(),
            lifetime=timedelta(seconds=(await here.settings()).approval_seconds),
        )
        approval = statements.approval(statement, signed(here.signer, statement))
        return (await here.link.ask(subjects.DESK_APPROVAL_SUBMIT, approval, ApprovalReply)).seq
    except OneVoiceError as error:
        if error.code == "approval.no_authority":
            note(f"your own approval does not count here: {error.message}")
            return submitted.seq
        again = f"onevoice approve {submitted.request_id} --as OFFICER"
        if isinstance(error, Unreachable):
            message = f"{error.message}. The request {submitted.request_id} is on record; your approval may be missing"
            raise Unreachable(error.code, message, out.again()) from error
        raise type(error)(
            error.code,
            f"{error.message}. The request {submitted.request_id} is on record without your approval",
            f"{error.hint}; then {again}" if error.hint else again,
        ) from error


def _circumstances(here: Session, out: Outgoing, seen: PreviewReply) -> Circumstances:
    """Return what the author themselves asked for, not what the services made of it; the end is the previewed one."""
    asked = out.event.data
    replaces = asked.act in REPLACING
    return Circumstances(
        here.user,
        asked.crisis,
        asked.severity,
        posted_until(asked.not_before, asked.expires, seen.expires_at),
        replaces=asked.about if replaces else None,
        follows=None if replaces else asked.about,
        not_before=asked.not_before,
    )


def _same_words(seen: PreviewReply, other: Any) -> bool:
    """True when two renderings differ in nothing but when they were made and end: ``--expires 4h`` counts again."""
    when = {"created_at": seen.created_at, "expires": None}

    def plain(renderings: Any) -> list[Any]:
        return [rendering.content().model_copy(update=when) for rendering in renderings]

    return bool(seen.targets == other.targets and plain(seen.renderings) == plain(other.renderings))
