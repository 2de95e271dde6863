"""Messages for places that no program can post to: handed to an officer, confirmed, taken back, stopped."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.cli.messages import words
from tests.support.mission import PATIENCE

PLACE = "https://alerts.example/console"
ALERTS = "city-alerts"


@pytest.fixture(scope="module")
def alerts(city: Shell) -> Shell:
    """The city, with a mass notification system that people enter messages into."""
    add = ("profiles", "add", ALERTS, "--department", "city", "--platform", "manual", "--city-wide", "--as", "mcpe")
    said = ("--purpose", "Alerts.", "--identification", "Of the City.", "--disclosure", "Write to us.")
    wrong = city.json(*add, *said, "--account", "the console")
    assert (wrong.status, wrong.code) == (2, "profile.account")
    done = city.json(*add, *said, "--account", PLACE)
    assert done.status == 0, done
    return city


def the_task(city: Shell, request_id: str) -> dict[str, Any]:
    [found] = [one for one in city.json("tasks").body if one["request_id"] == request_id]
    return dict(found)


def hand_over(city: Shell, who: str = "mcpe") -> str:
    done = city.json("publish", words("Leave by Dewdney Trunk Road."), "--to", ALERTS, "--as", who, "--yes")
    assert done.status == 5, done
    assert [one["outcome"] for one in done.body["deliveries"] if one["profile"] == ALERTS] == ["unconfirmed"]
    return str(done.body["request_id"])


def outcome_of(done: Any) -> str:
    return str(next(one["outcome"] for one in done.body["deliveries"] if one["profile"] == ALERTS))


def test_a_task_is_shown_done_and_taken_back(alerts: Shell) -> None:
    """The very text; a signed word ends it; a recall is a task of its own; the record verifies."""
    name = hand_over(alerts)
    task = the_task(alerts, name)
    assert task["text"].startswith("Leave by Dewdney Trunk Road.")
    assert (task["place"], task["stop"]) == (PLACE, "")
    for page in (alerts("status", name).out, alerts("pending").out):
        assert "by hand" in page
    assert task["text"] in alerts("tasks").out
    done = alerts.json("resolve", name, ALERTS, "--done", "--as", "pio")
    assert (done.status, outcome_of(done)) == (0, "delivered"), done
    [item] = [one for one in done.body["deliveries"] if one["profile"] == ALERTS]
    assert (item["url"], "confirmed by pio" in item["reason"]) == (PLACE, True)
    assert alerts.json("tasks").body == []
    back = alerts.json("recall", name, "--as", "mcpe", "--yes", "--acknowledge")
    assert back.status == 5, back
    recall = the_task(alerts, back.body["request_id"])
    assert recall["do"].startswith(f"Take {name} back at {PLACE}")
    ended = alerts.json("resolve", recall["request_id"], ALERTS, "--done", "--as", "pio")
    assert ended.status == 0, ended
    assert alerts.json("audit", "verify").status == 0


def test_what_was_withdrawn_must_not_be_entered(alerts: Shell) -> None:
    name = hand_over(alerts)
    withdrawn = alerts.json("withdraw", name, "--as", "mcpe", "--reason", "The road is closed.")
    assert withdrawn.status in (0, 5), withdrawn
    assert the_task(alerts, name)["stop"] == "it was withdrawn"
    assert "DO NOT enter it" in alerts("tasks").out
    left = alerts.json("resolve", name, ALERTS, "--give-up", "--as", "pio")
    assert outcome_of(left) == "failed"
    assert alerts.json("tasks").body == []


def test_a_recall_stops_a_task_that_is_open(alerts: Shell) -> None:
    name = hand_over(alerts)
    recalled = alerts.json("recall", name, "--as", "mcpe", "--yes", "--acknowledge")
    assert recalled.status == 5, recalled
    back = recalled.body["request_id"]
    assert back in the_task(alerts, name)["stop"]
    for one in (name, back):
        alerts.json("resolve", one, ALERTS, "--give-up", "--as", "pio")
    assert alerts.json("tasks").body == []


def test_an_activation_stops_what_its_approval_does_not_cover(alerts: Shell) -> None:
    """The director is told so at once; what is approved then is a task again, and what was signed by the mcpe stays."""
    covered, name = hand_over(alerts), hand_over(alerts, "comms-officer")
    told = alerts("eoc", "activate", "--level", "1", "--incident", "Flood", "--as", "eoc-director", "--yes")
    try:
        assert "may not be entered by hand any more" in told.out
        deadline = time.monotonic() + PATIENCE
        while not _stops(alerts, covered, name):
            assert time.monotonic() < deadline
        assert the_task(alerts, name)["stop"] == f"it is blocked now: onevoice status {name}"
        approved = alerts.json("approve", name, "--as", "pio", "--yes")
        assert approved.status == 5, approved
        assert the_task(alerts, name)["stop"] == ""
        for one in (covered, name):
            assert alerts.json("resolve", one, ALERTS, "--done", "--as", "pio").status == 0
    finally:
        assert alerts.json("eoc", "stand-down", "--as", "eoc-director", "--yes").status == 0
    assert alerts.json("audit", "verify").status == 0


def _stops(city: Shell, covered: str, name: str) -> bool:
    """True when the gate has decided both anew: the one goes on, the other is blocked."""
    return not the_task(city, covered)["stop"] and "blocked" in the_task(city, name)["stop"]


def test_only_a_task_is_confirmed_without_an_address(alerts: Shell) -> None:
    done = alerts.json("publish", words(), "--to", "fire-townsquare", "--as", "mcpe", "--yes")
    refused = alerts.json("resolve", done.body["request_id"], "fire-townsquare", "--done", "--as", "pio")
    assert (refused.status, refused.code) == (4, "resolution.nothing_unconfirmed")
