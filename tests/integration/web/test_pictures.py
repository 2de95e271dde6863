"""Pictures on the pages: a wrong one costs nothing that was typed, and whoever decides sees what goes out."""

from __future__ import annotations

import io
import re
from typing import Any

import aiohttp
from PIL import Image

from tests.integration.web.conftest import Pages
from tests.integration.web.test_consult import link
from tests.support.phone import Page, Phone, phone

TYPED = {"text": "Leave Hatzic now.", "to": "fire-website", "reach": "some", "link": "https://mission.example/flood"}
ALT = "A map: the flood reaches Stave Lake Street."


def jpeg(color: str = "#357") -> bytes:
    """A small picture that says where it was taken."""
    place = Image.Exif()
    place[0x010E] = "taken at home"
    out = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(out, "JPEG", exif=place)
    return out.getvalue()


async def put(own: Phone, path: str, raw: bytes | None, alt: str, **typed: str) -> Page:
    """Press "Add the picture" beside what was typed, as a browser sends it."""
    form = aiohttp.FormData()
    for name, value in ({"csrf": own.csrf, "alt": alt} | TYPED | typed).items():
        form.add_field(name, value)
    given = {"filename": "n\u00e4me <b>\u202egnp.jpg" if raw is not None else "", "content_type": "image/jpeg"}
    form.add_field("picture", raw or b"", **given)
    async with own.session.post(f"{own.origin}{path}/picture", data=form, headers={"Origin": own.origin}) as answer:
        return Page(answer.status, answer.headers, await answer.text(), answer.url.path_qs)


async def _mistakes(own: Phone, path: str) -> None:
    """Each mistake is said at its field, in the form, with all that was typed."""
    for number, (raw, alt, field, said) in enumerate(
        (
            (None, ALT, "picture", "No picture was chosen"),
            (b"", ALT, "picture", "The picture is empty"),
            (b"x" * 20_000_000, ALT, "picture", "larger than 7 MB"),
            (b"hello", ALT, "picture", "no JPEG, PNG or WebP picture"),
            (b"GIF89a" + bytes(50), ALT, "picture", "The file is a GIF"),
            (jpeg(), "", "alt", "The picture has no description yet"),
            (jpeg(), "x" * 1_501, "alt", "The picture has no description yet"),
        )
    ):
        text = f"Leave Hatzic now, {number}."
        page = await put(own, path, raw, alt, text=text)
        assert page.status == 400, (said, page.words)
        assert said in page.words
        assert text in page.text, "what was typed is shown again"
        assert f'href="#{field}"' in page.text
        assert f'id="{field}-error"' in page.text
        assert text in (await own.get(path)).text, "and kept"
    assert "x" * 1_501 in page.text


async def _shown(own: Phone, page: Page, place: str, kept: str = "private") -> str:
    """Return the address of the picture on a page; it is the cleaned one, and a browser keeps it as it should."""
    found = re.search(rf'src="({place}/pictures/[0-9a-f]{{64}})" alt="([^"]*)"', page.text)
    assert found is not None, page.words
    async with own.session.get(own.origin + found[1]) as answer:
        raw, headers = await answer.read(), answer.headers
        assert answer.status == 200
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Cache-Control"].startswith(kept)
    assert Image.open(io.BytesIO(raw)).size == (64, 48)
    assert b"taken at home" not in raw
    return found[1]


async def test_a_picture_is_seen_by_whoever_decides_and_a_wrong_one_costs_nothing(pages: Pages) -> None:
    own = pages.phone
    path = (await own.post("/write")).path
    await _mistakes(own, path)
    added = await put(own, path, jpeg(), ALT)
    assert added.path == path, added.words
    in_draft = await _shown(own, added, path)
    assert await _shown(own, await own.get(f"{path}/check"), path) == in_draft
    missing = f"{path}/pictures/{'0' * 64}"
    assert (await own.get(missing)).status == 404
    place = (await own.submit(path))["to"].partition("?")[0]
    for more in ("", "/approve"):
        in_message = await _shown(own, await own.get(place + more), place)
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', (await own.get(f"{place}/approve")).text)
    assert digest is not None
    copy = await link(own, place, digest[1])
    async with phone(pages.city, "stranger") as stranger:
        await _shown(stranger, await stranger.get(copy), copy, kept="no-store")
        for secret in (in_draft, in_message):
            assert (await stranger.get(secret)).path.startswith("/sign-in")
        assert (await stranger.get(f"{copy}/pictures/{'0' * 64}")).status == 404
        for broken in (copy[:-3], f"{copy}x", "/consult/x%00"):
            page = await stranger.get(broken)
            assert (page.status, "Ask the person who sent it to you." in page.words) == (404, True), broken


async def test_a_page_of_an_earlier_session_keeps_what_was_typed(pages: Pages) -> None:
    """Signed in again in another tab, while the form stood open: nobody has to type it again."""
    own = pages.phone
    path = (await own.post("/write")).path
    for press in ("", "/picture", "/picture/remove", "/preview"):
        old: dict[str, Any] = TYPED | {"csrf": "of the session before", "text": f"Typed before {press or 'saving'}."}
        kept = await own.post(path + press, old)
        assert "This form is of another session" not in kept.words
        assert old["text"] in (await own.get(path)).text
    refused = await own.post(f"{path}/discard", old)
    assert "This form is of another session" in refused.words


async def test_a_picture_put_again_takes_the_place_of_itself_where_there_is_no_room_for_more(pages: Pages) -> None:
    own = pages.phone
    path = (await own.post("/write")).path
    colors = ["#111", "#222", "#333", "#444"]
    for color in colors:
        assert (await put(own, path, jpeg(color), f"A map, {color}.")).status == 200
    again = await put(own, path, jpeg(colors[0]), "A map, described better.")
    assert again.path == path, again.words
    assert "described better" in again.words
    assert again.text.count('class="evidence"') == len(colors)
    fifth = await put(own, path, jpeg("#555"), "One more map.")
    assert (fifth.status, fifth.text.count('class="evidence"')) == (400, len(colors)), fifth.words
