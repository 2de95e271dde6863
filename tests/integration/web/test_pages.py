"""The officers' pages on a whole city: who may see them, what they refuse, and a message's way through them."""

from __future__ import annotations

import re
from typing import Any

import aiohttp

from schemas import subjects
from schemas.events.control import Revoke
from schemas.events.outside import OutsidePost
from services.kernel.authority.passkeys import passkey_code
from services.kernel.base.clock import SystemClock
from services.web.wiring import ROUTES
from tests.integration.web.conftest import Pages
from tests.support.mission import eventually
from tests.support.phone import Phone, confirm_all, phone

READ = (
    "/",
    "/live",
    "/state",
    "/messages",
    "/holding",
    "/inquiries",
    "/outside",
    "/people",
    "/profiles",
    "/health",
    "/sessions",
    "/write",
)


async def draft(pages: Pages, text: str, **fields: Any) -> str:
    """Begin a draft and keep a text in it; return its path."""
    begun = await pages.phone.post("/write")
    path = begun.path
    assert re.fullmatch(r"/write/[A-Za-z0-9_-]{22}", path), begun.words
    kept = await pages.phone.post(path, {"text": text, "to": FIRE, "reach": "some", "link": LINK} | fields)
    assert kept.path == f"{path}/check", kept.words
    return path


LINK = "https://mission.example/roads"
FIRE = "fire-website"
ROAD = "Road closed at Dewdney Trunk until 6 pm."


async def test_who_is_not_signed_in_sees_nothing(pages: Pages) -> None:
    async with phone(pages.city, "stranger") as stranger:
        for path in READ:
            page = await stranger.get(path)
            assert page.path.startswith("/sign-in"), path
            assert "mission" not in page.words.casefold().replace("city of mission", "")
        assert (await stranger.get("/", **{"HX-Request": "true"})).status == 401
        assert '"session.ended"' in (await stranger.post("/state/hold", Accept="application/json")).text
        assert "event: signed-out" in (await stranger.get("/events?after=1")).text


async def test_each_page_is_whole_and_strictly_headed(pages: Pages) -> None:
    nonces: set[str] = set()
    for path in READ:
        page = await pages.phone.get(path)
        assert (page.status, page.path) == (200, path), page.words
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        nonce = re.search(r"'nonce-([A-Za-z0-9_-]{22})'", policy)
        assert nonce is not None
        assert set(re.findall(r'nonce="([^"]*)"', page.text)) == {nonce[1]}
        assert nonce[1] not in nonces
        nonces.add(nonce[1])
        again = await pages.phone.get(path, **{"HX-Request": "true"})
        own = re.search(r"'nonce-([^']+)'", again.headers["Content-Security-Policy"])
        assert own is not None
        assert f'hx-nonce="{own[1]}"' in again.text, "what is morphed in bears the nonce that its answer names"
        assert page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=|<style", page.text)


async def test_files_are_small_on_the_wire_and_kept_and_pages_hold_their_token_uncompressed(pages: Pages) -> None:
    own = pages.phone
    page = await own.get("/")
    assert "Content-Encoding" not in page.headers
    paths = set(re.findall(r'"(/static/[^"]+)"', page.text + (await own.get("/state/hold")).text))
    sent = 0
    for path in paths:
        async with own.session.get(own.origin + path, auto_decompress=False) as answer:
            assert (answer.status, answer.headers["Content-Encoding"]) == (200, "deflate"), path
            assert "immutable" in answer.headers["Cache-Control"]
            sent += len(await answer.read())
    assert len(paths) == 11
    assert sent <= 60_000
    assert (await own.get("/static/0000000000000000/desk.css")).status == 404


async def test_another_host_name_is_not_served(pages: Pages) -> None:
    port = pages.phone.origin.rpartition(":")[2]
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/sign-in") as answer:
        assert answer.status == 421
        assert pages.phone.origin in await answer.text()


async def test_a_get_changes_nothing(pages: Pages) -> None:
    """Each address that a browser may ask for by itself is asked for; the ledger does not grow."""
    before = (await (await pages.mission.desk("clerk")).board("eoc"))["eoc"]["last_seq"]
    for route in ROUTES:
        if route.method == "GET" and route.path != "/events":
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            await pages.phone.get(path)
    after = (await (await pages.mission.desk("clerk")).board("eoc"))["eoc"]["last_seq"]
    assert after == before


async def test_forms_of_other_sites_and_without_the_token_are_refused(pages: Pages) -> None:
    own = pages.phone
    foreign = await own.post("/write", Origin="https://evil.example")
    assert (foreign.status, "web.foreign" in foreign.text) == (403, True)
    async with own.session.post(f"{own.origin}/write", data={"csrf": own.csrf}) as answer:
        assert answer.status == 403  # no Origin at all
    token, own.csrf = own.csrf, "x" * 32
    assert "web.form" in (await own.post("/write")).text
    own.csrf = token


