"""The townsquare: what it keeps, what it refuses, how it misbehaves, and its pages."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.kernel.base.clock import ManualClock, monotonic
from services.kernel.base.errors import BadInput
from services.townsquare import make_accounts, start
from services.townsquare.__main__ import main
from services.townsquare.posts import PostDraft, Posts
from tests.integration.connectors.harnesses import PNG, MastodonHarness, a_city, an_intent, store
from tests.integration.connectors.test_website import Outline
from tests.support.mission import PATIENCE, eventually


@asynccontextmanager
async def as_user(mastodon: MastodonHarness, name: str | None) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {}
    if name is not None:
        token = mastodon.city.token_path(f"{name}-mastodon").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(mastodon.running.url, headers=headers) as session:
        yield session


async def post(session: aiohttp.ClientSession, text: str, key: str | None = None, **body: Any) -> tuple[int, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    async with session.post("/api/v1/statuses", json={"status": text, **body}, headers=headers) as response:
        return response.status, await response.json()


async def test_a_key_gives_the_first_post_again_whatever_the_body_says(mastodon: MastodonHarness) -> None:
    """As Mastodon does: the same key with another body is answered with the first post, in silence."""
    async with as_user(mastodon, "fire") as fire, as_user(mastodon, "water") as water:
        _, first = await post(fire, "One", key="k")
        _, again = await post(fire, "Two", key="k")
        _, others = await post(water, "Three", key="k")
    assert first["id"] == again["id"]
    assert others["id"] != first["id"]


async def test_a_key_whose_post_was_deleted_answers_not_found(mastodon: MastodonHarness) -> None:
    """As Mastodon does: it remembers the id for an hour, and looks for that; another key posts."""
    async with as_user(mastodon, "fire") as fire:
        _, first = await post(fire, "One", key="k")
        await fire.delete(f"/api/v1/statuses/{first['id']}")
        assert await post(fire, "One", key="k") == (404, {"error": "Record not found"})
        assert (await post(fire, "One", key="l"))[0] == 200
        status, answer = await post(fire, "It answers what is gone.", in_reply_to_id=first["id"])
        assert (status, "reply to" in answer["error"]) == (404, True)


async def test_many_at_once_with_one_key_are_one_post(mastodon: MastodonHarness) -> None:
    async with as_user(mastodon, "fire") as fire:
        answers = await asyncio.gather(*(post(fire, "One", key="k") for _ in range(20)))
    assert len({answer["id"] for _, answer in answers}) == 1


async def test_a_key_lives_an_hour(tmp_path: Path) -> None:
    """Then the same key makes a new post."""
    clock = ManualClock(datetime(2026, 1, 31, 14, tzinfo=UTC))
    posts = Posts(tmp_path, clock)
    posts.open()
    first = await posts.create("fire", PostDraft("One"), "k")
    clock.time += timedelta(minutes=59)
    assert first == await posts.create("fire", PostDraft("One"), "k")
    clock.time += timedelta(minutes=2)
    assert first.id != (await posts.create("fire", PostDraft("One"), "k")).id
    await posts.close()


async def test_posts_keys_and_pictures_outlive_a_restart(tmp_path: Path) -> None:
    """All that was answered is there after it, also what was deleted stays deleted."""
    posts = Posts(tmp_path)
    posts.open()
    media = await posts.add_media("fire", PNG, "image/png", "A map")
    kept = await posts.create("fire", PostDraft("Kept", media_ids=(media.id,)), "k")
    gone = await posts.create("fire", PostDraft("Gone"), None)
    await posts.delete("fire", gone.id)
    await posts.close()
    again = Posts(tmp_path)
    again.open()
    assert again.newest(None, 10) == [kept]
    assert kept == await again.create("fire", PostDraft("Other"), "k")
    assert again.media == {media.id: media}
    await again.close()


async def test_a_line_that_a_crash_tore_is_cut_off(tmp_path: Path) -> None:
    """What was never acknowledged goes; what was stays; writing goes on behind it."""
    posts = Posts(tmp_path)
    posts.open()
    kept = await posts.create("fire", PostDraft("Kept"), None)
    await posts.close()
    with (tmp_path / "posts.jsonl").open("ab") as file:
        file.write(b'{"type":"post","id":"9')
    again = Posts(tmp_path)
    again.open()
    newer = await again.create("fire", PostDraft("Newer"), None)
    await again.close()
    last = Posts(tmp_path)
    last.open()
    assert last.newest("fire", 10) == [newer, kept]
    await last.close()


async def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """A broken line in the middle stops the start, with its number."""
    (tmp_path / "posts.jsonl").write_text('{"broken\n{}\n')
    with pytest.raises(BadInput, match=r"posts\.jsonl, line 1"):
        Posts(tmp_path).open()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"status": ""}, "can't be blank"),
        ({"status": "x" * 501}, "character limit of 500"),
        ({"status": "x", "media_ids": ["1"]}, "the media 1"),
        ({"status": "x", "in_reply_to_id": "1"}, "reply to"),
        ({"status": "x", "scheduled_at": "2027-01-01T00:00:00Z"}, "scheduled"),
        ({"status": ["x"]}, "is a text"),
    ],
)
async def test_a_bad_post_is_refused_with_words(mastodon: MastodonHarness, body: dict[str, Any], words: str) -> None:
    async with as_user(mastodon, "fire") as fire, fire.post("/api/v1/statuses", json=body) as response:
        assert response.status in (404, 422)
        assert words in (await response.json())["error"]
    assert await mastodon.stands(mastodon.profile("fire")) == []


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(mastodon: MastodonHarness, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with as_user(mastodon, "fire") as fire, fire.post("/api/v1/statuses", data=raw, headers=headers) as response:
        assert response.status == 400


async def test_who_has_no_token_posts_deletes_and_reads_sources_of_nothing(mastodon: MastodonHarness) -> None:
    """401 without a token, 404 for what is another account's."""
    async with as_user(mastodon, "fire") as fire:
        _, made = await post(fire, "Mine")
    async with as_user(mastodon, None) as nobody, as_user(mastodon, "water") as water:
        assert (await post(nobody, "x"))[0] == 401
        for session, status in ((nobody, 401), (water, 404)):
            assert (await session.delete(f"/api/v1/statuses/{made['id']}")).status == status
            assert (await session.get(f"/api/v1/statuses/{made['id']}/source")).status == status
    assert len(await mastodon.stands(mastodon.profile("fire"))) == 1


