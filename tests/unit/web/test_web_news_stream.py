"""The stream of news: one piece for all at the same place, each message named once, lines only for who lists them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.base.clock import ManualClock
from services.web.hub import Hub
from services.web.news_stream import NewsStream
from tests.support.virtual_time import LoopClock, in_virtual_time
from tests.unit.web.test_web_hub import AT, event, made, receipt, request


def stream_of(hub: Hub) -> NewsStream:
    """A stream in which browsers may hear all that the hub has."""
    found = NewsStream(hub, ManualClock(AT))
    found.move()
    return found


def told(piece: bytes) -> dict[str, Any]:
    """What a piece says changed."""
    said: dict[str, Any] = json.loads(piece.decode().rpartition("data: ")[2])
    return said


def test_a_page_hears_once_which_messages_changed_and_what_they_follow() -> None:
    hub = made(request(1, "ra", "Water is off"), request(2, "rb", "Water is back", follows="ra"))
    for seq in range(3, 103):
        hub.add(receipt(seq, "rb", f"p{seq}"))
    last, piece = stream_of(hub).piece(2, lines=False)
    assert (last, piece.count(b"event:"), piece.count(b"id: ")) == (102, 1, 1)
    assert told(piece) == {"about": ["rb", "ra"], "all": False, "control": False}


def test_control_concerns_every_page_a_seal_none_and_a_post_from_outside_all_but_control() -> None:
    said = {
        subject: told(stream_of(made(event(1, subject))).piece(0, lines=False)[1])
        for subject in ("ledger.control", "ledger.seal", "ledger.outside.fire.x1", "junk")
    }
    assert [(one["all"], one["control"]) for one in said.values()] == [
        (True, True),
        (False, False),
        (True, False),
        (True, False),
    ]


def test_all_at_the_same_place_get_the_very_same_bytes_until_more_comes() -> None:
    hub = made(request(1, "ra", "Water is off"))
    stream = stream_of(hub)
    assert stream.piece(0, lines=True)[1] is stream.piece(0, lines=True)[1]
    hub.add(receipt(2, "ra"))
    assert stream.piece(0, lines=True)[0] == 1, "it is gathered first"
    stream.move()
    assert stream.piece(0, lines=True)[0] == 2
    assert stream.piece(1, lines=False)[0] == 2
    assert stream.piece(2, lines=False) == (2, b"")


@given(st.lists(st.sampled_from(["receipt", "attempt", "control"]), min_size=1, max_size=30), st.data())
def test_lines_name_each_place_once_and_in_order_however_they_are_cut(kinds: list[str], data: st.DataObject) -> None:
    """What says nothing to people leaves its place alone, so that a browser goes on from exactly where it was."""
    hub = Hub(ManualClock(AT))
    stream, place, seen = NewsStream(hub, ManualClock(AT)), 0, list[int]()
    for seq, kind in enumerate(kinds, 1):
        subject = "ledger.control" if kind == "control" else f"ledger.{kind}.p.ra"
        hub.add(event(seq, subject, profile="p", outcome="delivered"))
        if data.draw(st.booleans()) or seq == len(kinds):
            stream.move()
            place, piece = stream.piece(place, lines=True)
            seen += [int(line[4:]) for line in piece.decode().splitlines() if line.startswith("id: ")]
    assert seen == list(range(1, len(kinds) + 1))


@in_virtual_time
async def test_a_flood_is_gathered_and_told_at_most_so_often() -> None:
    hub, clock = made(event(1)), LoopClock()
    stream, seen = NewsStream(hub, clock), list[tuple[float, int]]()
    running = asyncio.create_task(stream.run())
    await asyncio.sleep(0)
    for seq in range(2, 12):
        hub.add(event(seq))
        await asyncio.sleep(0.05)
        if not seen or seen[-1][1] != stream.seq:
            seen.append((round(clock.monotonic(), 2), stream.seq))
    assert seen == [(0.05, 0), (0.1, 3), (0.35, 8)]
    running.cancel()
