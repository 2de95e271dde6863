"""Writing a message: a draft that is kept, its preview, the answers to check, and its submission."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from schemas import subjects
from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.desk import BoardQuery, PreviewReply, SubmitReply
from schemas.events.enrolment import BrowserPreview, SubmissionStatement
from schemas.events.envelope import SUBMISSION_TYPE, Envelope
from schemas.events.requests import SubmissionEvent
from schemas.fingerprint import words_of
from schemas.platforms import LIMITS
from services.desk import statements
from services.desk.message import templates
from services.desk.statements import ORDER_SECONDS
from services.desk.words import MAX_PICTURE, check_id
from services.kernel.base.errors import BadInput, OneVoiceError, Refused, Unreachable
from services.web.desk import SESSION, WebDesk, desk_of, language_of, say, session_of, to_be_signed
from services.web.domain import composing, shown
from services.web.domain.draft import MOST_TRANSLATIONS, WebDraft

ACTS = ("correct", "update", "recall", "all_clear")
LONGEST_ADDRESS = 2_000
LARGEST_FORM = 32 * 1_048_576
"""Of a draft with a picture as a camera makes it: too large to be taken, and answered all the same."""

Form = MultiDictProxy[str | bytes | bytearray | web.FileField]


FIELDS = {
    "targets": "reach-all",
    "next-update": "next_update",
    **{name: name for name in ("text", "link", "severity", "expires", "at", "language", "picture")},
}
"""The fields of a draft's form by the first word of an error's code."""


@dataclass(frozen=True)
class Previewed:
    """What a draft would become: the event that is submitted, and what intake made of it."""

    event: SubmissionEvent
    seen: PreviewReply


async def drafts(request: web.Request) -> web.Response:
    """Show an officer's drafts, and ways to begin one."""
    desk, session = desk_of(request), session_of(request)
    found = desk.drafts.of(session.officer, desk.clock.now())
    names = templates.names(desk.city.templates_folder)
    able = await that_answer(desk)
    return await desk.page(request, "drafts.html", found=found, templates=names, able=able, here="write", refresh=False)


async def begin(request: web.Request) -> web.Response:
    """Begin a draft, empty or from a template."""
    desk, session, form = desk_of(request), session_of(request), await request.post()
    fields: dict[str, object] = {}
    if name := str(form.get("template", "")):
        template = templates.load(desk.city.templates_folder, name)
        fields = {"text": template.text, "severity": template.severity or "", "language": template.language or ""}
    raise web.HTTPSeeOther(f"/write/{desk.drafts.new(session.officer, desk.clock.now(), **fields).id}")


async def follow(request: web.Request) -> web.Response:
    """Begin a draft about a message that is out: a correction, an update, a recall, an all-clear."""
    desk, session, form = desk_of(request), session_of(request), await request.post()
    act = str(form.get("act", ""))
    if act not in ACTS:
        raise web.HTTPBadRequest
    view = await desk.connection.request(check_id(request.match_info["id"], "request"))
    fields = composing.following(act, view.request)
    raise web.HTTPSeeOther(f"/write/{desk.drafts.new(session.officer, desk.clock.now(), **fields).id}")


async def answer(request: web.Request) -> web.Response:
    """Begin a draft that answers somebody's post in public, on the one profile that does."""
    desk, session, form = desk_of(request), session_of(request), await request.post()
    address, profile = str(form.get("answers", "")).strip(), str(form.get("profile", ""))
    if not address.startswith("https://") or len(address) > LONGEST_ADDRESS or not address.isprintable():
        raise BadInput("answers.invalid", say(request, "answer.no_address"), say(request, "answer.copy"))
    if profile not in {one.id for one in await that_answer(desk)}:
        raise BadInput("answers.profile", say(request, "answer.no_profile"), say(request, "answer.choose"))
    fields: dict[str, object] = {"answers": address, "to": (profile,)}
    raise web.HTTPSeeOther(f"/write/{desk.drafts.new(session.officer, desk.clock.now(), **fields).id}")


async def that_answer(desk: WebDesk) -> list[Profile]:
    """Return the official profiles on platforms where somebody's post can be answered."""
    found = (await desk.connection.board(BoardQuery(query="profiles"))).profiles or ()
    return [one for one in found if one.official and one.platform in LIMITS and LIMITS[one.platform].answers]


async def form_page(request: web.Request) -> web.Response:
    """Show a draft's form as it was left."""
    draft = desk_of(request).drafts.load(request.match_info["id"], session_of(request).officer)
    return await form_with(request, draft, None)


async def save(request: web.Request) -> web.Response:
    """Keep what was typed, and go on to check it; without a session it is kept all the same."""
    desk = desk_of(request)
    draft, _ = await typed(request)
    await signed_in_to(request, draft)
    try:
        await _previewed(desk, draft)
    except OneVoiceError as error:
        return await form_with(request, draft, error)
    raise web.HTTPSeeOther(f"/write/{draft.id}/check")


async def preview(request: web.Request) -> web.Response:
    """Keep what was typed, and show what each platform would get."""
    desk = desk_of(request)
    draft, _ = await typed(request)
    session_of(request)
    found, error = None, None
    try:
        found = await _previewed(desk, draft)
    except OneVoiceError as problem:
        error = problem
    seen = found.seen if found else None
    values = {
        "seen": seen,
        "error": error,
        "draft": draft,
        "renderings": shown.renderings(seen.renderings) if seen else [],
    }
    return web.Response(
        text=desk.catalogues[language_of(request)].templates.get_template("preview.html").render(values),
        content_type="text/html",
    )


