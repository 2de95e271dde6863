"""An entry of the wrong shape counts for nobody: it is passed over, and neither lists nor histories end at it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.events.desk import BoardEvent
from services.desk.views.message.history import HistoryLine, line_json, line_of
from services.desk.views.message.messages import MessageIndex
from services.kernel.base.clock import ManualClock
from services.web.domain.news import news_of
from services.web.hub import Hub
from tests.unit.web.test_web_hub import AT, request

SUBJECTS = (
    "ledger.request.r1",
    "ledger.verdict.r1",
    "ledger.approval.r1.pio",
    "ledger.receipt.fire.r1",
    "ledger.resolution.fire.r1",
    "ledger.notice.r1",
)
DEEP = "[" * 100_000
WRONG: tuple[dict[str, Any], ...] = (
    {},
    {"text": 5, "author": "eoc"},
    {"text": "Fire", "author": 5},
    {"text": "Fire", "author": "eoc", "follows": "r0", "renderings": [{"body": DEEP}]},
    {"text": "Fire", "author": "eoc", "follows": "r0", "renderings": [{"body": "[]"}]},
    {"envelope": {"payload": 5}},
    {"envelope": [1], "officer": 5},
    {"outcome": "blocked", "findings": 5},
    {"profile": 5, "outcome": []},
    {"officer": None, "profile": None},
    {"step": [], "to": 5, "waits": "x", "at": "9999-12-31T23:59:59-14:00", "sent_at": "9999-12-31T23:59:59-14:00"},
)


def entry(subject: str, body: dict[str, Any], seq: int = 5) -> BoardEvent:
    return BoardEvent(seq=seq, subject=subject, at=AT, body=body)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("body", WRONG)
def test_it_has_no_line_or_one_that_can_be_shown(subject: str, body: dict[str, Any]) -> None:
    """Before, ``onevoice history`` and the page of its message ended with a bug."""
    line = line_of(entry(subject, body))
    if line is not None:
        assert all(isinstance(line_json(line)[name], str) for name in ("who", "what"))
    news = news_of(entry(subject, body))
    assert (news.seq, news.who, news.what) == (5, line.who if line else "", line.what if line else "")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_empty_entry_has_no_line(subject: str) -> None:
    assert line_of(entry(subject, {})) is None


def _rendered(**content: object) -> dict[str, Any]:
    good = request(5, "r1", "Hello").body
    return {**good, "renderings": [{"platform": "mastodon", "body": json.dumps(content)}]}


@pytest.mark.parametrize(
    "body",
    [
        *WRONG,
        {**_rendered(), "renderings": [{"body": "[]"}]},
        {**_rendered(), "renderings": [{"body": DEEP}]},
        _rendered(expires="0001-01-01T00:00:00+14:00"),
        _rendered(act=["correct"]),
        _rendered(languages=[5]),
        {**_rendered(), "replaces": ["r0"]},
        {**_rendered(), "severity": {}},
    ],
)
def test_the_pages_lists_pass_it_over_and_go_on(body: dict[str, Any]) -> None:
    """Before, a rendering that is a list ended the pages' connection at that entry, for ever."""
    hub = Hub(ManualClock(AT))
    hub.begin(1)
    hub.add(entry("ledger.request.r1", body))
    hub.add(request(6, "r2", "Road closed"))
    assert [line.request_id for line in hub.messages.search("")] == ["r2"]
    assert hub.on_message("r1") is None
    assert [line.request_id for line in hub.messages.holding(AT)] == []


def test_a_whole_entry_has_its_line() -> None:
    found = line_of(request(5, "r1", "Hello"))
    assert isinstance(found, HistoryLine)
    assert found.what == "wrote: Hello"
    index = MessageIndex()
    index.add(request(5, "r1", "Hello"))
    assert len(index) == 1