async def test_a_message_goes_its_whole_way(pages: Pages) -> None:
    """Written, checked, submitted and approved by passkey, posted, added to, and withdrawn words are refused kindly."""
    own = pages.phone
    path = await draft(pages, ROAD)
    check = await own.get(f"{path}/check")
    assert "Road closed at Dewdney Trunk" in check.words
    assert "1 profile" in check.words
    unsure = await own.ask(f"{path}/submit")
    assert unsure["error"]["code"] == "confirm.needed"
    shown = await own.hidden(f"{path}/check")
    await own.post(path, {"text": "Road closed until Monday.", "to": FIRE, "reach": "some", "link": LINK})
    other = await own.ask(f"{path}/submit", shown | {"sure": "1"})
    assert other["error"]["code"] == "draft.changed", "what another tab typed since was not on this page"
    await own.post(path, {"text": ROAD, "to": FIRE, "reach": "some", "link": LINK})
    said = await own.sign(f"{path}/submit", shown | {"sure": "1"})
    assert said["to"].startswith("/messages/"), said
    assert (await own.get(path)).status == 404, "the draft is gone once it is on record"
    place = said["to"].partition("?")[0]
    words = re.search(r'class="words">([a-z-]+)<', (await own.get(said["to"])).text)
    assert words is not None
    page = await own.get(f"{place}/approve")
    assert words[1] in page.text
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', page.text)
    assert digest is not None
    fields = {"sure": "1", "digest": digest[1], "acknowledge": "yes"}
    assert (await own.ask(f"{place}/approve", fields | {"digest": "0" * 64}))["error"]["code"] == "request.changed"
    assert (await own.sign(f"{place}/approve", fields))["to"].startswith(place)

    async def out() -> bool:
        return "Out on 1 of 1 profiles" in (await own.get(place)).words

    await eventually(out)
    assert "mcpe approved it" in (await own.get(place)).words
    assert "Road closed" in (await own.get("/holding")).words
    assert "Road closed" in (await own.get("/messages?q=dewdney")).words
    follow = await own.post(f"{place}/follow", {"act": "update"})
    assert "Adds to" in follow.words
    kept = await own.post(follow.path, {"text": "It is still closed.", "reach": "some", "link": LINK})
    assert kept.path == f"{follow.path}/check"
    assert "That message stays as it is." in kept.words
    await _scheduled(pages)
    await _answered(own)


async def _scheduled(pages: Pages) -> None:
    """What goes out later says so in each list."""
    own = pages.phone
    path = await draft(pages, "Hydrants are flushed tomorrow.", at="2h")
    assert "Scheduled:" in (await own.get(f"{path}/check")).words
    place = (await own.submit(path))["to"]
    for page in (place, "/", "/messages?q=hydrants"):
        assert "Scheduled:" in (await own.get(page)).words, page


async def _answered(own: Phone) -> None:
    """Somebody's post is answered by one profile on its platform."""
    asked = {"answers": "https://townsquare.example/@ann/1", "profile": "fire-townsquare"}
    for wrong, code in (({"answers": "ann"}, "answers.invalid"), ({"profile": "fire-website"}, "answers.profile")):
        assert code in (await own.post("/write/answer", asked | wrong)).text
    begun = await own.post("/write/answer", asked)
    assert f"Answers the post: {asked['answers']}" in begun.words
    typed = {"text": "@ann Yes: boil it for a minute.", "reach": "some", "to": "fire-townsquare"}
    kept = await own.post(begun.path, typed)
    assert kept.path.endswith("/check"), kept.words
    assert f"Answers the post: {asked['answers']}" in kept.words


async def test_the_eoc_is_activated_held_and_stood_down(pages: Pages) -> None:
    async with phone(pages.city, "director's phone") as own:
        await own.enroll(pages.mission, "eoc-director")
        await _eoc_day(own)


async def _eoc_day(own: Phone) -> None:
    activated = await own.sign("/state/activate", {"sure": "yes", "level": "2", "incident": "Fraser River flood"})
    assert activated.get("to", "").startswith("/state"), activated
    assert "Fraser River flood" in (await own.get(activated["to"])).words
    assert (await own.ask("/state/activate", {"sure": "yes"}))["error"]["code"] == "order.past"
    held = await own.sign("/state/hold", {"sure": "yes"})
    assert "HOLD is on" in (await own.get(held["to"])).text
    for deed in ("release", "stand-down"):
        page = f"/state/{deed}"
        assert (await own.ask(page, {"sure": "yes"}))["error"]["code"] == "order.past", "its page says what it ends"
        assert (await own.sign(page, await own.hidden(page) | {"sure": "yes"}))["to"]