async def test_a_picture_must_be_one(mastodon: MastodonHarness) -> None:
    """What is not a JPEG, PNG or WebP by its bytes is refused, and so is one picture for two posts."""
    async with as_user(mastodon, "fire") as fire:
        form = aiohttp.FormData()
        form.add_field("file", b"<svg onload=alert(1)>", filename="x.png", content_type="image/png")
        assert (await fire.post("/api/v2/media", data=form)).status == 422
        form = aiohttp.FormData()
        form.add_field("file", PNG, filename="x.png", content_type="image/png")
        media = await (await fire.post("/api/v2/media", data=form)).json()
        assert (await post(fire, "One", media_ids=[media["id"]]))[0] == 200
        assert (await post(fire, "Two", media_ids=[media["id"]]))[0] == 422


async def test_fault_injection_needs_the_token(mastodon: MastodonHarness) -> None:
    """Nobody without the file's token changes how the platform behaves; a bad order is named."""
    async with aiohttp.ClientSession(mastodon.running.url) as session:
        assert (await session.post("/admin/faults", json={"kind": "slow"})).status == 403
        token = (mastodon.city.var / "townsquare" / "admin.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        assert (await session.post("/admin/faults", json={"kind": "x"}, headers=headers)).status == 422
        await mastodon.misbehave("slow", seconds=1, calls=3)
        listed = await (await session.get("/admin/faults", headers=headers)).json()
        assert [(fault["kind"], fault["calls"]) for fault in listed] == [("slow", 3)]
        await session.delete("/admin/faults", headers=headers)
        assert await (await session.get("/admin/faults", headers=headers)).json() == []


async def test_a_fault_hits_the_account_that_it_names_only(mastodon: MastodonHarness) -> None:
    token = (mastodon.city.var / "townsquare" / "admin.token").read_text().strip()
    order = json.dumps({"kind": "rate_limit", "account": "water", "seconds": 5})
    async with aiohttp.ClientSession(mastodon.running.url) as session:
        await session.post("/admin/faults", data=order, headers={"Authorization": f"Bearer {token}"})
    async with as_user(mastodon, "fire") as fire, as_user(mastodon, "water") as water:
        assert (await post(fire, "x"))[0] == 200
        assert (await post(water, "x"))[0] == 429
        assert (await post(water, "x"))[0] == 200


# --- faults: what each kind does ---------------------------------------------------------------------------


async def test_a_page_of_html_comes_instead_of_an_answer_before_or_after_the_post(mastodon: MastodonHarness) -> None:
    for kind, status, stand in (("html_before", 200, 0), ("html_before", 502, 0), ("html_after", 200, 1)):
        await mastodon.misbehave(kind, status=status)
        async with (
            as_user(mastodon, "fire") as fire,
            fire.post("/api/v1/statuses", json={"status": "x"}) as response,
        ):
            assert (response.status, response.content_type) == (status, "text/html")
        assert len(await mastodon.stands(mastodon.profile("fire"))) == stand


async def test_a_flood_is_ten_megabytes_and_the_post_stands(mastodon: MastodonHarness) -> None:
    await mastodon.misbehave("flood_after")
    async with as_user(mastodon, "fire") as fire, fire.post("/api/v1/statuses", json={"status": "x"}) as response:
        assert len(await response.read()) >= 10 * 1024 * 1024
    assert len(await mastodon.stands(mastodon.profile("fire"))) == 1


async def test_a_drip_gives_its_answer_byte_by_byte(mastodon: MastodonHarness) -> None:
    """The whole answer, in many pieces, over about the time that was asked for."""
    await mastodon.misbehave("drip", seconds=1)
    began = monotonic()
    async with as_user(mastodon, "fire") as fire, fire.post("/api/v1/statuses", json={"status": "x"}) as response:
        pieces = [piece async for piece in response.content.iter_any()]
    assert json.loads(b"".join(pieces))["content"] == "<p>x</p>"
    assert len(pieces) > 20
    assert monotonic() - began > 0.8


@pytest.mark.parametrize(("kind", "stand"), [("never_before", 0), ("never_after", 1)])
async def test_it_can_say_nothing_at_all(mastodon: MastodonHarness, kind: str, stand: int) -> None:
    await mastodon.misbehave(kind)
    async with as_user(mastodon, "fire") as fire:
        asked = asyncio.create_task(post(fire, "x"))

        async def stands() -> bool:
            return len(await mastodon.stands(mastodon.profile("fire"))) == stand

        await eventually(stands)
        await asyncio.wait({asked}, timeout=0.5)
        assert not asked.done()
        asked.cancel()
    assert await stands()


async def test_a_post_can_vanish_after_it_was_accepted(mastodon: MastodonHarness) -> None:
    """Answered with 200 and its id, and gone for good a moment later, also after a restart."""
    await mastodon.misbehave("vanish", seconds=3)
    async with as_user(mastodon, "fire") as fire:
        status, made = await post(fire, "x")
        assert status == 200
        assert (await fire.get(f"/api/v1/statuses/{made['id']}")).status == 200
        async with asyncio.timeout(PATIENCE):
            while (await fire.get(f"/api/v1/statuses/{made['id']}")).status != 404:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.1)
    again = Posts(mastodon.city.var / "townsquare")
    again.open()
    assert again.posts == {}
    await again.close()


