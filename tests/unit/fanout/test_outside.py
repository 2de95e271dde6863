"""Which posts on a profile did not come through the gate, and what is kept of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.events.authority import Profile
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.outside import MAX_TEXT
from services.fanout.connectors.listing import ProfilePost
from services.fanout.domain.outside import OVERLAP, SETTLES, Gathered, Ours, looked_until, oldest, outside_id, ripe
from services.fanout.watching.evidence import MAX_RECORD, card_of, record_of, shortened
from services.fanout.watching.marks import WatchMarks
from tests.support.messages import receipt_on

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIRE = Profile(id="fire-townsquare", department="fire", platform="mastodon", account="@fire@townsquare")


def post(name: str = "7", text: str = "All clear!", ago: float = 600.0, **more: Any) -> ProfilePost:
    values: dict[str, Any] = {"url": f"https://social.example/@fire/{name}", "record": {"id": name}}
    return ProfilePost(id=name, text=text, at=NOW - timedelta(seconds=ago), **(values | more))


def receipt(**more: Any) -> Receipt:
    return receipt_on("r1", FIRE.id, 5, NOW, **more)


def test_what_a_receipt_names_is_ours_each_part_of_a_thread_too() -> None:
    gathered = Gathered()
    gathered.note_receipt(receipt(remote_id="7,8"))
    ours = Ours(frozenset(gathered.ids), frozenset(gathered.urls))
    assert [ours.holds(post(name)) for name in ("7", "8", "9")] == [True, True, False]


def test_what_an_officer_said_where_it_stands_is_ours_by_its_address() -> None:
    gathered = Gathered()
    gathered.note_receipt(receipt(url="https://social.example/@fire/9", resolution_seq=12))
    ours = Ours(urls=frozenset(gathered.urls))
    assert ours.holds(post("9"))
    assert not ours.holds(post("10"))
    assert not Ours(urls=frozenset({""})).holds(post("11", url=""))


def test_an_attempt_that_no_receipt_names_a_post_of_may_be_its_own_words() -> None:
    gathered = Gathered()
    for request in ("r1", "r2"):
        gathered.note_attempt(request)
    gathered.note_receipt(receipt(remote_id="7"))
    gathered.note_receipt(receipt(request_id="r2", outcome=ReceiptOutcome.UNCONFIRMED))
    assert gathered.unnamed == {"r2"}
    ours = Ours(texts=("Boil  water.",))
    assert ours.holds(post(text="Boil water."))
    assert not ours.holds(post(text="Boil water!"))


def test_what_was_taken_back_by_us_stood_there_by_us() -> None:
    gathered = Gathered()
    gathered.note_receipt(receipt(outcome=ReceiptOutcome.UNCONFIRMED, remote_id="7"))
    assert gathered.ids == {"7"}


def test_what_is_a_moment_old_or_older_than_the_watch_is_let_be() -> None:
    settled = SETTLES.total_seconds()
    posts = [post("1", ago=settled - 1), post("2", ago=settled), post("3", ago=3_600), post("4", ago=3_601)]
    assert [one.id for one in ripe(posts, NOW - timedelta(hours=1), NOW, {})] == ["3", "2"]


def test_a_post_of_the_future_is_as_old_as_it_was_first_seen() -> None:
    """Else who dates it to next year is never told of."""
    ahead = [post("1", ago=-3_600)]
    since = NOW - timedelta(hours=1)
    assert ripe(ahead, since, NOW, {"1": NOW}) == []
    assert ripe(ahead, since, NOW, {}) == []
    assert ripe(ahead, since, NOW + SETTLES, {"1": NOW}) == ahead


def test_each_look_overlaps_the_one_before_and_never_goes_behind_the_beginning() -> None:
    assert looked_until(NOW, NOW - timedelta(days=1)) == NOW - SETTLES - OVERLAP
    assert looked_until(NOW, NOW - timedelta(minutes=1)) == NOW - timedelta(minutes=1)


def test_an_outside_post_has_one_id_on_its_profile_and_another_on_another() -> None:
    assert outside_id(FIRE.id, "7") == outside_id(FIRE.id, "7")
    assert len({outside_id(FIRE.id, "7"), outside_id(FIRE.id, "8"), outside_id("water", "7")}) == 3
    assert len(outside_id(FIRE.id, "7")) == 16


def test_the_marks_outlive_the_process_and_begin_anew_for_another_account(tmp_path: Path) -> None:
    marks = WatchMarks(tmp_path / "watch.json")
    assert not marks.load()
    first = marks.of(FIRE, NOW)
    assert (first.begun, first.since) == (NOW, NOW)
    marks.save()
    later = WatchMarks(tmp_path / "watch.json")
    assert later.load()
    hour = NOW + timedelta(hours=1)
    assert later.of(FIRE, hour) == first
    moved = FIRE.model_copy(update={"account": "@brigade@townsquare"})
    assert later.of(moved, hour).begun == hour


def test_marks_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    for bent in (b"", b"[]", b'{"a": {"account": 1}}', b'{"a": {"account": "x", "begun": "y", "since": "z"}}'):
        (tmp_path / "watch.json").write_bytes(bent)
        assert WatchMarks(tmp_path / "watch.json").load() is (bent == b"[]" and False)


def test_the_record_holds_what_the_platform_said() -> None:
    kept = json.loads(record_of(FIRE, post(record={"id": "7", "content": "<p>All clear!</p>", "focus": 0.5})))
    assert kept["said"]["content"] == "<p>All clear!</p>"
    assert (kept["profile"], kept["id"], kept["text"]) == (FIRE.id, "7", "All clear!")
    assert kept["published_at"] == "2026-11-26T11:50:00+00:00"


def test_a_record_that_is_too_long_or_no_json_keeps_the_words() -> None:
    for said in ({"content": "x" * MAX_RECORD}, {"content": {1, 2}}, {"content": "\ud800"}):
        raw = record_of(FIRE, post(record=said))
        assert len(raw) <= MAX_RECORD
        assert json.loads(raw)["text"] == "All clear!"


def test_a_picture_is_made_of_any_words() -> None:
    for text in ("All clear!", "🔥" * 40, "x" * 20_000, "word " * 4_000, "a\u202eb\x1b[2J", "", "漢字かな", "\ud800"):
        card = card_of(FIRE, post(text=text), "Nov 26, 4:00")
        assert card is not None, text[:20]
        assert card.startswith(b"\xff\xd8")


def test_long_words_are_cut_and_say_so_in_the_event() -> None:
    assert shortened("short") == "short"
    cut = shortened("x" * 10_000)
    assert len(cut) == MAX_TEXT
    assert cut.endswith(" [...]")


def test_the_oldest_of_some_posts_says_how_far_back_ours_are_asked_for() -> None:
    assert oldest([post(ago=ago) for ago in (60.0, 900.0, 300.0)]) == NOW - timedelta(seconds=900)


@pytest.mark.parametrize(
    ("remote_id", "url", "parts", "ours"),
    [
        ("1", "", (), True),
        ("7,1", "", (), True),
        ("7", "https://x.example/1", (), True),
        ("7", "", ("One.", "Two  words."), True),
        ("7", "https://x.example/7", ("One.",), False),
    ],
)
def test_a_message_that_was_found_may_be_ours_by_name_or_by_its_words(
    remote_id: str, url: str, parts: tuple[str, ...], ours: bool
) -> None:
    known = Ours(frozenset({"1"}), frozenset({"https://x.example/1"}), ("Two words.",))
    assert known.may_be(remote_id, url, parts) is ours
