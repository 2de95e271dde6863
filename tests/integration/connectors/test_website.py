"""The website's own: its pages, feeds, archive, mirror, and what a crash or a second process leaves."""

from __future__ import annotations

import asyncio
import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import aiohttp
import pytest

from services.fanout.connectors.contract import Permanent, Posted, Retracted, Retryable
from services.fanout.connectors.registry import connectors
from services.fanout.connectors.website.connector import WebsiteConnector
from services.fanout.connectors.website.preview import serve_site
from services.kernel.base.files import locked
from tests.integration.connectors.harnesses import PICTURE, PNG, WebsiteHarness, a_profile, an_intent, published, store

FIRE, WATER = a_profile("fire", "website"), a_profile("water", "website")
ATOM = "{http://www.w3.org/2005/Atom}"


def site_of(website: WebsiteHarness) -> WebsiteConnector:
    assert isinstance(website.connector, WebsiteConnector)
    return website.connector


def read(website: WebsiteHarness, path: str) -> str:
    return (website.city.site_folder / path).read_text()


class Outline(HTMLParser):
    """What a page is for someone who does not see it: headings, landmarks, pictures, links, language."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.tags: list[str] = []
        self.unlabelled: list[str] = []
        self.ids: list[str] = []
        self.language = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if tag == "img" and not values.get("alt"):
            self.unlabelled.append(str(values.get("src")))
        if tag == "html":
            self.language = values.get("lang") or ""
        if values.get("id"):
            self.ids.append(str(values["id"]))


def all_pages(website: WebsiteHarness) -> list[Path]:
    return sorted(website.city.site_folder.rglob("*.html"))


async def test_every_page_has_language_landmarks_headings_and_descriptions(website: WebsiteHarness) -> None:
    """WCAG 2.2: 3.1.1, 1.3.1, 2.4.1, 1.1.1, over all kinds of pages."""
    for number, severity in enumerate(("minor", "moderate", "severe", "extreme", None)):
        intent = an_intent(FIRE, f"Text {number}", request_id=f"r{number}", pictures=(PICTURE,), severity=severity)
        await website.connector.publish(intent, store)
    await website.connector.retract(an_intent(FIRE, "Text 0", request_id="r0"), "")
    pages = all_pages(website)
    assert len(pages) >= 9
    for page in pages:
        outline = Outline(page.read_text())
        assert outline.language == "en-CA", page
        assert outline.tags.count("main") == 1, page
        assert {"header", "footer", "title"} <= set(outline.tags), page
        assert outline.headings.count(1) == 1, page
        steps = zip(outline.headings, outline.headings[1:], strict=False)
        assert all(after - before <= 1 for before, after in steps), page
        assert outline.unlabelled == [], page
        assert len(outline.ids) == len(set(outline.ids)), page
        assert "script" not in outline.tags, page


async def test_nothing_of_a_message_becomes_markup(website: WebsiteHarness) -> None:
    """Text, alt text and a profile's words are escaped wherever they stand."""
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)> https://mission.example/"onmouseover=alert(1)'
    profile = FIRE.model_copy(update={"purpose": evil, "identification": evil, "disclosure": evil})
    picture = PICTURE.model_copy(update={"alt": evil})
    await website.connector.publish(an_intent(profile, evil, pictures=(picture,)), store)
    for page in all_pages(website):
        text = page.read_text()
        assert "<script" not in text, page
        assert "<img src=x" not in text, page
        assert '"onmouseover' not in text, page


@pytest.mark.parametrize("severity", ["minor", "moderate", "severe", "extreme"])
async def test_severity_is_a_word_and_a_colour(website: WebsiteHarness, severity: str) -> None:
    """On the message's page, on the profile's page and on the front page."""
    await website.connector.publish(an_intent(FIRE, "Flood.", severity=severity), store)
    for path in ("index.html", "profiles/fire-website/index.html", "messages/raaaaaaaaaaaa/index.html"):
        page = read(website, path)
        assert f'class="severity {severity}"' in page
        assert f"</span>{severity.capitalize()}</p>" in page


async def test_a_profiles_page_carries_its_statements(website: WebsiteHarness) -> None:
    """Purpose, identification, disclosure (section 1, Transparency (i))."""
    await website.connector.publish(an_intent(FIRE), store)
    page = read(website, "profiles/fire-website/index.html")
    for statement in (FIRE.purpose, FIRE.identification, FIRE.disclosure):
        assert statement in page


