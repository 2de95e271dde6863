"""Publishing and requesting: preview, confirm, submit, sign, follow.

What is signed is the digest over the preview's renderings, computed here; the submission carries the preview's
own time, so that intake renders the very same bytes, and refuses if it does not.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.desk import ApprovalReply, EocView, MediaReply, PreviewReply, RequestView, SubmitReply
from schemas.events.requests import Picture, Submission, SubmissionEvent
from services.desk import advice, confirm, outcome, people, show, statements, words
from services.desk.app import Invocation
from services.desk.asked import Manner, Message
from services.desk.flows.orders import eoc_view
from services.desk.follow import fetch, follow, landing
from services.desk.link import Link, connect, run
from services.desk.output import interactive, people_console, print_json
from services.desk.timetext import duration, moment
from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, OneVoiceError, Refused, first_fault

SOURCE = "urn:onevoice:desk"


@dataclass(frozen=True)
class Desk:
    """One person at the desk, in the middle of a command."""

    invocation: Invocation
    city: City
    officer: str
    signer: Signer
    link: Link
    console: Console
    wait: timedelta


def publish(invocation: Invocation, message: Message, manner: Manner) -> int:
    """Preview, confirm, submit, sign and follow a message."""
    return run(lambda: _publish(invocation, message, manner))


def request(invocation: Invocation, message: Message, manner: Manner) -> int:
    """Submit a message without approving it."""
    return run(lambda: _request(invocation, message, manner))


async def _publish(invocation: Invocation, message: Message, manner: Manner) -> int:
    city, officer = invocation.city(), people.acting(manner.officer)
    if people.is_system(city, officer):
        raise Refused(
            "system.publishes", f"{officer} is a system: it has no authority of its own", "onevoice request submits"
        )
    checked = _Checked.of(message, manner)
    signer = load_key(city.key_path(officer))
    console = people_console(invocation.as_json)
    async with connect(city, officer) as link:
        desk = Desk(invocation, city, officer, signer, link, console, checked.wait)
        state = await eoc_view(link)
        event = await _event(desk, message, checked, state)
        seen = await link.ask(subjects.DESK_REQUEST_PREVIEW, event, PreviewReply)
        statements.checked_digest(seen)
        _show_preview(console, seen, state, event.data.crisis)
        confirm.publishing(
            console,
            yes=manner.yes,
            profiles=len(seen.targets),
            scope=seen.scope,
            incident=state.incident,
            findings=len(seen.screening),
        )
        submitted = await _submit(desk, await _as_before(desk, message, event, seen), seen)
        approved = await _approve_own(desk, seen, submitted)
        view = await _follow(desk, seen.request_id, approved.seq)
    return report(invocation, console, view)


async def _request(invocation: Invocation, message: Message, manner: Manner) -> int:
    city, officer = invocation.city(), people.acting(manner.officer)
    checked = _Checked.of(message, manner)
    signer = load_key(city.key_path(officer))
    console = people_console(invocation.as_json)
    async with connect(city, officer) as link:
        desk = Desk(invocation, city, officer, signer, link, console, checked.wait)
        if people.is_system(city, officer):
            return await _request_as_system(desk, message, checked)
        state = await eoc_view(link)
        event = await _event(desk, message, checked, state)
        seen = await link.ask(subjects.DESK_REQUEST_PREVIEW, event, PreviewReply)
        _show_preview(console, seen, state, event.data.crisis)
        if not manner.yes and interactive():
            confirm.ask("Submit this request? [y/N]", frozenset({"y", "yes"}))
        submitted = await _submit(desk, await _as_before(desk, message, event, seen), seen)
        view = await _follow(desk, submitted.request_id, submitted.seq)
    return report(invocation, console, view)


async def _request_as_system(desk: Desk, message: Message, checked: _Checked) -> int:
    """Submit for a system, which may do nothing else; an officer whose key is here looks what became of it."""
    if message.images:
        raise BadInput("picture.system", "a system cannot put pictures", "leave --image out, or submit as an officer")
    reader = people.reader(desk.city)
    if reader is None:
        event = _compose(desk, message, checked, (), crisis=bool(message.crisis))
        reply = await desk.link.ask(subjects.DESK_REQUEST_SUBMIT, event, SubmitReply)
        return _report_accepted(desk, reply)
    async with connect(desk.city, reader) as second:
        state = await eoc_view(second)
        event = _compose(desk, message, checked, (), crisis=_crisis(message, state))
        reply = await desk.link.ask(subjects.DESK_REQUEST_SUBMIT, event, SubmitReply)
        with landing(desk.console, reply.seq) as look:
            view = await follow(second, reply.request_id, reply.seq, desk.wait.total_seconds(), look)
    return report(desk.invocation, desk.console, view)


def report(invocation: Invocation, console: Console, view: RequestView) -> int:
    """Print what became of a request, and return the exit status for having wanted it published."""
    if invocation.as_json:
        print_json(outcome.request_json(view))
    else:
        console.print(Text(f"Request {view.request.request_id}", style="bold"))
        show.result(console, view)
    return outcome.exit_status(view)


@dataclass(frozen=True)
class _Checked:
    """What was typed, checked before anything is sent."""

    text: str
    targets: tuple[str, ...] | str
    variants: dict[str, str]
    pictures: list[tuple[Any, str]]
    expires: Any
    wait: timedelta

    @classmethod
    def of(cls, message: Message, manner: Manner) -> _Checked:
        """Check the words of a command line; raises BadInput."""
        expires = moment(message.expires, SystemClock().now(), None) if message.expires is not None else None
        return cls(
            text=words.text_of(message.text),
            targets=words.targets(list(message.to), message.all_departments),
            variants=words.variants(list(message.variants)),
            pictures=words.pictures(list(message.images), list(message.alts)),
            expires=expires,
            wait=duration(manner.wait, "wait.malformed"),
        )


async def _event(desk: Desk, message: Message, checked: _Checked, state: EocView) -> SubmissionEvent:
    """Put the pictures, and return the CloudEvent of the submission."""
    put = []
    for path, alt in checked.pictures:
        kept = await desk.link.send(subjects.DESK_MEDIA_PUT, words.read_picture(path), MediaReply)
        try:
            put.append(Picture(sha256=kept.sha256, media_type=kept.media_type, alt=alt.strip()))
        except ValidationError as error:
            raise BadInput("picture.alt", "a description has 1 to 1500 characters", "--alt 'shorter'") from error
    return _compose(desk, message, checked, tuple(put), crisis=_crisis(message, state))


def _crisis(message: Message, state: EocView) -> bool:
    """Content is of the crisis unless it is said otherwise, whenever the posture is not routine."""
    return message.crisis if message.crisis is not None else state.posture.value != "routine"


def _compose(
    desk: Desk, message: Message, checked: _Checked, pictures: tuple[Picture, ...], *, crisis: bool
) -> SubmissionEvent:
    try:
        data = Submission.model_validate(
            {
                "text": checked.text,
                "targets": checked.targets,
                "crisis": crisis,
                "link": message.link,
                "severity": message.severity,
                "expires": checked.expires,
                "variants": checked.variants,
                "pictures": pictures,
            }
        )
        return SubmissionEvent(
            specversion="1.0",
            id=message.event_id if message.event_id is not None else str(uuid.uuid4()),
            source=f"{SOURCE}:{desk.officer}",
            type="ca.onevoice.request.submitted.v1",
            data=data,
        )
    except ValidationError as error:
        raise _malformed(error) from error


def _malformed(error: ValidationError) -> BadInput:
    """Say which option a value was wrong in."""
    fault = first_fault(error)
    field = fault.field.partition(".")[0] or "message"
    hints = {
        "link": "--link https://... , without spaces",
        "severity": "--severity minor, moderate, severe or extreme",
        "id": "--id takes 1 to 256 characters",
    }
    return BadInput(f"{field}.invalid", f"the {field} is not valid: {fault.reason}", hints.get(field, ""))


def _show_preview(console: Console, seen: PreviewReply, state: EocView, crisis: bool) -> None:
    show.preview(console, seen, SystemClock().now())
    line = advice.posture_line(state.posture, state.level, state.incident)
    console.print(Text(f"Posture: {line}"))
    if state.hold:
        console.print(Text("HOLD is on: nothing is posted until it is off.", style="bold red"))
    console.print(Text(advice.needs(state.posture, seen.scope, crisis)), width=show.width(console))


async def _as_before(desk: Desk, message: Message, event: SubmissionEvent, seen: PreviewReply) -> SubmissionEvent:
    """Give a repeat (``--id``) the end that the request on record has: ``--expires 4h`` counts from the first time."""
    if message.event_id is None or message.expires is None:
        return event
    try:
        ends = (await fetch(desk.link, seen.request_id)).request.expires_at
    except BadInput as error:
        if error.code == "request.unknown":
            return event
        raise
    return event.model_copy(update={"data": event.data.model_copy(update={"expires": ends})})


async def _submit(desk: Desk, event: SubmissionEvent, seen: PreviewReply) -> SubmitReply:
    """Submit with the preview's time; a repeat must have the same renderings, else nothing is signed."""
    timed = event.model_copy(update={"time": seen.created_at})
    reply = await desk.link.ask(subjects.DESK_REQUEST_SUBMIT, timed, SubmitReply)
    if (reply.request_id, reply.revision) != (seen.request_id, seen.revision):
        raise Refused(
            "digest.mismatch",
            f"the submission became {reply.request_id}, the preview was of {seen.request_id}; nothing was signed",
            "onevoice doctor: do all services run the same version?",
        )
    return reply


