"""Messages for a time: shown as scheduled, kept over a restart, posted when due, and taken back before."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.cli.conftest import Shell, lower_city, raise_city
from tests.cli.messages import FIRE, words
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

AS = ("--as", "fire-publisher", "--yes", "--acknowledge")
SOON = 12.0


def in_a_while(seconds: float = SOON) -> str:
    """Return a time as it is typed."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_scheduled_message_outlives_a_restart_and_is_posted_when_it_is_due(made_folder: Path, tmp_path: Path) -> None:
    city = Shell(Path(shutil.copytree(made_folder, tmp_path / "mission")))
    process, _ = raise_city(city, port := free_port())
    due = in_a_while()
    done = city.json("publish", words(), *FIRE, "--at", due, *AS)
    assert done.status == 0, done
    request_id = done.body["request_id"]
    assert datetime.fromisoformat(done.body["scheduled_for"]) == datetime.fromisoformat(due)
    assert "SCHEDULED" in city("status", request_id).out
    assert "scheduled" in city("pending").out
    assert city.json("inbox").body == []
    assert lower_city(process) == 0
    process, _ = raise_city(city, port)
    try:
        view = landed(city, request_id)
    finally:
        assert lower_city(process) == 0
    assert datetime.fromisoformat(view["submitted_at"]) < datetime.fromisoformat(due) <= datetime.now(UTC)
    assert city.process("audit", "verify").status == 0


def landed(city: Shell, request_id: str) -> dict[str, Any]:
    """Wait until a request is out, and check that it was not before its time."""
    end = time.monotonic() + SOON + PATIENCE
    while True:
        view: dict[str, Any] = city.json("status", request_id).body
        out = [one["outcome"] for one in view["deliveries"]] == ["delivered"]
        if out:
            return view
        assert view["verdict"]["outcome"] == "blocked" or datetime.now(UTC) >= datetime.fromisoformat(
            view["scheduled_for"]
        )
        assert time.monotonic() < end, view
        time.sleep(0.2)


def test_a_scheduled_message_is_taken_back_before_its_time(city: Shell) -> None:
    done = city.json("publish", words(), *FIRE, "--at", in_a_while(3_600), *AS)
    assert done.status == 0, done
    told = city("show", done.body["request_id"]).out
    assert f"onevoice withdraw {done.body['request_id']}" in told
    assert city.json("withdraw", done.body["request_id"], "--as", "fire-publisher").status == 0
    assert city.json("status", done.body["request_id"]).body["verdict"]["outcome"] == "refused"


def test_the_preview_says_in_the_citys_zone_when_it_goes_out(city: Shell) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT18:00")
    told = city("publish", words(), *FIRE, "--at", at, "--dry-run", *AS)
    assert f"It goes out at {at.replace('T', ' ')}:00 M" in told.out, told
    past = city.json("publish", words(), *FIRE, "--at", "2020-01-01T18:00-08:00", *AS)
    assert (past.status, past.code) == (2, "at.past")


def test_the_preview_says_by_when_the_next_update_is_promised(city: Shell) -> None:
    """A slip of the finger is seen before the yes, and not by those who wait."""
    day = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d")
    told = city("publish", words(), *FIRE, "--next-update", f"{day}T15:00", "--dry-run", *AS)
    assert f"It promises the next update by {day} 15:00:00 M" in told.out, told
    for option in ("--next-update", "--expires", "--at"):
        unclear = city.json("publish", words(), *FIRE, option, "1500", "--dry-run", *AS)
        assert (unclear.status, unclear.code) == (2, f"{option[2:]}.malformed")


def test_an_approval_of_somebody_else_lasts_until_then(city: Shell) -> None:
    asked = city.json("request", words(), *FIRE, "--at", in_a_while(7_200), "--as", "clerk")
    assert asked.status == 3, asked
    done = city.json("approve", asked.body["request_id"], "--as", "comms-officer", "--yes", "--acknowledge")
    assert done.status == 0, done
    assert {one["clause"] for one in done.body["verdict"]["findings"] if one["outcome"] == "blocked"} == {
        "setting: schedule"
    }