async def test_the_url_of_a_post_leads_to_its_text_and_its_profile(website: WebsiteHarness) -> None:
    """The page is there, and so is the place that the fragment names; tried over HTTP."""
    posted = await published(website.connector, an_intent(FIRE, "Flood."))
    assert posted.url == "https://mission.example/messages/raaaaaaaaaaaa/#fire-website"
    running = await serve_site(website.city.site_folder, "127.0.0.1", 0)
    path = posted.url.removeprefix("https://mission.example").partition("#")[0]
    async with aiohttp.ClientSession() as session, session.get(running.url + path) as response:
        page = await response.text()
    assert "Flood." in page
    assert "fire-website" in Outline(page).ids
    await running.stop()


async def test_feeds_hold_the_messages_with_stable_ids(website: WebsiteHarness) -> None:
    """Atom and JSON Feed, overall and per profile, newest first, same ids in all and after a change."""
    for number in range(3):
        intent = an_intent(FIRE, f"Message & <{number}>", request_id=f"r{number}", severity="severe")
        await website.connector.publish(intent, store)
    await website.connector.publish(an_intent(WATER, "Water", request_id="rwater"), store)
    atom = Xml.fromstring(read(website, "profiles/fire-website/feed.atom"))
    ids = [entry.findtext(f"{ATOM}id") for entry in atom.iter(f"{ATOM}entry")]
    assert ids == [f"https://mission.example/messages/r{number}/" for number in (2, 1, 0)]
    assert atom.findtext(f"{ATOM}entry/{ATOM}title") == "Severe: Message & <2>"
    assert atom.find(f"{ATOM}link[@rel='self']").get("href").endswith("/profiles/fire-website/feed.atom")  # type: ignore[union-attr]
    feed = json.loads(read(website, "profiles/fire-website/feed.json"))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["id"] for item in feed["items"]] == ids
    assert feed["items"][0]["content_text"] == "Message & <2>"
    overall = json.loads(read(website, "feed.json"))
    assert len(overall["items"]) == 4
    await website.connector.retract(an_intent(FIRE, request_id="r1"), "")
    assert [item["id"] for item in json.loads(read(website, "profiles/fire-website/feed.json"))["items"]] == ids


async def test_a_withdrawn_message_shows_a_notice_and_nothing_of_its_text(website: WebsiteHarness) -> None:
    """On no page and in no feed, and its picture is gone; the page itself stays and says so."""
    intent = an_intent(FIRE, "Wrong alarm text", pictures=(PICTURE,), severity="extreme")
    await website.connector.publish(intent, store)
    assert list(website.city.site_folder.rglob("*.png"))
    assert await website.connector.retract(intent, "") == Retracted()
    for path in website.city.site_folder.rglob("*"):
        if path.is_file() and path.suffix != ".css":
            assert "Wrong alarm text" not in path.read_text(), path
    assert "This message was withdrawn on" in read(website, "messages/raaaaaaaaaaaa/index.html")
    assert not list(website.city.site_folder.rglob("*.png"))
    assert json.loads(read(website, "feed.json"))["items"][0]["_onevoice"]["withdrawn"] is True


async def test_what_was_taken_back_does_not_come_back_by_a_late_repeat(website: WebsiteHarness) -> None:
    """A repeat after retract is refused."""
    intent = an_intent(FIRE)
    await website.connector.publish(intent, store)
    await website.connector.retract(intent, "")
    assert isinstance(await website.connector.publish(intent, store), Permanent)
    assert await website.stands(FIRE) == []


async def test_an_older_revision_never_follows_a_newer_one(website: WebsiteHarness) -> None:
    """Revision 2 replaces the text; revision 1 is refused from then on."""
    await website.connector.publish(an_intent(FIRE, "First"), store)
    await published(website.connector, an_intent(FIRE, "Second", revision=2))
    assert isinstance(await website.connector.publish(an_intent(FIRE, "First"), store), Permanent)
    assert [seen.text for seen in await website.stands(FIRE)] == ["Second"]


async def test_a_picture_is_copied_whole(website: WebsiteHarness) -> None:
    """The bytes that were approved."""
    await website.connector.publish(an_intent(FIRE, pictures=(PICTURE,)), store)
    (copied,) = website.city.site_folder.rglob("*.png")
    assert copied.read_bytes() == PNG


