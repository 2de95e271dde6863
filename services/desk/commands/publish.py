"""``onevoice publish`` and ``onevoice request``: preview, confirm, submit, sign, follow.

What is signed is the digest over the preview's renderings, computed here; the submission carries the preview's
own time, so that intake renders the very same bytes, and refuses if it does not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.desk import ApprovalReply, EocView, MediaReply, PreviewReply, RequestView, SubmitReply
from schemas.events.requests import Picture, SubmissionEvent
from services.desk import confirm, options, people, session, statements, words
from services.desk.app import Invocation, command, group
from services.desk.connection.follow import fetch, follow, landing
from services.desk.connection.link import connect
from services.desk.draft import Draft
from services.desk.session import Session
from services.desk.views import advice
from services.desk.views import request as show
from services.desk.views.layout import width
from services.desk.views.output import people_console
from services.desk.views.request import report
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, OneVoiceError, Refused

app = group("Messages: preview, confirm, sign, follow.")


@command(
    app,
    "publish",
    'onevoice publish "Evacuation order for Hatzic. Go to the reception centre." \\\n'
    "         --all-departments --link https://mission.example/flood --as pio\n"
    'onevoice publish "Hydrant flushing on 7th Avenue." --to fire-townsquare \\\n'
    "         --expires 4h --as fire-publisher --yes",
)
async def publish(desk: Invocation, message: options.Message, manner: options.Manner) -> int:
    """Preview, confirm and sign a message, and watch it land.

    Shows what each platform would get, asks, signs exactly that with your key, and follows it to each profile. Exit
    status 3 means that it waits for somebody else's approval.
    """
    if people.is_system(desk.city(), officer := people.acting(manner.officer)):
        raise Refused(
            "system.publishes", f"{officer} is a system: it has no authority of its own", "onevoice request submits"
        )
    draft, talk = Draft.of(message, manner), people_console(desk.as_json)
    async with session.acting(desk, officer) as here:
        state = await here.eoc()
        event, seen = await _preview(here, draft, state)
        statements.checked_digest(seen)
        _show_preview(talk, seen, state, event.data.crisis)
        await confirm.publishing(
            talk,
            yes=manner.yes,
            profiles=len(seen.targets),
            scope=seen.scope,
            incident=state.incident,
            findings=len(seen.screening),
        )
        submitted = await _submit(here, await _as_before(here, draft, event, seen), seen)
        approved = await _approve_own(here, seen, submitted)
        view = await _follow(here, draft, talk, seen.request_id, approved.seq)
    return report(desk, talk, view)


@command(app, "request", 'onevoice request "Road closed at Dewdney Trunk." --to engineering-townsquare --as clerk')
async def request(desk: Invocation, message: options.Message, manner: options.Manner) -> int:
    """Ask for a message to be published, without approving it.

    Anyone with a key may ask, systems too. It waits (exit status 3) until an officer approves it.
    """
    draft, talk = Draft.of(message, manner), people_console(desk.as_json)
    async with session.acting(desk, manner.officer) as here:
        if people.is_system(here.city, here.user):
            return await _request_as_system(here, draft, talk)
        state = await here.eoc()
        event, seen = await _preview(here, draft, state)
        _show_preview(talk, seen, state, event.data.crisis)
        if not manner.yes and confirm.interactive():
            await confirm.ask("Submit this request? [y/N]")
        submitted = await _submit(here, await _as_before(here, draft, event, seen), seen)
        view = await _follow(here, draft, talk, submitted.request_id, submitted.seq)
    return report(desk, talk, view)


async def _request_as_system(here: Session, draft: Draft, talk: Console) -> int:
    """Submit for a system, which may do nothing else; an officer whose key is here looks what became of it."""
    if draft.pictures:
        raise BadInput("picture.system", "a system cannot send pictures", "leave --image out, or submit as an officer")
    reader = people.reader(here.city)
    if reader is None:
        event = draft.event(here.user, bool(draft.message.crisis))
        return _report_accepted(here, await here.link.ask(subjects.DESK_REQUEST_SUBMIT, event, SubmitReply))
    async with connect(here.city, reader) as link:
        second = Session(here.desk, here.city, reader, link)
        event = draft.event(here.user, draft.crisis((await second.eoc()).posture))
        reply = await here.link.ask(subjects.DESK_REQUEST_SUBMIT, event, SubmitReply)
        view = await _follow(second, draft, talk, reply.request_id, reply.seq)
    return report(here.desk, talk, view)


async def _preview(here: Session, draft: Draft, state: EocView) -> tuple[SubmissionEvent, PreviewReply]:
    """Store the pictures, and have intake say what the submission would become."""
    stored = []
    for path, alt in draft.pictures:
        reply = await here.link.send(subjects.DESK_MEDIA_PUT, words.read_picture(path), MediaReply)
        try:
            stored.append(Picture(sha256=reply.sha256, media_type=reply.media_type, alt=alt.strip()))
        except ValidationError as error:
            raise BadInput("picture.alt", "a description has 1 to 1500 characters", "--alt 'shorter'") from error
    event = draft.event(here.user, draft.crisis(state.posture), tuple(stored))
    return event, await here.link.ask(subjects.DESK_REQUEST_PREVIEW, event, PreviewReply)


def _show_preview(console: Console, seen: PreviewReply, state: EocView, crisis: bool) -> None:
    show.preview(console, seen, SystemClock().now())
    line = advice.posture_line(state.posture, state.level, state.incident)
    console.print(Text(f"Posture: {line}"))
    if state.hold:
        console.print(Text("HOLD is on: nothing is posted until it is off.", style="bold red"))
    console.print(Text(advice.needs(state.posture, seen.scope, crisis)), width=width(console))


async def _as_before(here: Session, draft: Draft, event: SubmissionEvent, seen: PreviewReply) -> SubmissionEvent:
    """Give a repeat (``--id``) the end that the request on record has: ``--expires 4h`` counts from the first time."""
    if draft.message.event_id is None or draft.expires is None:
        return event
    try:
        ends = (await fetch(here.link, seen.request_id)).request.expires_at
    except BadInput as error:
        if error.code == "request.unknown":
            return event
        raise
    return event.model_copy(update={"data": event.data.model_copy(update={"expires": ends})})


async def _submit(here: Session, event: SubmissionEvent, seen: PreviewReply) -> SubmitReply:
    """Submit with the preview's time; a repeat must have the same renderings, else nothing is signed."""
    timed = event.model_copy(update={"time": seen.created_at})
    reply = await here.link.ask(subjects.DESK_REQUEST_SUBMIT, timed, SubmitReply)
    if (reply.request_id, reply.revision) != (seen.request_id, seen.revision):
        raise Refused(
            "digest.mismatch",
            f"the submission became {reply.request_id}, the preview was of {seen.request_id}; nothing was signed",
            "onevoice doctor: do all services run the same version?",
        )
    return reply