async def test_a_listing_can_lag_behind_while_the_post_itself_stands(mastodon: MastodonHarness) -> None:
    async with as_user(mastodon, "fire") as fire:
        _, made = await post(fire, "x")
        path = f"/api/v1/accounts/{made['account']['id']}/statuses"
        await mastodon.misbehave("lag", seconds=60, on="read", calls=1)
        assert await (await fire.get(path)).json() == []
        await mastodon.misbehave("lag", seconds=0.001, on="read", calls=1)
        assert len(await (await fire.get(path)).json()) == 1
        assert (await fire.get(f"/api/v1/statuses/{made['id']}")).status == 200


async def test_a_refusal_begins_in_the_middle_of_a_burst(mastodon: MastodonHarness) -> None:
    """From the third call on, for two calls; in the platform's words."""
    await mastodon.misbehave("unauthorized", skip=2, calls=2)
    async with as_user(mastodon, "fire") as fire:
        answers = [await post(fire, f"Number {number}") for number in range(5)]
    assert [status for status, _ in answers] == [200, 200, 401, 401, 200]
    assert answers[2][1]["error"] == "The access token is invalid"


async def test_a_suspended_account_is_refused_for_reading_and_posting(mastodon: MastodonHarness) -> None:
    await mastodon.misbehave("suspended", on="any", calls=2)
    async with as_user(mastodon, "fire") as fire:
        status, body = await post(fire, "x")
        assert (status, body["error"]) == (403, "Your login is currently disabled")
        assert (await fire.get("/api/v1/accounts/verify_credentials")).status == 403
        assert (await fire.get("/api/v1/accounts/verify_credentials")).status == 200


