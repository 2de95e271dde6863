"""The hub: in order, nothing twice, nothing skipped; and the messages that its entries tell of."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.desk import BoardEvent
from services.desk.views.message.messages import MessageIndex
from services.kernel.base.clock import ManualClock
from services.web.domain.news import news_of
from services.web.hub import KEPT, Hub
from tests.support.broker import PATIENCE

AT = datetime(2026, 11, 26, 11, 14, 7, tzinfo=UTC)


def event(seq: int, subject: str = "ledger.control", **body: Any) -> BoardEvent:
    """An entry as the board tells it."""
    return BoardEvent(seq=seq, subject=subject, at=AT, body=body)


def request(seq: int, name: str, text: str, **more: Any) -> BoardEvent:
    """A request's entry."""
    content = {"act": more.pop("act", None), "expires": more.pop("expires", None)}
    fields = {
        "author": "clerk",
        "text": text,
        "targets": ["fire-website"],
        "renderings": [{"body": json.dumps(content)}],
    }
    return event(seq, f"ledger.request.{name}", **(fields | more))


def receipt(seq: int, name: str, profile: str = "fire-website", outcome: str = "delivered") -> BoardEvent:
    """A receipt's entry."""
    return event(seq, f"ledger.receipt.{profile}.{name}", profile=profile, outcome=outcome, url="https://x.example/1")


def made(*events: BoardEvent, most: int = KEPT) -> Hub:
    """A hub that was told this."""
    hub = Hub(ManualClock(AT), most)
    for one in events:
        hub.add(one)
    return hub


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(0, 30))
def test_whoever_reads_on_gets_each_later_entry_once_and_in_order(told: list[int], seen: int) -> None:
    """However often and late entries are told, a reader gets those above its place that were new when they came."""
    hub = made(*(event(seq) for seq in told))
    kept: list[int] = []
    for seq in told:
        if not kept or seq > kept[-1]:
            kept.append(seq)
    assert [one.seq for one in hub.after(seen)] == [seq for seq in kept if seq > seen]


def test_a_place_before_what_is_kept_is_known_as_such() -> None:
    hub = made(*(event(seq) for seq in range(1, 8)), most=3)
    assert not hub.holds(3)
    assert hub.holds(4)
    assert [one.seq for one in hub.after(4)] == [5, 6, 7]
    assert not hub.holds(9)


def test_after_five_seconds_without_the_board_the_pages_are_not_live() -> None:
    clock = ManualClock(AT)
    hub = Hub(clock)
    assert not hub.alive()
    hub.beat()
    clock.time += timedelta(seconds=4.9)
    assert hub.alive()
    clock.time += timedelta(seconds=0.2)
    assert not hub.alive()


async def test_who_waits_is_woken_by_the_next_entry() -> None:
    hub = made()
    waiting = asyncio.create_task(hub.wait(30))
    await asyncio.sleep(0)
    hub.add(event(1))
    await asyncio.wait_for(waiting, PATIENCE)


def test_what_holds_is_out_and_neither_ended_nor_expired() -> None:
    ends = (AT + timedelta(hours=1)).isoformat()
    hub = made(
        request(1, "ra", "Water is off"),
        receipt(2, "ra"),
        request(3, "rb", "Road closed", expires=ends),
        receipt(4, "rb"),
        request(5, "rc", "Not out yet"),
        request(6, "rd", "Water is back", act="all_clear", follows="ra"),
    )
    messages = hub.messages
    assert [one.request_id for one in messages.holding(AT)] == ["rb", "ra"]
    hub.add(receipt(7, "rd"))
    assert [one.request_id for one in messages.holding(AT)] == ["rd", "rb"]
    assert [one.request_id for one in messages.holding(AT + timedelta(hours=2))] == ["rd"]


def test_a_recall_holds_nothing_and_the_mirror_is_no_profile() -> None:
    hub = made(request(1, "ra", "Wrong"), receipt(2, "ra"), receipt(3, "ra", "website-mirror"))
    hub.add(request(4, "rb", "Does not apply", act="recall", replaces="ra"))
    hub.add(receipt(5, "rb", outcome="recalled"))
    assert hub.messages.holding(AT) == []


def test_what_was_said_on_a_message_is_kept_as_long_as_its_entries() -> None:
    """In the ledger's order with what follows it; what falls out of memory is asked of the ledger again."""
    first = (request(1, "ra", "Water is off"), request(2, "rb", "Else"), request(3, "rc", "On again", follows="ra"))
    hub = made(*first, most=5)
    hub.add(receipt(4, "ra"))
    assert [one.seq for one in hub.on_message("ra") or ()] == [1, 3, 4]
    assert set(hub.names_with("rc")) == {"ra", "rc"}
    assert hub.names_with("unknown") == ("unknown",)
    hub.add(receipt(5, "rc"))
    assert [one.seq for one in hub.on_message("rc") or ()] == [1, 3, 4, 5]
    hub.add(receipt(6, "rb"))
    assert hub.on_message("ra") is None
    assert [one.seq for one in hub.on_message("rb") or ()] == [2, 6]
    for seq in range(7, 12):
        hub.add(event(seq))
    assert hub._on == {}