async def test_the_mirror_shows_a_message_that_stands_elsewhere(website: WebsiteHarness) -> None:
    """A page and a place in the front page and the feed, without a post on a website profile (Transparency (ii))."""
    mastodon = a_profile("fire", "mastodon")
    intent = an_intent(mastodon, "Posted elsewhere")
    site = site_of(website)
    first = await site.mirror(intent, {"fire-mastodon": "https://social.example/@fire/1"}, store)
    assert isinstance(first, Posted)
    assert first.url == "https://mission.example/messages/raaaaaaaaaaaa/"
    await site.mirror(intent, {"water-mastodon": "https://social.example/@water/2"}, store)
    assert first == await site.mirror(intent, {"fire-mastodon": "https://social.example/@fire/1"}, store)
    page = read(website, "messages/raaaaaaaaaaaa/index.html")
    assert "Posted elsewhere" in page
    assert 'href="https://social.example/@fire/1"' in page
    assert 'href="https://social.example/@water/2"' in page
    assert "Posted elsewhere" in read(website, "index.html")
    assert not (website.city.site_folder / "profiles").exists()


async def test_the_mirror_shows_that_it_was_taken_back(website: WebsiteHarness) -> None:
    """When it is nowhere any more, the text goes."""
    site = site_of(website)
    intent = an_intent(a_profile("fire", "mastodon"), "Posted elsewhere")
    await site.mirror(intent, {"fire-mastodon": "https://social.example/@fire/1"}, store)
    await site.mirror(intent, {"fire-mastodon": None}, store)
    page = read(website, "messages/raaaaaaaaaaaa/index.html")
    assert "withdrawn" in page
    assert "Posted elsewhere" not in page


async def test_a_mirrored_message_may_be_a_post_too(website: WebsiteHarness) -> None:
    """Mirror first or post first: one page, both places."""
    intent = an_intent(FIRE, "Both")
    mirrored = an_intent(a_profile("fire", "mastodon"), "Both")
    content = intent.content
    await site_of(website).mirror(
        type(mirrored)(**{**mirrored.__dict__, "content": content}),
        {"fire-mastodon": "https://social.example/1"},
        store,
    )
    await published(website.connector, intent)
    page = read(website, "messages/raaaaaaaaaaaa/index.html")
    assert "https://social.example/1" in page
    assert "this website" in page


async def test_a_month_is_archived_in_parts_that_lead_to_each_other(website: WebsiteHarness) -> None:
    """Every message is in exactly one part, and following the links from the newest part reaches all."""
    website.connector = website.small()
    for number in range(8):
        await website.connector.publish(an_intent(FIRE, f"Message {number}.", request_id=f"r{number}"), store)
    folder = website.city.site_folder / "archive"
    (month,) = (path.name for path in folder.iterdir() if path.is_dir())
    page, found, address = folder / month / "index.html", [], ""
    while True:
        text = page.read_text()
        found += [number for number in range(7, -1, -1) if f"Message {number}." in text]
        if 'rel="next"' not in text:
            break
        address = text.partition('rel="next" href="')[2].partition('"')[0]
        page = (page.parent / address).resolve() / "index.html"
    assert found == list(range(7, -1, -1))
    front = read(website, "index.html")
    assert [number for number in range(8) if f"Message {number}." in front] == [6, 7]
    assert f"archive/{month}/" in front


async def test_publishing_does_not_rewrite_what_it_does_not_touch(website: WebsiteHarness) -> None:
    """With many messages there, one more writes a handful of files, whatever their number."""
    written = []
    for number in range(60):
        before = {path: path.stat().st_ino for path in website.city.site_folder.rglob("*") if path.is_file()}
        await website.connector.publish(an_intent(FIRE, f"Message {number}", request_id=f"r{number}"), store)
        after = {path: path.stat().st_ino for path in website.city.site_folder.rglob("*") if path.is_file()}
        written.append(sum(1 for path, inode in after.items() if before.get(path) != inode))
    assert max(written[1:]) <= 12
    assert written[-1] <= written[1]


async def test_a_site_that_cannot_be_locked_surely_posted_nothing(website: WebsiteHarness) -> None:
    """A file where the state's folder should be: Retryable, and check says so."""
    website.city.var.mkdir()
    (website.city.var / "website").write_text("in the way")
    assert isinstance(await website.connector.publish(an_intent(FIRE), store), Retryable)
    health = await website.connector.check(FIRE)
    assert not health.ok
    assert str(website.city.folder) not in health.detail


