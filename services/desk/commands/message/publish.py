"""``onevoice publish`` and ``onevoice request``: preview, confirm, submit, sign, follow."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.text import Text

from schemas.events.desk import EocView, PreviewReply, RequestView, SubmitReply
from services.desk import confirm, options, people, sent, session, statements, words
from services.desk.app import Invocation, command, group
from services.desk.connection.follow import fetch, follow, landing
from services.desk.connection.link import connect
from services.desk.message import editor, templates
from services.desk.message.draft import MessageDraft
from services.desk.message.submission import Outgoing, approve_own, prepare, preview, send, submit_as_seen
from services.desk.session import Session
from services.desk.views.layout import width
from services.desk.views.message import advice, outcome
from services.desk.views.message import request as show
from services.desk.views.message.request import report
from services.desk.views.output import people_console
from services.desk.views.timetext import local
from services.desk.words import check_id
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, Refused

app = group("Messages: preview, confirm, sign, follow.")


@command(
    app,
    "publish",
    'onevoice publish "Evacuation order for Hatzic. Go to the reception centre." \\\n'
    "         --all-departments --link https://mission.example/flood --as pio\n"
    'onevoice publish "Hydrant flushing on 7th Avenue." --to fire-townsquare \\\n'
    "         --expires 4h --as fire-publisher --yes",
)
async def publish(desk: Invocation, message: options.MessageOptions, manner: options.PublishManner) -> int:
    """Preview, confirm and sign a message, and watch it land.

    Shows what each platform would get, asks, signs exactly that with your key, and follows it to each profile. Exit
    status 3 means that it waits for somebody else's approval. Where no answer came, type the same again: it is sent
    as the same request, and posted once.
    """
    if people.is_system(desk.city(), officer := people.acting(manner.officer, desk.city())):
        raise Refused(
            "system.publishes", f"{officer} is a system: it has no authority of its own", "onevoice request submits"
        )
    draft = await _draft(desk, message, manner)
    async with session.acting(desk, officer) as here:
        return await publish_draft(here, draft, manner)


async def publish_draft(here: Session, draft: MessageDraft, manner: options.PublishManner) -> int:
    """Preview, confirm, sign and follow a message; return the exit status."""
    desk, talk = here.desk, people_console(here.desk.as_json)
    state = await here.eoc()
    out, seen = await preview(here, draft, state)
    statements.checked_digest(seen)
    if manner.dry_run:
        return _dry_run(desk, out, seen, state)
    _show_preview(talk, out, seen, state)
    piped, codes = draft.piped(), statements.codes(seen.screening)
    await confirm.screening(talk, codes, manner, piped)
    reach = len(seen.targets)
    await confirm.publishing(manner, profiles=reach, scope=seen.scope, incident=state.incident, piped=piped)
    submitted = await submit_as_seen(here, talk, out, seen)
    since = await approve_own(here, out, seen, submitted)
    out.unanswered.forget(out.fingerprint)
    view = await _follow(here, draft, talk, seen.request_id, since)
    return report(desk, talk, view)


@command(app, "request", 'onevoice request "Road closed at Dewdney Trunk." --to engineering-townsquare --as clerk')
async def request(desk: Invocation, message: options.MessageOptions, manner: options.RequestManner) -> int:
    """Ask for a message to be published, without approving it.

    Anyone with a key may ask, systems too. It waits (exit status 3) until an officer approves it.

    With --revise it takes the place of a request that waits; what is not given stays as it was there, and approvals of
    that one do not count for it.
    """
    talk = people_console(desk.as_json)
    draft = None if manner.revise is not None else await _draft(desk, message, manner)
    async with session.acting(desk, manner.officer) as here:
        draft = draft or await _revision(here, talk, message, manner)
        if people.is_system(here.city, here.user):
            return await _request_as_system(here, draft, manner, talk)
        state = await here.eoc()
        out, seen = await preview(here, draft, state)
        if manner.dry_run:
            return _dry_run(desk, out, seen, state)
        _show_preview(talk, out, seen, state)
        if not manner.yes and confirm.interactive(draft.piped()):
            await confirm.ask("Submit this request? [y/N]", piped=draft.piped())
        submitted = await submit_as_seen(here, talk, out, seen)
        out.unanswered.forget(out.fingerprint)
        view = await _follow(here, draft, talk, submitted.request_id, submitted.seq)
    return report(desk, talk, view)


async def _revision(
    here: Session, talk: Console, message: options.MessageOptions, manner: options.RequestManner
) -> MessageDraft:
    """Return the draft of a new revision, and show what it takes the place of."""
    check_id(manner.revise or "", "request")
    before = (await fetch(here.link, manner.revise or "")).request
    filled = await editor.written(templates.filled(message, here.city.templates_folder), here.city, before.text)
    draft = MessageDraft.revising(before, filled, manner, here.city.zone)
    talk.print(Text(f"This takes the place of revision {before.revision} of {before.request_id}:", style="bold"))
    talk.print(Text(f"  {before.text}", style="dim"))
    for platform in sorted(draft.variants.keys() - words.variants(message.variant or []).keys()):
        talk.print(Text(f"The text for {platform} alone stays as it was; --variant changes it.", style="yellow"))
    return draft


async def _draft(
    desk: Invocation, message: options.MessageOptions, manner: options.RequestManner | options.PublishManner
) -> MessageDraft:
    city = desk.city()
    filled = await editor.written(templates.filled(message, city.templates_folder), city)
    return MessageDraft.of(filled, manner, city.zone)


async def _request_as_system(here: Session, draft: MessageDraft, manner: options.RequestManner, talk: Console) -> int:
    """Submit for a system, which may do nothing else; an officer whose key is here looks what became of it."""
    if draft.pictures:
        raise BadInput("picture.system", "a system cannot send pictures", "leave --image out, or submit as an officer")
    if manner.dry_run or draft.message.and_city:
        raise BadInput(
            "system.preview", "a system only submits: it can ask for no preview and no profiles", "do it as an officer"
        )
    reader = people.reader(here.city)
    if reader is None:
        out = prepare(here, draft, bool(draft.message.crisis), draft.targets)
        reply = await send(here, out, out.event)
        out.unanswered.forget(out.fingerprint)
        return _report_accepted(here, reply)
    async with connect(here.city, reader) as link:
        second = Session(here.desk, here.city, reader, link)
        out = prepare(here, draft, draft.crisis((await second.eoc()).posture), draft.targets)
        reply = await send(here, out, out.event)
        out.unanswered.forget(out.fingerprint)
        view = await _follow(second, draft, talk, reply.request_id, reply.seq)
    return report(here.desk, talk, view)


def _dry_run(desk: Invocation, out: Outgoing, seen: PreviewReply, state: EocView) -> int:
    sent.only_looks()

    def draw(console: Console) -> None:
        _show_preview(console, out, seen, state)
        console.print(Text("Dry run: nothing was submitted.", style="bold"))

    desk.answer(outcome.preview_json(seen), draw)
    return Exit.DONE


def _show_preview(console: Console, out: Outgoing, seen: PreviewReply, state: EocView) -> None:
    show.preview(console, seen, SystemClock().now(), out.draft.next_update)
    line = advice.posture_line(state.posture, state.level, state.incident)
    console.print(Text(f"Posture: {line}"))
    if state.hold:
        console.print(Text("HOLD is on: nothing is posted until it is off.", style="bold red"))
    console.print(Text(advice.needs(state.posture, seen.scope, out.event.data.crisis)), width=width(console))
    if out.before is not None:
        since = local(datetime.fromisoformat(out.before.at), SystemClock().now())
        again = f"You sent this at {since} and got no answer. It goes out as the same request, and is posted once."
        console.print(Text(again, style="yellow"), width=width(console))


async def _follow(here: Session, draft: MessageDraft, talk: Console, request_id: str, since_seq: int) -> RequestView:
    with landing(talk, since_seq) as look:
        return await follow(here.link, request_id, since_seq, draft.wait.total_seconds(), look)


def _report_accepted(here: Session, reply: SubmitReply) -> int:
    """Report a system's submission where no officer's key is at hand to look further."""
    accepted = f"Accepted: {reply.request_id}. It waits for an officer's approval."
    answer = {"request_id": reply.request_id, "revision": reply.revision, "verdict": None, "deliveries": []}
    here.desk.answer(answer, lambda out: out.print(Text(accepted)))
    return Exit.BLOCKED
