"""Who decides reads what a message does to another one, which version it is, and what the website says when it ends."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from schemas.events.verdicts import Outcome
from services.kernel.base.clock import SystemClock
from services.web.desk import SESSION, WebDesk
from services.web.pages.decisions import approve_page, reject_page, resolve_page
from services.web.pages.messages import message
from services.web.render import HERE, catalogue
from services.web.wiring import application
from tests.support.messages import renderings_of
from tests.unit.desk.views import ID, NOW, request
from tests.unit.web.test_web_as_shown import FIRE, ChangingCity, city, desk
from tests.unit.web.test_web_shared import Handler, session

__all__ = ["city", "desk"]
OTHER = "rother"
MEANS = {
    "correct": "That message is posted no more.",
    "update": "That message stays as it is.",
    "recall": "Its posts are deleted. It stays only where nothing can be deleted.",
    "all_clear": "That message holds no more.",
    "repost": "The same words are posted once more.",
}


async def words(desk: WebDesk, handler: Handler, language: str = "en") -> str:
    """Open a page of the message; return what a person reads in its main part."""
    asked = make_mocked_request("GET", "/", app=application(desk), match_info={"id": ID, "profile": FIRE})
    asked[SESSION] = session("pio", language)
    page = await handler(asked)
    assert isinstance(page, web.Response)
    main = (page.text or "").partition("<main")[2].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def about(act: str, **more: Any) -> dict[str, Any]:
    """The fields of a message that does something to another one, in a language that few officers read."""
    text = "वापस लिया गया: Update: crews are on the way."
    earlier = "replaces" if act in ("recall", "correct") else "follows"
    made = renderings_of(text, ("mastodon",), NOW, act=act, about=OTHER, **more)
    return {"text": text, "renderings": made, earlier: OTHER}


@pytest.mark.parametrize("act", MEANS)
@pytest.mark.parametrize("page", [approve_page, reject_page, resolve_page, message])
async def test_what_a_message_does_to_another_one_is_said_before_its_words(
    desk: WebDesk, city: ChangingCity, act: str, page: Handler
) -> None:
    city.changes = about(act)
    found = await words(desk, page)
    assert 0 < found.find(MEANS[act]) < found.find("crews are on the way")
    assert found.index(OTHER) < found.index(MEANS[act])


async def test_who_approves_a_recall_says_so_with_the_tick(desk: WebDesk, city: ChangingCity) -> None:
    city.outcome = Outcome.BLOCKED
    assert "This goes to 2 profiles. I have read it." in await words(desk, approve_page)
    city.changes = about("recall")
    assert f"This goes to 2 profiles, and takes {OTHER} back. I have read both." in await words(desk, approve_page)


async def test_a_new_version_is_shown_beside_the_one_before(desk: WebDesk, city: ChangingCity) -> None:
    before = request().model_copy(update={"text": "Version 1", "author": "clerk"})
    city.previous, city.revision = before, 2
    link = "https://mission.example/a?b=1&c=2"
    city.changes = {"crisis": True, "targets": (FIRE,), "link": link}
    for page in (approve_page, message):
        found = await words(desk, page)
        assert "Beside version 1, by clerk It was Version 1 It is now Version 2" in found
        assert f"Goes to: it was {FIRE}, fire-website, it is now {FIRE}" in found
        assert "Crisis: it was No, it is now Yes" in found
        assert f"Page to link to: it was none, it is now {link}" in found


async def test_what_the_website_says_at_the_end_is_read_before(desk: WebDesk, city: ChangingCity) -> None:
    said = "The website says then that it is no longer in force."
    assert said not in await words(desk, approve_page)
    city.changes = about("update", expires=NOW + timedelta(hours=2))
    for page in (approve_page, message):
        assert said in await words(desk, page)
    assert "Le site dit alors" in await words(desk, approve_page, "fr")


@pytest.mark.parametrize(
    ("field", "said"), [("replaces", "Corrects or takes back"), ("follows", "Follows"), ("author", "")]
)
def test_the_inbox_which_has_no_renderings_names_the_other_message(field: str, said: str) -> None:
    bare = request().model_copy(update={"renderings": (), field: OTHER})
    part = '{% import "parts.html" as parts with context %}{{ parts.done(request) }}'
    found = catalogue("en", SystemClock()).templates.from_string(part).render(request=bare)
    assert (f"<strong>{said} <a" in found) == bool(said)
    assert (OTHER in found) == bool(said)


@pytest.mark.parametrize("page", [approve_page, reject_page, resolve_page, message])
async def test_words_and_numbers_stand_in_the_order_in_which_the_public_sees_them(
    desk: WebDesk, city: ChangingCity, page: Handler
) -> None:
    """Arabic and Urdu run from right to left, also on a page in English."""
    text = "المنطقة 4: غادروا الآن، 604-820-3700."
    city.changes = {"text": text, "renderings": renderings_of(text, ("mastodon",), NOW, language="ar")}
    asked = make_mocked_request("GET", "/", app=application(desk), match_info={"id": ID, "profile": FIRE})
    asked[SESSION] = session("pio")
    found = await page(asked)
    assert isinstance(found, web.Response)
    shown = re.findall(rf"<div([^>]*)>{re.escape(text)}</div>", found.text or "")
    assert shown
    assert set(shown) == {' class="post" lang="ar" dir="auto"'}


def test_each_text_of_a_message_says_that_its_letters_give_the_direction() -> None:
    for path in (HERE / "templates").glob("*.html"):
        for line in path.read_text().splitlines():
            written = 'class="post"' in line or ".text|truncate(1" in line or ".text|truncate(2" in line
            assert not written or 'dir="auto"' in line or "parts.lang(" in line, (path.name, line)