async def test_a_call_that_ended_while_the_site_was_locked_is_surely_not_made(website: WebsiteHarness) -> None:
    """Not behind its back either, when the lock is let go of: that may be after an activation."""
    with locked(website.city.var / "website" / "live" / "lock"):
        answer = await website.connector.publish(an_intent(FIRE, "Late", request_id="rlate", timeout=0.5), store)
        assert isinstance(answer, Retryable)
    await published(website.connector, an_intent(FIRE, "Next", request_id="rnext"))
    assert [seen.text for seen in await website.stands(FIRE)] == ["Next"]
    assert not (website.city.site_folder / "messages" / "rlate").exists()


async def test_a_call_that_was_given_up_while_the_site_was_locked_is_not_made(website: WebsiteHarness) -> None:
    """The caller's own time-out cancels it, before its own end."""
    with locked(website.city.var / "website" / "live" / "lock"), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await website.connector.publish(an_intent(FIRE, "Late", request_id="rlate", timeout=60.0), store)
    await published(website.connector, an_intent(FIRE, "Next", request_id="rnext"))
    assert [seen.text for seen in await website.stands(FIRE)] == ["Next"]


async def test_one_broken_file_of_the_state_blocks_no_other_message(website: WebsiteHarness) -> None:
    """The others go out; the broken one is refused loudly."""
    await website.connector.publish(an_intent(FIRE, "Old", request_id="rold"), store)
    (website.city.var / "website" / "live" / "messages" / "rold.json").write_text("{")
    await published(website.restart(), an_intent(FIRE, "New", request_id="rnew"))
    assert [seen.text for seen in await website.stands(FIRE)] == ["New"]
    assert isinstance(await website.restart().publish(an_intent(FIRE, "Old", request_id="rold"), store), Retryable)


_OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from tests.integration.connectors.harnesses import WebsiteHarness, a_profile, an_intent, store
async def main():
    harness = WebsiteHarness(Path(sys.argv[1]))
    fire = a_profile("fire", "website")
    for number in range(8):
        intent = an_intent(fire, f"{sys.argv[2]} {number}", request_id=f"r{sys.argv[2]}{number}")
        await harness.connector.publish(intent, store)
    await harness.close()