async def test_a_post_from_outside_is_acknowledged_by_passkey(pages: Pages) -> None:
    """Shown as harmless words with its evidence; signed once, with a reason, by who may, for what the page showed."""
    own, writer = pages.phone, await pages.mission.writer("fanout")
    now = SystemClock().now()
    said = b'{"text": "<b>Free barbecue</b>"}'
    post = OutsidePost(
        at=now,
        outside="3fa2b1",
        profile="fire-townsquare",
        platform="townsquare",
        account="@fire",
        remote_id="7",
        url="https://townsquare.example/@fire/7",
        published_at=now,
        text="<b>Free barbecue</b> at \u202ethe hall",
        record_sha256=await writer.ledger.put_media(said),
        worker="one",
    )
    await writer.ledger.append(subjects.outside(post.profile, post.outside), post)

    async def told() -> bool:
        return "1 post did not come through OneVoice" in (await own.get("/")).words

    await eventually(told)
    page = await own.get("/outside/3fa2b1")
    assert "&lt;b&gt;Free barbecue&lt;/b&gt;" in page.text
    assert "\u202e" not in page.text
    kept = await own.get("/outside/3fa2b1/record")
    assert kept.text.encode() == said
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert (await own.get("/outside/3fa2b1/card")).status == 404
    seq = re.search(r'name="seq" value="([0-9]+)"', page.text)
    assert seq is not None
    fields = {"seq": seq[1], "reason": "Taken down; password changed."}
    for wrong, code in (({"reason": " "}, "reason.length"), ({"seq": "1"}, "outside.changed")):
        assert (await own.ask("/outside/3fa2b1", fields | wrong))["error"]["code"] == code
    assert (await own.ask("/outside/ffff", fields))["error"]["code"] == "outside.unknown"
    done = await own.sign("/outside/3fa2b1", fields)
    assert done["to"].startswith("/outside"), done
    assert "barbecue" not in (await own.get(done["to"])).words
    assert "Seen by mcpe. Taken down; password changed." in (await own.get("/outside?all")).words
    again = await own.get("/outside/3fa2b1")
    assert "Taken down" in again.words
    assert "data-passkey" not in again.text


async def test_a_signature_counts_for_its_statement_alone(pages: Pages) -> None:
    """Replayed, without the person's finger, for another statement, or by another passkey: nothing is done."""
    own = pages.phone
    asked = await own.ask("/state/hold", {"sure": "yes"})
    other = await own.ask("/state/hold", {"sure": "yes"})
    crossed = await own.ask(asked["then"], own.answer(other))
    assert crossed["error"]["code"] == "order.signature"
    replayed = await own.ask(asked["then"], own.answer(asked))
    assert replayed["error"]["code"] == "sign.late"
    unseen = await own.sign("/state/hold", {"sure": "yes"}, flags=1)
    assert unseen["error"]["code"] == "order.signature"
    elsewhere = await own.sign("/state/hold", {"sure": "yes"}, origin="https://evil.example")
    assert elsewhere["error"]["code"] == "order.signature"
    assert "HOLD is on" not in (await own.get("/state")).text


async def test_what_was_typed_outlives_the_session(pages: Pages) -> None:
    own = pages.phone
    path = await draft(pages, "First words.")
    number = re.search(r"/sessions/([0-9a-f]+)/end", (await own.get("/sessions")).text)
    assert number is not None
    await own.post(f"/sessions/{number[1]}/end")
    lost = await own.post(path, {"text": "Last words before the battery died.", "reach": "some", "to": FIRE})
    assert lost.path.startswith("/sign-in")
    await own.sign_in()
    assert "Last words before the battery died." in (await own.get(path)).text


async def test_the_code_of_a_new_passkey_is_shown_to_the_browser_that_made_it_alone(pages: Pages) -> None:
    """Whoever intercepted a link cannot have the officer read the code of the thief's passkey from a genuine page."""
    own = pages.phone
    code = passkey_code(own.passkey.passkey)
    shown = await own.get("/enroll/done?code=ASDW-H44N&proposal=17")
    assert code in shown.words
    assert "ASDW-H44N" not in shown.text
    async with phone(pages.city, "stranger") as stranger:
        for path in ("/enroll/done", "/enroll/done?code=ASDW-H44N&proposal=17"):
            assert (await stranger.get(path)).status == 404
        assert (await stranger.get("/enroll/done", Cookie="enrolled=x")).status == 404


async def test_a_revoked_officer_is_signed_out(pages: Pages) -> None:
    own = pages.phone
    assert (await own.get("/")).path == "/"
    cao = await pages.mission.desk("cao")
    assert "error" not in await cao.register(Revoke(officer="mcpe"))
    await confirm_all(await pages.mission.desk("pio"))

    async def out() -> bool:
        return (await own.get("/")).path.startswith("/sign-in")

    await eventually(out)