@pytest.mark.parametrize(("seconds", "header"), [(7, "7"), (None, None)])
async def test_a_rate_limit_says_how_long_or_nothing(
    mastodon: MastodonHarness, seconds: float | None, header: str | None
) -> None:
    await mastodon.misbehave("rate_limit", seconds=seconds)
    async with as_user(mastodon, "fire") as fire, fire.post("/api/v1/statuses", json={"status": "x"}) as response:
        assert response.status == 429
        assert response.headers.get("Retry-After") == header


async def test_pages_have_language_landmarks_headings_and_descriptions(mastodon: MastodonHarness) -> None:
    """Front, profile, post, thread, and what is not there; nothing of a post becomes markup."""
    evil = '<script>alert(1)</script> "quoted" https://mission.example/"onmouseover=alert(1)'
    fire = mastodon.profile("fire")
    posted = await mastodon.connector.publish(an_intent(fire, evil, "Second part"), store)
    first = posted.remote_id.partition(",")[0]  # type: ignore[union-attr]
    async with as_user(mastodon, None) as session:
        for path, status in (
            ("/", 200),
            ("/@fire", 200),
            (f"/@fire/{first}", 200),
            ("/@nobody", 404),
            ("/@fire/1", 404),
        ):
            response = await session.get(path)
            page = await response.text()
            outline = Outline(page)
            assert response.status == status, path
            assert outline.language == "en-CA", path
            assert outline.tags.count("main") == 1, path
            assert outline.headings.count(1) == 1, path
            assert outline.headings[0] == 1, path
            assert "script" not in outline.tags, path
            assert '"onmouseover' not in page, path
            assert "script-src" not in response.headers["Content-Security-Policy"], path
            assert "default-src 'none'" in response.headers["Content-Security-Policy"], path


async def test_older_posts_are_on_the_next_pages(mastodon: MastodonHarness) -> None:
    """Following "Older posts" from the front page reaches every post once."""
    async with as_user(mastodon, "fire") as fire:
        for number in range(45):
            await post(fire, f"Number {number}.")
        path, found = "/", []
        while True:
            page = await (await fire.get(path)).text()
            found += [int(number) for number in re.findall(r"<p>Number (\d+)\.</p>", page)]
            older = re.search(r'href="(\?before=\d+)"', page)
            if older is None:
                break
            path = "/" + older.group(1)
    assert found == list(range(44, -1, -1))


# --- accounts and start -----------------------------------------------------------------------------------


def test_the_accounts_file_holds_no_token_and_is_the_owners_only(tmp_path: Path) -> None:
    """Hashes only; mode 0600; a second call adds, and keeps ids."""
    first = make_accounts(tmp_path, [("fire", "Fire", "")])
    second = make_accounts(tmp_path, [("water", "Water", ""), ("fire", "Fire Rescue", "")])
    path = tmp_path / "var" / "townsquare" / "accounts.json"
    text = path.read_text()
    assert not any(token in text for token in (*first.values(), *second.values()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [(one["id"], one["username"]) for one in json.loads(text)] == [("1001", "fire"), ("1002", "water")]


async def test_a_new_account_can_post_without_a_restart(mastodon: MastodonHarness) -> None:
    """The file is read again when it changes."""
    token = make_accounts(mastodon.city.folder, [("forestry", "Forestry", "")])["forestry"]
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(mastodon.running.url, headers=headers) as session:
        assert (await post(session, "x"))[0] == 200


async def test_no_accounts_no_townsquare_port_in_use(tmp_path: Path, mastodon: MastodonHarness) -> None:
    """Each is one clear error."""
    with pytest.raises(BadInput, match="no accounts"):
        await start(a_city(tmp_path / "empty"), 0)
    with pytest.raises(BadInput, match="something does already"):
        await start(mastodon.city, int(mastodon.running.url.rpartition(":")[2]))


def test_the_program_says_what_is_wrong_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a person, and the exit status of wrong use."""
    assert main(["--city", str(tmp_path)]) == 2
    assert "city.toml" in capsys.readouterr().err