asyncio.run(main())
"""


async def test_several_processes_write_one_site(website: WebsiteHarness) -> None:
    """Nothing of one is lost by another, on no page."""
    folder = str(website.city.folder)
    command = (sys.executable, "-c", _OTHER_PROCESS, folder)
    running = [await asyncio.create_subprocess_exec(*command, name) for name in ("a", "b")]
    assert [await process.wait() for process in running] == [0, 0]
    page = read(website, "profiles/fire-website/index.html")
    for name in ("a", "b"):
        assert all(f"{name} {number}" in page for number in range(8))


async def test_all_pages_can_be_made_again_from_the_state(website: WebsiteHarness) -> None:
    """Lose every page: a moment later the site is as it was, though nothing is published."""
    for number in range(3):
        await website.connector.publish(an_intent(FIRE, f"Message {number}", request_id=f"r{number}"), store)
    before = {path: path.read_bytes() for path in all_pages(website)}
    for path in before:
        path.unlink()
    looking = asyncio.create_task(site_of(website).keep_up())
    for _ in range(500):
        if all(path.exists() for path in before):
            break
        await asyncio.sleep(0.02)
    looking.cancel()
    assert before == {path: path.read_bytes() for path in all_pages(website)}


@pytest.mark.parametrize(
    "path", ["/../city.toml", "/%2e%2e/city.toml", "/.hidden", "/messages/../../city.toml", "//etc/passwd"]
)
async def test_the_preview_serves_nothing_outside_and_nothing_hidden(website: WebsiteHarness, path: str) -> None:
    """Only pages, feeds, pictures and styles of the folder."""
    await website.connector.publish(an_intent(FIRE), store)
    (website.city.folder / "city.toml").write_text("secret = true")
    (website.city.site_folder / ".hidden").write_text("secret = true")
    running = await serve_site(website.city.site_folder, "127.0.0.1", 0)
    reader, out = await asyncio.open_connection("127.0.0.1", int(running.url.rpartition(":")[2]))
    out.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    out.close()
    assert answer.startswith("HTTP/1.1 404")
    assert "secret" not in answer
    await running.stop()


async def test_an_exercise_says_so_on_every_page(website: WebsiteHarness) -> None:
    """The exercise realm has a folder, a memory and a banner of its own."""
    website.city.realm = "exercise"
    connector = website.restart()
    await connector.publish(an_intent(FIRE, "Only a drill"), store)
    pages = list((website.city.folder / "site-exercise").rglob("*.html"))
    assert pages
    assert all("Exercise." in page.read_text() and "<title>EXERCISE" in page.read_text() for page in pages)
    assert not (website.city.folder / "site").exists()


async def test_a_message_says_its_language_and_runs_in_its_direction(website: WebsiteHarness) -> None:
    """WCAG 2.2, 3.1.2; Atom's xml:lang and JSON Feed's language for readers; so does what is said about it."""
    arabic = an_intent(FIRE, "اغلوا الماء قبل الشرب.", request_id="rar", language="ar")
    await website.connector.publish(arabic, store)
    page = read(website, "messages/rar/index.html")
    assert '<div class="text" lang="ar">' in page
    assert '<p dir="auto">اغلوا' in page
    entry = Xml.fromstring(read(website, "feed.atom")).find(f"{ATOM}entry")
    assert entry is not None
    assert entry.get("{http://www.w3.org/XML/1998/namespace}lang") == "ar"
    assert '<div lang="ar">' in (entry.findtext(f"{ATOM}content") or "")
    assert json.loads(read(website, "feed.json"))["items"][0]["language"] == "ar"
    await website.connector.retract(arabic, "")
    page = read(website, "messages/rar/index.html")
    assert '<p class="severity withdrawn" lang="ar" dir="auto">مسحوبة</p>' in page
    assert '<div class="text" lang="ar">' in page
    assert "سُحبت هذه الرسالة في" in page


async def test_ids_in_feeds_stay_when_the_address_of_the_site_changes(website: WebsiteHarness) -> None:
    """RFC 4287, 4.2.6: also of the feed itself; links lead to the new address."""
    await website.connector.publish(an_intent(FIRE, "One", request_id="r1"), store)
    before = ids_of(read(website, "feed.atom"))
    await website.connector.close()
    website.connector = connectors(website.city, "https://www.mission.example/news")["website"]
    await website.connector.publish(an_intent(FIRE, "Two", request_id="r2"), store)
    after = ids_of(read(website, "feed.atom"))
    assert after == [before[0], "https://mission.example/messages/r2/", before[1]]
    feed = json.loads(read(website, "feed.json"))
    assert [item["id"] for item in feed["items"]] == after[1:]
    assert feed["items"][1]["url"] == "https://www.mission.example/news/messages/r1/"


async def test_a_reader_that_was_away_finds_every_message_by_the_links(website: WebsiteHarness) -> None:
    """RFC 5005, 4 and JSON Feed's next_url: also what was written before there were such documents."""
    website.connector = website.small()
    for number in range(10):
        await website.connector.publish(an_intent(FIRE, f"Message {number}.", request_id=f"r{number}"), store)
        if number == 6:
            for path in (website.city.site_folder / "archive").rglob("feed.*"):
                path.unlink()
    wanted = {f"https://mission.example/messages/r{number}/" for number in range(10)}
    found, address = set(), "feed.json"
    while address:
        feed = json.loads(read(website, address))
        assert feed["feed_url"] == f"https://mission.example/{address}"
        found |= {item["id"] for item in feed["items"]}
        address = feed.get("next_url", "").removeprefix("https://mission.example/")
    assert found == wanted
    found, address = set(), "feed.atom"
    while address:
        atom = Xml.fromstring(read(website, address))
        found |= {entry.findtext(f"{ATOM}id") for entry in atom.iter(f"{ATOM}entry")}
        assert (atom.find("{http://purl.org/syndication/history/1.0}archive") is None) == (address == "feed.atom")
        link = atom.find(f"{ATOM}link[@rel='prev-archive']")
        address = "" if link is None else str(link.get("href")).removeprefix("https://mission.example/")
    assert found == wanted


async def test_each_entry_of_a_feed_was_updated_at_another_time(website: WebsiteHarness) -> None:
    """Also of those that are written, and taken back, together."""
    intents = [an_intent(FIRE, f"Message {number}", request_id=f"r{number}") for number in range(12)]
    await asyncio.gather(*(website.connector.publish(intent, store) for intent in intents))
    await asyncio.gather(*(website.connector.retract(intent, "") for intent in intents[:6]))
    atom = Xml.fromstring(read(website, "feed.atom"))
    updated = [entry.findtext(f"{ATOM}updated") for entry in atom.iter(f"{ATOM}entry")]
    assert len(set(updated)) == len(intents)
    assert atom.findtext(f"{ATOM}updated") == max(str(time) for time in updated)


def ids_of(atom: str) -> list[str | None]:
    return [one.text for one in Xml.fromstring(atom).iter(f"{ATOM}id")]