def test_search_finds_words_in_any_order() -> None:
    hub = made(request(1, "ra", "Road closed at Dewdney Trunk"), request(2, "rb", "Hydrant flushing"))
    assert [one.request_id for one in hub.messages.search("DEWDNEY road")] == ["ra"]
    assert [one.request_id for one in hub.messages.search("")] == ["rb", "ra"]
    assert hub.messages.search("nothing such") == []


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"action": "hold", "on": True}, "stopped all posts (hold)"),
        ({"action": "eoc_activate", "level": 2, "incident": "Flood"}, "activated the EOC, level 2: Flood"),
        ({"action": "settings"}, "changed the city's authority (settings)"),
    ],
)
def test_an_order_is_told_in_words(action: dict[str, Any], said: str) -> None:
    payload = base64.b64encode(json.dumps({"officer": "pio", "action": action}).encode()).decode()
    news = news_of(event(1, type="ordered", order={"payload": payload}))
    assert (news.who, news.what) == ("pio", said)


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.text(max_size=8), st.integers())))
def test_an_entry_that_makes_no_sense_keeps_its_place_and_says_nothing(body: dict[str, Any]) -> None:
    for subject in ("ledger.control", "ledger.request.ra", "ledger.receipt.p.ra", "ledger.verdict.ra", "junk"):
        hub = made(BoardEvent(seq=1, subject=subject, at=AT, body=body))
        assert [one.seq for one in hub.after(0)] == [1]


def test_what_was_said_on_a_message_and_its_followers_is_in_memory_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = made(
        request(1, "ra", "Water is off"),
        receipt(2, "ra"),
        request(3, "rb", "Road closed"),
        request(4, "rc", "Water is back", act="all_clear", follows="ra"),
        receipt(5, "rc"),
    )
    for name in ("ra", "rc"):
        assert [one.seq for one in hub.on_message(name) or ()] == [1, 2, 4, 5]
    assert [one.seq for one in hub.on_message("rb") or ()] == [3]
    assert hub.on_message("rz") is None
    hub._begin = 1
    assert hub.on_message("rc") is None, "the one that it ends is older than what is kept"
    assert hub.on_message("rb") is not None


def test_the_newest_change_of_control_is_known() -> None:
    hub = made(event(1), request(2, "ra", "Go"))
    assert (hub.seq, hub.control_seq) == (2, 1)


def test_older_entries_come_later_and_are_found_and_count_all_the_same() -> None:
    hub = Hub(ManualClock(AT))
    hub.begin(4)
    hub.add(receipt(5, "ra"))
    hub.add(request(6, "rc", "Water is back", act="all_clear", follows="rb"))
    hub.add(receipt(7, "rc"))
    hub.add(request(8, "rd", "Water main is repaired"))
    assert (hub.older_left, hub.after(0)[0].seq) == (4, 5)
    hub.add_older(2, (receipt(3, "rb"), event(4), request(5, "rz", "Never here")))
    assert hub.older_left == 2
    hub.add_older(0, (request(1, "ra", "Road closed"), request(2, "rb", "Water is off"), event(3)))
    assert hub.older_left == 0
    assert [one.request_id for one in hub.messages.search("")] == ["rd", "rc", "rb", "ra"]
    assert [one.request_id for one in hub.messages.search("water")] == ["rd", "rc", "rb"]
    assert [one.request_id for one in hub.messages.holding(AT)] == ["rc", "ra"], "rb was ended by one that came later"


def test_the_past_is_read_until_there_is_no_place_for_more() -> None:
    """Its newest messages are kept, and an earlier revision does not stand for the later one."""
    index = MessageIndex(1, older=MessageIndex(2))
    index.add(request(9, "rd", "Fourth"))
    index.add_older(request(8, "rc", "Third, corrected"))
    for one in (
        receipt(7, "rb"),
        request(6, "rc", "Third"),
        request(5, "rd", "Fourth, before"),
        request(4, "rb", "Two"),
    ):
        index.add_older(one)
    assert index.older is not None
    assert index.older.full
    index.add_older(request(3, "ra", "First"))
    assert [(one.text, one.posts) for one in index.newest_first()] == [
        ("Fourth", ()),
        ("Third, corrected", ()),
        ("Two", ("fire-website",)),
    ]


def test_what_ended_an_older_message_may_be_among_the_older_ones_or_gone() -> None:
    index = MessageIndex(1, older=MessageIndex(3))
    index.add(request(9, "rd", "Newest"))
    index.add_older(receipt(8, "rc"))
    index.add_older(request(7, "rc", "Water is back", act="all_clear", follows="rb"))
    index.add_older(request(6, "rb", "Water is off"))
    assert (found := index.line("rb")) is not None
    assert found.ended_by == "rc"
    for number in range(10, 14):
        index.add(request(number, f"r{number}", "More"))
    assert index.line("rc") is None
    assert index.line("rb") is None


def test_what_leaves_the_newest_messages_is_an_older_one() -> None:
    index = MessageIndex(2, older=MessageIndex(2))
    for number in range(1, 7):
        index.add(request(number, f"r{number}", f"Message {number}"))
    assert [one.request_id for one in index.search("")] == ["r6", "r5", "r4", "r3"]
    index.add(receipt(7, "r3"))
    assert [one.request_id for one in index.holding(AT)] == ["r3"]


def test_a_profile_that_carries_a_message_is_counted_once() -> None:
    index = MessageIndex()
    for event in (request(1, "ra", "Water"), receipt(2, "ra"), receipt(3, "ra")):
        index.add(event)
    (line,) = index.search("")
    assert (len(line.posts), line.addresses) == (1, {}), "addresses are kept only where they are wanted"