async def typed(request: web.Request) -> tuple[WebDraft, Form]:
    """Return the draft with what its form holds, kept already, and the form; also without a session."""
    desk, session = desk_of(request), request.get(SESSION)
    draft = desk.drafts.load(request.match_info["id"], session.officer if session else None)
    form = await request.clone(client_max_size=LARGEST_FORM).post()  # only who knows a draft's address sends so much
    to = [one for one in form.getall("to", []) if isinstance(one, str)]
    changed = composing.typed(draft, form, to, desk.clock.now())
    desk.drafts.save(changed)
    return changed, form


async def signed_in_to(request: web.Request, draft: WebDraft) -> None:
    """Have who is not signed in any more sign in, and come back to their draft."""
    if request.get(SESSION) is None:
        raise web.HTTPSeeOther(f"/sign-in?next=/write/{draft.id}")


async def _previewed(desk: WebDesk, draft: WebDraft) -> Previewed:
    posture = (await desk.connection.eoc()).posture
    event = composing.event_of(draft, posture, desk.clock.now(), desk.city.zone)
    asked = BrowserPreview(officer=draft.officer, event=event)
    return Previewed(event, await desk.connection.ask(subjects.DESK_WEB_PREVIEW, asked, PreviewReply))


async def form_with(request: web.Request, draft: WebDraft, error: OneVoiceError | None, alt: str = "") -> web.Response:
    """Show a draft's form, and at its field what is wrong; ``alt``: the description of a picture that was not taken."""
    desk = desk_of(request)
    eoc = await desk.connection.eoc()
    profiles = (await desk.connection.board(BoardQuery(query="profiles"))).profiles or ()
    official = [one for one in profiles if one.official]
    values: dict[str, Any] = {
        "draft": draft,
        "error": error,
        "field": field_of(error, draft),
        "alt": alt,
        "most_bytes": MAX_PICTURE,
        "profiles": official,
        "platforms": sorted({one.platform for one in official}),
        "crisis": draft.crisis or ("no" if eoc.posture is Posture.ROUTINE else "yes"),
        "rows": (*draft.translations, ("", ""), ("", ""))[:MOST_TRANSLATIONS],
        "refresh": False,
        "here": "write",
    }
    return desk.fill(request, "write.html", eoc, status=400 if error else 200, **values)


def field_of(error: OneVoiceError | None, draft: WebDraft) -> str:
    """Return the id of the field that an error is about; the text's, where it is about none."""
    if error is None:
        return ""
    name = error.code.partition(".")[0]
    if name == "lang":
        return f"code-{composing.row_at_fault(draft.translations)}"
    return "alt" if error.code == "picture.alt" else FIELDS.get(name, "text")


async def check_page(request: web.Request) -> web.Response:
    """Show the whole message as it would go out, and a box to tick that names how far it goes."""
    desk = desk_of(request)
    draft = desk.drafts.load(request.match_info["id"], session_of(request).officer)
    found = await _previewed(desk, draft)
    seen, eoc = found.seen, await desk.connection.eoc()
    earlier = (await desk.connection.request(draft.about)).request if draft.about else None
    values: dict[str, Any] = {
        "draft": draft,
        "seen": seen,
        "shown_as": composing.shown_as(draft, seen),
        "next_update": found.event.data.next_update,
        "fingerprint": words_of(seen),
        "renderings": shown.renderings(seen.renderings),
        "advice": desk.texts(request).needs(eoc.posture, seen.scope, seen.crisis),
        "difference": shown.difference_of(earlier, seen, draft.text) if earlier else None,
        "refresh": False,
        "here": "write",
    }
    return desk.fill(request, "check.html", eoc, **values)


async def submit(request: web.Request) -> web.Response:
    """Have the submission signed; the draft goes when it is on record, and not before."""
    desk, session, form = desk_of(request), session_of(request), await request.post()
    draft = desk.drafts.load(request.match_info["id"], session.officer)
    found = await _previewed(desk, draft)
    seen = found.seen
    if form.get("sure") != str(len(seen.targets)):
        raise BadInput("confirm.needed", say(request, "approve.unsure"), say(request, "approve.tick"))
    if form.get("about") != composing.shown_as(draft, seen):
        raise Refused("draft.changed", say(request, "approve.changed"), say(request, "refused.reload"))
    statements.checked_digest(seen)
    event = found.event.model_copy(update={"time": seen.created_at})
    now = desk.clock.now()
    statement = SubmissionStatement(
        realm=desk.city.realm,
        officer=session.officer,
        event=event,
        issued_at=now,
        expires_at=now + timedelta(seconds=ORDER_SECONDS),
        nonce=secrets.token_hex(16),
    )

    async def finish(envelope: Envelope) -> str:
        desk.drafts.save(composing.sent(draft, event))  # without an answer the same words are the same request
        try:
            reply = await desk.connection.ask(subjects.DESK_WEB_SUBMIT, envelope, SubmitReply)
        except Unreachable:
            raise
        except OneVoiceError:
            desk.drafts.save(draft)
            raise
        desk.drafts.discard(draft.id)
        return f"/messages/{reply.request_id}?at={reply.seq}"

    return to_be_signed(request, SUBMISSION_TYPE, statement, finish)


async def discard(request: web.Request) -> web.Response:
    """Forget a draft."""
    desk = desk_of(request)
    desk.drafts.discard(desk.drafts.load(request.match_info["id"], session_of(request).officer).id)
    raise web.HTTPSeeOther("/write")
