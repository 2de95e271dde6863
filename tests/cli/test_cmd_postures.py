"""Postures and the stop button on a city that is up, and watching it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.cli.conftest import Shell, lower_city
from tests.cli.messages import FIRE, findings, request, words
from tests.support.mission import PATIENCE


@pytest.mark.usefixtures("crisis")
def test_in_a_crisis_the_office_releases(city: Shell) -> None:
    done = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes")
    assert done.status == 3
    assert done.body["crisis"] is True
    assert city.json("approve", done.body["request_id"], "--as", "pio", "--yes").status == 0
    again = city.json("crisis", "declare", "--incident", "x", "--as", "pio")
    assert (again.status, again.code) == (4, "order.posture")


def test_eoc_activate_ends_when_it_is_active(city: Shell, eoc: dict[str, Any]) -> None:
    assert (
        eoc.items() >= {"posture": "eoc_active", "level": 2, "incident": "Fraser River flood", "in_flight": 0}.items()
    )
    assert city.json("eoc", "status").body["control_seq"] == eoc["control_seq"]
    done = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes", "--routine")
    assert done.status == 3
    assert "2(iii)" in findings(done, "blocked")
    clerk = city.json("approve", done.body["request_id"], "--as", "clerk", "--yes")
    assert clerk.status == 4
    assert city.json("approve", done.body["request_id"], "--as", "eoc-director", "--yes").status == 0


def test_an_active_eoc_takes_another_level_and_incident(city: Shell, eoc: dict[str, Any]) -> None:
    """The same once more writes nothing, and says so."""
    changed = ["eoc", "activate", "--level", "3", "--incident", "Flood and slide", "--as", "eoc-director"]
    done = city.json(*changed)
    assert (done.status, done.body["changed"]) == (0, True), done
    assert (done.body["posture"], done.body["level"], done.body["incident"]) == ("eoc_active", 3, "Flood and slide")
    assert done.body["control_seq"] > eoc["control_seq"]
    again = city.json(*changed)
    assert (again.status, again.body["changed"], again.body["control_seq"]) == (0, False, done.body["control_seq"])
    assert "Nothing was written." in city(*changed).out


def test_what_is_so_already_is_not_written_again(city: Shell) -> None:
    before = city.json("eoc", "status").body["control_seq"]
    for words_ in ("hold off --as pio", "crisis end --as pio", "eoc stand-down --as eoc-director"):
        done = city.json(*words_.split())
        assert (done.status, done.body["changed"], done.body["control_seq"]) == (0, False, before), done
        assert "Nothing was written." in city(*words_.split()).out
    try:
        first, again = [city.json("hold", "on", "--as", "pio").body for _ in range(2)]
        assert (first["hold"], first["changed"], first["control_seq"] > before) == (True, True, True)
        assert (again["hold"], again["changed"], again["control_seq"]) == (True, False, first["control_seq"])
    finally:
        assert city.json("hold", "off", "--as", "pio").body["changed"]


@pytest.mark.usefixtures("eoc")
def test_all_departments_take_the_pio(city: Shell) -> None:
    done = city.json("publish", words("City Hall is closed."), "--all-departments", "--as", "cao", "--yes")
    assert done.status == 3
    assert findings(done, "blocked") == {"2(iv)"}
    joined = city.json("approve", done.body["request_id"], "--as", "pio", "--yes")
    assert joined.status == 0, joined
    departmental = {one["id"] for one in city.json("profiles", "list").body if one["departmental"]}
    assert {one["profile"] for one in joined.body["deliveries"] if one["outcome"] == "delivered"} == departmental


@pytest.mark.usefixtures("eoc")
def test_stand_down_fires_nothing_late(city: Shell) -> None:
    held = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes").body["request_id"]
    assert city.json("eoc", "stand-down", "--as", "eoc-director").body["posture"] == "routine"
    try:
        time.sleep(1)
        view = city.json("status", held).body
        assert (view["verdict"]["outcome"], view["deliveries"]) == ("blocked", [])
    finally:
        again = ["--level", "1", "--incident", "so that the fixture can stand it down"]
        assert city.json("eoc", "activate", *again, "--as", "cao").status == 0


@pytest.mark.parametrize("who", ["clerk", "fire-publisher", "pio", "mcpe"])
def test_only_the_director_and_the_cao_activate(city: Shell, who: str) -> None:
    done = city.json("eoc", "activate", "--level", "1", "--incident", "x", "--as", who)
    assert (done.status, done.code) == (4, "order.role")


def test_hold_stops_posts_and_lets_them_go(city: Shell) -> None:
    assert city.json("hold", "on", "--as", "pio").body["hold"] is True
    try:
        done = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes")
        assert done.status == 3
        assert done.body["deliveries"] == []
    finally:
        assert city.json("hold", "off", "--as", "pio").body["hold"] is False
    deadline = time.monotonic() + PATIENCE
    while (landed := city.json("status", done.body["request_id"], "--watch")).status == 3:  # not decided anew yet
        assert time.monotonic() < deadline, landed
    assert landed.status == 0, landed


def _read_until(process: subprocess.Popen[str], word: str, seconds: float = PATIENCE) -> str:
    assert process.stdout is not None
    said, deadline = "", time.monotonic() + seconds
    while word not in said:
        assert time.monotonic() < deadline, said
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def test_eoc_watch_tells_each_change_until_ctrl_c(city: Shell) -> None:
    process = city.start("eoc", "watch")
    try:
        _read_until(process, "routine")
        assert city.json("crisis", "declare", "--incident", "Washout", "--as", "pio").status == 0
        _read_until(process, "CRISIS: Washout")
    finally:
        city.json("crisis", "end", "--as", "pio")
    _read_until(process, "routine")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


def test_status_watch_follows_a_request_to_its_end(city: Shell) -> None:
    request_id = request(city)
    process = city.start("status", request_id, "--watch")
    _read_until(process, "BLOCKED")
    assert city.json("approve", request_id, "--as", "mcpe", "--yes").status == 0
    said = _read_until(process, "fire-townsquare  delivered")
    assert "CLEARED" in said
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


def test_status_watch_stops_at_ctrl_c(city: Shell) -> None:
    request_id = request(city)
    process = city.start("status", request_id, "--watch")
    _read_until(process, "BLOCKED")
    assert lower_city(process) == 0
    waiting = city.json("status", request_id, "--watch")
    assert (waiting.status, waiting.body["verdict"]["outcome"]) == (3, "blocked")
    assert city.json("withdraw", request_id, "--as", "clerk").status == 0


def test_the_inbox_shows_what_an_officer_can_help_and_rings_for_what_comes(city: Shell) -> None:
    before = request(city)
    assert before in {one["request_id"] for one in city.json("inbox").body}
    process = city.start("inbox", "--watch", "--json")
    assert process.stdout is not None
    seen = set()
    while before not in seen:
        seen.add(json.loads(process.stdout.readline())["request_id"])
    after = request(city)
    while after not in seen:
        seen.add(json.loads(process.stdout.readline())["request_id"])
    assert lower_city(process) == 0
    assert city.json("reject", after, "--as", "mcpe", "--reason", "no").status == 0
    assert after not in {one["request_id"] for one in city.json("inbox").body}
