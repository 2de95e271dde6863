"""Sends a post or a comment of a Page, with pictures that were uploaded unpublished before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp

from schemas.events.requests import Picture
from services.fanout.connectors.calls.http import Outcome
from services.fanout.connectors.calls.uploads import AGAIN_TIMES, media_deadline, pause_before, picture_bytes, uploaded
from services.fanout.connectors.contract import FetchMedia, Intent, Permanent
from services.fanout.connectors.facebook.comments import Question
from services.fanout.connectors.meta.graph import Graph, Page, error_code, text_of

DUPLICATE = 506


async def upload(graph: Graph, page: Page, intent: Intent, fetch_media: FetchMedia) -> tuple[list[str], str]:
    """Upload pictures unpublished; return their ids, and a note on those that failed."""
    sooner = replace(page, deadline=media_deadline(page.deadline))

    async def one(picture: Picture) -> str | None:
        return await _photo(graph, sooner, picture, fetch_media)

    done, note = await uploaded(intent.content.pictures, one)
    return [name for _, name in done], note


async def send(graph: Graph, page: Page, place: Question | None, text: str, photos: list[str]) -> Outcome:
    """Send it once: under what it answers (``place``), else on the Page."""
    body: dict[str, object] = {"message": text}
    if photos and place is None:
        body["attached_media"] = [{"media_fbid": photo} for photo in photos]
    elif photos:
        body["attachment_id"] = photos[0]
    edge = f"/{page.id}/feed" if place is None else f"/{place.id}/comments"
    return await graph.call(page, "POST", edge, value=body)


async def send_again(graph: Graph, page: Page, place: Question | None, text: str, photos: list[str]) -> Outcome:
    """Send with its pictures again what was refused; return the answer to the last try.

    Meta may take a picture, and say for a moment that it is missing or invalid.
    """
    for _ in range(AGAIN_TIMES):
        await asyncio.sleep(pause_before(page.deadline))
        outcome = await send(graph, page, place, text, photos)
        if not is_refused(graph, outcome):
            break
    return outcome


def is_refused(graph: Graph, outcome: Outcome) -> bool:
    """Say whether it is surely not posted, for what it is; a duplicate may be this very post."""
    return isinstance(graph.meaning(outcome), Permanent) and error_code(outcome) != DUPLICATE


async def _photo(graph: Graph, page: Page, picture: Picture, fetch_media: FetchMedia) -> str:
    content = await picture_bytes(picture, fetch_media, page.deadline)
    if content is None:
        return ""
    form = aiohttp.FormData()
    form.add_field("published", "false")
    form.add_field("alt_text_custom", picture.alt)
    form.add_field("source", content, filename="picture", content_type=picture.media_type)
    photo = text_of(await graph.call(page, "POST", f"/{page.id}/photos", data=form), "id")
    return photo if photo.isdigit() else ""
