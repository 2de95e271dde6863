"""Pictures: put into a draft, taken out of it, and shown to whoever may read what they belong to."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from pydantic import ValidationError

from schemas import subjects
from schemas.events.requests import MediaReply, Picture, Rendering
from services.desk.words import MAX_PICTURE, check_id
from services.kernel.base.errors import BadInput, OneVoiceError, Refused
from services.web.desk import WebDesk, desk_of, say, session_of
from services.web.domain.draft import WebDraft
from services.web.pages.consult import shown_copy
from services.web.pages.write import Form, form_with, signed_in_to, typed

MOST_PICTURES = 4
KEPT_SECONDS = 3_600
"""How long a browser may keep a picture; its address holds its hash, and it stays in this browser alone."""


async def add(request: web.Request) -> web.Response:
    """Keep what was typed beside it, then a picture, without its metadata, with its description."""
    desk = desk_of(request)
    draft, form = await typed(request)
    await signed_in_to(request, draft)
    alt = str(form.get("alt", "")).strip()
    try:
        picture = await _stored(request, draft, form, alt)
    except OneVoiceError as error:
        return await form_with(request, draft, error, alt)
    desk.drafts.save(draft.model_copy(update={"pictures": (*_without(draft, picture.sha256), picture)}))
    raise web.HTTPSeeOther(f"/write/{draft.id}#pictures")


async def _stored(request: web.Request, draft: WebDraft, form: Form, alt: str) -> Picture:
    file = form.get("picture")
    if not isinstance(file, web.FileField) or not file.filename:
        raise BadInput("picture.missing", say(request, "picture.missing"), say(request, "picture.choose"))
    with file.file as opened:
        raw = opened.read(MAX_PICTURE + 1)
    if not raw or len(raw) > MAX_PICTURE:
        raise BadInput("picture.size", say(request, "picture.size"), say(request, "picture.smaller"))
    try:
        Picture(sha256="0" * 64, media_type="image/jpeg", alt=alt)
    except ValidationError as error:
        raise BadInput("picture.alt", say(request, "picture.no_alt"), say(request, "picture.describe")) from error
    reply = await desk_of(request).connection.link.send(subjects.DESK_MEDIA_PUT, raw, MediaReply)
    if len(_without(draft, reply.sha256)) >= MOST_PICTURES:  # its hash tells whether it replaces one of them
        raise Refused("picture.many", say(request, "picture.many"), say(request, "picture.take_out"))
    return Picture(sha256=reply.sha256, media_type=reply.media_type, alt=alt)


def _without(draft: WebDraft, sha256: object) -> tuple[Picture, ...]:
    return tuple(one for one in draft.pictures if one.sha256 != sha256)


async def remove(request: web.Request) -> web.Response:
    """Keep what was typed, and take a picture out of the draft."""
    draft, form = await typed(request)
    await signed_in_to(request, draft)
    desk_of(request).drafts.save(draft.model_copy(update={"pictures": _without(draft, form.get("sha256"))}))
    raise web.HTTPSeeOther(f"/write/{draft.id}#pictures")


async def of_draft(request: web.Request) -> web.Response:
    """Answer a picture of an officer's draft."""
    desk = desk_of(request)
    draft = desk.drafts.load(request.match_info["id"], session_of(request).officer)
    return await _answer(request, desk, draft.pictures)


async def of_message(request: web.Request) -> web.Response:
    """Answer a picture of a message, as its platforms get it."""
    desk = desk_of(request)
    view = await desk.connection.request(check_id(request.match_info["id"], "request"), most=0)
    return await _answer(request, desk, _of(view.request.renderings))


async def of_copy(request: web.Request) -> web.Response:
    """Answer a picture of a consultation copy to whoever has its link."""
    view, _ = await shown_copy(request)
    answered = await _answer(request, desk_of(request), _of(view.request.renderings))
    answered.headers["Cache-Control"] = "no-store"  # a copy can end at any time, and its pictures with it
    return answered


def _of(renderings: Iterable[Rendering]) -> tuple[Picture, ...]:
    return tuple(picture for one in renderings for picture in one.content().pictures)


async def _answer(request: web.Request, desk: WebDesk, pictures: Iterable[Picture]) -> web.Response:
    """Answer one of these pictures by its hash; any other one is not found."""
    picture = next((one for one in pictures if one.sha256 == request.match_info["sha256"]), None)
    raw = await desk.connection.picture(picture.sha256) if picture else None
    if picture is None or raw is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": f"private, max-age={KEPT_SECONDS}, immutable"}
    return web.Response(body=raw, content_type=picture.media_type, headers=headers)