async def _approve_own(desk: Desk, seen: PreviewReply, submitted: SubmitReply) -> ApprovalReply:
    """Sign what was previewed and send it. Where that fails, say that the request is on record without it."""
    try:
        subject = (await fetch(desk.link, submitted.request_id)).request if submitted.duplicate else seen
        if submitted.duplicate and not _same_words(seen, subject):
            raise Refused("request.changed", "a request with this --id stands, with other words", "use a new --id")
        approval = statements.decision(
            desk.signer,
            subject,
            realm=desk.invocation.realm,
            officer=desk.officer,
            verb="approve",
            now=SystemClock().now(),
            lifetime=timedelta(seconds=statements.settings_of(desk.city).approval_seconds),
        )
        return await desk.link.ask(subjects.DESK_APPROVAL_SUBMIT, approval, ApprovalReply)
    except OneVoiceError as error:
        again = f"onevoice approve {submitted.request_id} --as OFFICER"
        raise type(error)(
            error.code,
            f"{error.message}. The request {submitted.request_id} is on record without your approval",
            f"{error.hint}; then {again}" if error.hint else again,
        ) from error


def _same_words(seen: PreviewReply, stands: Any) -> bool:
    """True when two renderings differ in nothing but when they were made."""

    def plain(renderings: Any) -> list[Any]:
        return [rendering.content().model_copy(update={"created_at": seen.created_at}) for rendering in renderings]

    return bool(seen.targets == stands.targets and plain(seen.renderings) == plain(stands.renderings))


async def _follow(desk: Desk, request_id: str, since_seq: int) -> RequestView:
    with landing(desk.console, since_seq) as look:
        return await follow(desk.link, request_id, since_seq, desk.wait.total_seconds(), look)


def _report_accepted(desk: Desk, reply: SubmitReply) -> int:
    """Report a system's submission where no officer's key is at hand to look further."""
    if desk.invocation.as_json:
        print_json({"request_id": reply.request_id, "revision": reply.revision, "verdict": None, "deliveries": []})
    else:
        desk.console.print(Text(f"Accepted: {reply.request_id}. It waits for an officer's approval."))
    return Exit.BLOCKED