async def _approve_own(here: Session, seen: PreviewReply, submitted: SubmitReply) -> ApprovalReply:
    """Sign what was previewed and send it. Where that fails, say that the request is on record without it."""
    try:
        subject = (await fetch(here.link, submitted.request_id)).request if submitted.duplicate else seen
        if submitted.duplicate and not _same_words(seen, subject):
            raise Refused("request.changed", "a request with this --id exists, with other words", "use a new --id")
        approval = statements.decision(
            here.signer,
            subject,
            realm=here.realm,
            officer=here.user,
            verb="approve",
            now=SystemClock().now(),
            lifetime=timedelta(seconds=statements.settings_of(here.city).approval_seconds),
        )
        return await here.link.ask(subjects.DESK_APPROVAL_SUBMIT, approval, ApprovalReply)
    except OneVoiceError as error:
        again = f"onevoice approve {submitted.request_id} --as OFFICER"
        raise type(error)(
            error.code,
            f"{error.message}. The request {submitted.request_id} is on record without your approval",
            f"{error.hint}; then {again}" if error.hint else again,
        ) from error


def _same_words(seen: PreviewReply, other: Any) -> bool:
    """True when two renderings differ in nothing but when they were made."""

    def plain(renderings: Any) -> list[Any]:
        return [rendering.content().model_copy(update={"created_at": seen.created_at}) for rendering in renderings]

    return bool(seen.targets == other.targets and plain(seen.renderings) == plain(other.renderings))


async def _follow(here: Session, draft: Draft, talk: Console, request_id: str, since_seq: int) -> RequestView:
    with landing(talk, since_seq) as look:
        return await follow(here.link, request_id, since_seq, draft.wait.total_seconds(), look)


def _report_accepted(here: Session, reply: SubmitReply) -> int:
    """Report a system's submission where no officer's key is at hand to look further."""
    accepted = f"Accepted: {reply.request_id}. It waits for an officer's approval."
    answer = {"request_id": reply.request_id, "revision": reply.revision, "verdict": None, "deliveries": []}
    here.desk.answer(answer, lambda out: out.print(Text(accepted)))
    return Exit.BLOCKED
