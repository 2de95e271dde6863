"""The command on a city that is up: broker, all services, the townsquare and the website, on real sockets."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.command.conftest import Done, Shell

pytestmark = pytest.mark.xdist_group("command-city")

LINK = "https://mission.example/fire"
FIRE = ["--to", "fire-townsquare"]
REASON = ["--reason", "settled otherwise"]


@pytest.fixture
def crisis(city: Shell) -> Iterator[None]:
    """A declared crisis, ended afterwards."""
    assert city.json("crisis", "declare", "--incident", "Boil water", "--as", "pio").status == 0
    yield
    assert city.json("crisis", "end", "--as", "pio").status == 0


@pytest.fixture
def eoc(city: Shell) -> Iterator[dict[str, Any]]:
    """An active EOC, stood down afterwards."""
    done = city.json("eoc", "activate", "--level", "2", "--incident", "Fraser River flood", "--as", "eoc-director")
    assert done.status == 0, done
    yield done.body
    assert city.json("eoc", "stand-down", "--as", "eoc-director").status == 0


def words(text: str = "Open house on Saturday.") -> str:
    """Return a text of its own for each message."""
    return f"{text} {uuid.uuid4().hex[:8]} {LINK}"


def request(city: Shell, *more: str, who: str = "clerk", text: str | None = None) -> str:
    """Submit a request that waits; return its id."""
    done = city.json("request", text or words(), *(more or FIRE), "--as", who)
    assert done.status == 3, done
    assert done.body["verdict"]["outcome"] == "blocked"
    return str(done.body["request_id"])


def findings(done: Done, outcome: str) -> set[str]:
    """Return the clauses whose finding has an outcome."""
    return {one["clause"] for one in done.body["verdict"]["findings"] if one["outcome"] == outcome}


# --- looking -------------------------------------------------------------------------------------------------


def test_eoc_status_has_the_promised_fields(city: Shell) -> None:
    done = city.json("eoc", "status")
    assert done.status == 0
    assert {"posture", "level", "incident", "control_seq", "in_flight"} <= set(done.body)
    assert done.body["posture"] == "routine"
    assert {one["service"] for one in done.body["services"]} == {
        "eoc_state", "registry", "intake", "gatekeeper", "fanout", "board", "audit",
    }  # fmt: skip


def test_profiles_and_officers_are_lists_with_the_promised_fields(city: Shell) -> None:
    profiles = city.json("profiles", "list").body
    assert all({"id", "department", "platform", "official"} <= set(one) for one in profiles)
    assert all(one["id"].startswith(one["department"]) for one in profiles)
    for platform in ("website", "mastodon"):
        assert len([one for one in profiles if one["platform"] == platform and one["departmental"]]) >= 12
    officers = city.json("officers", "list").body
    assert all({"id", "name", "roles", "valid_until"} <= set(one) for one in officers)
    assert {"id": "pio", "roles": ["pio"]}.items() <= next(one for one in officers if one["id"] == "pio").items()


def test_the_reader_is_named_with_verbose(city: Shell) -> None:
    assert "asking as cao" in city("eoc", "status", "--verbose").err
    assert "asking as clerk" in city("eoc", "status", "--verbose", "--as", "clerk").err
    assert "asking as pio" in city("eoc", "status", "--verbose", ONEVOICE_AS="pio").err


def test_all_is_well_says_the_doctor(city: Shell) -> None:
    done = city.json("doctor")
    assert done.status == 0, done
    assert done.body["ok"] is True
    levels = {line["check"]: line["level"] for line in done.body["checks"]}
    assert {"broker", "service gatekeeper", "clock", "audit copy", "streams", "dead letters"} <= set(levels)
    assert set(levels.values()) == {"ok"}


def test_profiles_check_finds_a_loose_credential(city: Shell) -> None:
    assert city.json("profiles", "check").status == 0
    assert city.folder is not None
    token = city.folder / "secrets" / "live" / "waste-townsquare.token"
    token.chmod(0o644)
    try:
        done = city.json("profiles", "check")
    finally:
        token.chmod(0o600)
    assert done.status == 2
    assert [one["id"] for one in done.body if not one["ok"]] == ["waste-townsquare"]


@pytest.mark.parametrize("command", [["status"], ["show"], ["approve"]])
def test_an_unknown_request(city: Shell, command: list[str]) -> None:
    done = city.json(*command, "rzzzzzzzzzzzz", "--as", "pio")
    assert (done.status, done.code) == (2, "request.unknown")


def test_the_exercise_realm_does_not_run_here(city: Shell) -> None:
    done = city.json("eoc", "status", "--realm", "exercise")
    assert (done.status, done.code) == (6, "service.unreachable")
    assert "board" in done.body["error"]["message"]


# --- publishing ----------------------------------------------------------------------------------------------


def test_publish_lands_where_it_was_sent(city: Shell) -> None:
    text = words()
    done = city.json("publish", text, *FIRE, "--to", "fire-website", "--as", "fire-publisher", "--yes")
    assert done.status == 0, done
    assert done.body["revision"] == 1
    assert done.body["verdict"]["outcome"] == "cleared"
    assert done.body["verdict"]["targets"] == ["fire-townsquare", "fire-website"]
    assert {"1 Oversight (iii)"} <= findings(done, "satisfied")
    landed = {one["profile"]: one for one in done.body["deliveries"]}
    assert set(landed) == {"fire-townsquare", "fire-website"}
    assert all(one["outcome"] == "delivered" for one in landed.values())
    assert (landed["fire-townsquare"]["platform"], landed["fire-website"]["platform"]) == ("mastodon", "website")
    with urllib.request.urlopen(landed["fire-townsquare"]["url"]) as page:
        assert text.split()[4] in page.read().decode()
    assert city.json("status", done.body["request_id"]).body["deliveries"] == done.body["deliveries"]


def test_publish_for_people_shows_what_each_platform_gets_on_80_columns(city: Shell) -> None:
    text = words("Hydrant flushing.")
    done = city("publish", text, *FIRE, "--as", "fire-publisher", "--yes", "--variant", f"mastodon=Flushing. {LINK}")
    assert done.status == 0, done
    assert "mastodon, " in done.out
    assert f"Flushing. {LINK}" in done.out
    assert "CLEARED" in done.out
    assert "Delivered to 1 of 1 profile." in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert "\x1b" not in done.out + done.err


def test_without_a_terminal_publishing_must_be_confirmed(city: Shell) -> None:
    text = words()
    done = city.json("publish", text, *FIRE, "--as", "fire-publisher")
    assert (done.status, done.code) == (2, "confirm.needed")
    assert text not in {one["text"] for one in city.json("pending").body}


def test_a_repeat_with_the_same_id_is_the_same_request(city: Shell) -> None:
    event = uuid.uuid4().hex
    text = words()
    publish = ["publish", text, *FIRE, "--as", "fire-publisher", "--yes", "--expires", "2h", "--id", event]
    first, again = city.json(*publish), city.json(*publish)
    assert (first.status, again.status) == (0, 0)
    assert first.body["request_id"] == again.body["request_id"]
    assert first.body["deliveries"] == again.body["deliveries"]
    other = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes", "--id", event)
    assert (other.status, other.code) == (2, "request.conflict")


def test_a_picture_travels_with_its_description(city: Shell, tmp_path: Path) -> None:
    raw = io.BytesIO()
    Image.new("RGB", (60, 40), "navy").save(raw, "PNG")
    path = tmp_path / "map.png"
    path.write_bytes(raw.getvalue())
    picture = ["--image", str(path), "--alt", "A map of the closed road"]
    done = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes", *picture)
    assert done.status == 0, done
    shown = city.json("show", done.body["request_id"]).body["renderings"]
    assert {one["pictures"][0]["alt"] for one in shown} == {"A map of the closed road"}
    path.write_bytes(b"no picture")
    broken = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes", *picture)
    assert (broken.status, broken.code) == (2, "picture.type")


def test_a_text_from_standard_input(city: Shell) -> None:
    text = words("Wählen Sie 9-1-1.\nZweite Zeile 🚒.")
    done = city.json("publish", "-", *FIRE, "--as", "fire-publisher", "--yes", stdin=text.encode())
    assert done.status == 0, done
    assert done.body["text"] == text


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("", [], "text.empty"),
        ("a\u202eb", [], "text.bidi"),
        ("a\x07b", [], "text.control"),
        ("x", ["--to", "nix-townsquare"], "profile.unknown"),
        ("x", ["--severity", "huge"], "severity.invalid"),
        ("x", ["--link", "ftp://a"], "link.invalid"),
        ("x", ["--expires", "300d"], "expires.too_far"),
        ("x", ["--variant", "myspace=y"], "variant.unused"),
        ("x", ["--id", ""], "id.invalid"),
    ],
)
def test_bad_messages_are_refused_and_nothing_is_kept(city: Shell, text: str, more: list[str], code: str) -> None:
    before = city.json("eoc", "status").body["last_seq"]
    done = city.json("publish", text, *FIRE, "--as", "fire-publisher", "--yes", *more)
    assert (done.status, done.code) == (2, code)
    assert done.body["error"]["hint"]
    assert city.json("eoc", "status").body["last_seq"] <= before + 1  # a seal may come in between


def test_a_text_of_more_than_64_kib(city: Shell) -> None:
    done = city.json("publish", "-", *FIRE, "--as", "fire-publisher", "--yes", stdin=b"a" * 65_537)
    assert (done.status, done.code) == (2, "text.too_long")


# --- requests and decisions ----------------------------------------------------------------------------------


def test_a_request_waits_until_it_is_approved(city: Shell) -> None:
    request_id = request(city)
    waiting = {one["request_id"]: one for one in city.json("pending").body}
    assert waiting[request_id]["verdict"]["outcome"] == "blocked"
    refused = city.json("approve", request_id, "--as", "clerk")
    assert refused.status in (3, 4)
    done = city.json("approve", request_id[:9], "--as", "comms-officer")
    assert done.status == 0, done
    assert done.body["verdict"]["approved_by"] == ["comms-officer"]
    assert [one["outcome"] for one in done.body["deliveries"]] == ["delivered"]
    assert request_id not in {one["request_id"] for one in city.json("pending").body}
    assert city.json("status", request_id).body["verdict"]["outcome"] == "cleared"


def test_a_system_requests_and_an_officer_looks(city: Shell) -> None:
    request_id = request(city, *FIRE, "--crisis", "--severity", "severe", who="drivebc")
    view = city.json("status", request_id).body
    assert (view["author"], view["crisis"], view["severity"]) == ("drivebc", True, "severe")
    assert city.json("withdraw", request_id, "--as", "mcpe").status == 0


def test_what_screening_finds_must_be_acknowledged(city: Shell) -> None:
    request_id = request(city, text=f"Call Ms. Doe at 604-555-0199. {uuid.uuid4().hex} {LINK}")
    done = city.json("approve", request_id, "--as", "mcpe")
    assert (done.status, done.code) == (2, "screening.unacknowledged")
    assert city.json("status", request_id).body["verdict"]["outcome"] == "blocked"
    assert city.json("approve", request_id, "--as", "mcpe", "--acknowledge").status == 0


def test_reject_is_final(city: Shell) -> None:
    request_id = request(city)
    done = city.json("reject", request_id, "--as", "mcpe", *REASON)
    assert (done.status, done.body["verdict"]["outcome"]) == (0, "refused")
    late = city.json("approve", request_id, "--as", "mcpe")
    assert late.status == 4, late


def test_withdraw_takes_a_request_back(city: Shell) -> None:
    request_id = request(city)
    stranger = city.json("withdraw", request_id, "--as", "fire-publisher")
    assert (stranger.status, stranger.code) == (4, "order.role")
    done = city.json("withdraw", request_id, "--as", "clerk")
    assert done.status == 0
    assert done.body["withdrawn"] is True
    assert done.body["control_seq"] > 0
    assert city.json("approve", request_id, "--as", "mcpe").status == 4


def test_show_for_people(city: Shell) -> None:
    request_id = request(city)
    done = city("show", request_id)
    assert done.status == 0
    assert f"Request {request_id} by clerk" in done.out
    assert "3(iv)(c)" in done.out
    assert f"onevoice approve {request_id}" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert request_id in city("pending").out
    assert city.json("withdraw", request_id, "--as", "clerk").status == 0


# --- postures ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("crisis")
def test_in_a_crisis_the_office_releases(city: Shell) -> None:
    done = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes")
    assert done.status == 3
    assert done.body["crisis"] is True
    assert city.json("approve", done.body["request_id"], "--as", "pio").status == 0
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
    landed = city.json("status", done.body["request_id"], "--watch")
    assert landed.status == 0, landed


# --- people --------------------------------------------------------------------------------------------------


def test_designate_for_a_while(city: Shell) -> None:
    for wrong in ("pio", "eoc-director"):
        done = city.json("officers", "designate", "clerk", "--role", "designated", "--as", wrong)
        assert (done.status, done.code) == (4, "order.role")
    done = city.json("officers", "designate", "clerk", "--role", "designated", "--until", "2d", "--as", "mcpe")
    assert done.status == 0
    assert set(done.body["roles"]) == {"employee", "designated"}
    assert done.body["valid_until"]
    doctor = {line["check"]: line for line in city.json("doctor").body["checks"]}
    assert doctor["officer clerk"]["level"] == "warn"
    unknown = city.json("officers", "designate", "nobody", "--role", "pio", "--as", "mcpe")
    assert (unknown.status, unknown.code) == (2, "officer.unknown")
    nowhere = ["--role", "publisher", "--profile", "nix-website", "--as", "mcpe"]
    assert city.json("officers", "designate", "clerk", *nowhere).code == "profile.unknown"


def test_a_revoked_officer_is_out_at_once(city: Shell) -> None:
    assert city.json("officers", "revoke", "comms-officer", "--as", "pio").status == 4
    request_id = request(city)
    done = city.json("officers", "revoke", "comms-officer", "--as", "cao")
    assert (done.status, done.body["revoked"], done.body["roles"]) == (0, True, [])
    assert city.json("approve", request_id, "--as", "comms-officer").status == 4
    assert city.json("withdraw", request_id, "--as", "clerk").status == 0


def test_a_suspended_profile_gets_nothing(city: Shell) -> None:
    done = city.json("profiles", "suspend", "bylaw-townsquare", "--as", "mcpe")
    assert (done.status, done.body["official"]) == (0, False)
    refused = city.json("publish", words(), "--to", "bylaw-townsquare", "--as", "mcpe", "--yes")
    assert (refused.status, refused.code) == (4, "profile.not_official")
    assert city.json("profiles", "check").status == 2
    profile = next(one for one in city.json("profiles", "list").body if one["id"] == "bylaw-townsquare")
    statements = ["--purpose", "News.", "--identification", "The City's.", "--disclosure", "Write to us."]
    fields = ["--department", "bylaw", "--platform", "mastodon", "--account", profile["account"], *statements]
    assert city.json("profiles", "add", "bylaw-townsquare", *fields, "--as", "mcpe").body["official"] is True


# --- proof ---------------------------------------------------------------------------------------------------


def test_the_record_verifies_up_to_the_last_event(city: Shell) -> None:
    last = city.json("eoc", "status").body["last_seq"]
    done = city.json("audit", "verify")
    assert done.status == 0, done
    assert (done.body["ok"], done.body["violations"]) == (True, [])
    assert done.body["last_seq"] >= last
    assert done.body["attempts"] > 0
    assert "The record verifies." in city("audit", "verify").out


def test_entries_of_one_request_and_one_with_its_proof(city: Shell) -> None:
    published = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes").body["request_id"]
    assert city.json("audit", "verify").status == 0
    entries = city.json("audit", "show", "--request", published).body
    assert entries[0]["kind"] == "request"
    assert {"approval", "verdict", "attempt", "receipt"} <= {one["kind"] for one in entries}
    seq = entries[0]["seq"]
    deadline = time.monotonic() + 20
    while (proof := city.json("audit", "show", str(seq))).status != 0 and time.monotonic() < deadline:
        assert proof.code == "record.unsealed"
        time.sleep(0.5)
    assert proof.body["subject"] == f"ledger.request.{published}"
    assert re.fullmatch("[0-9a-f]{64}", proof.body["root"])
    none = city.json("audit", "show", "999999")
    assert (none.status, none.code) == (2, "record.no_entry")


# --- watching ------------------------------------------------------------------------------------------------


def _read_until(process: subprocess.Popen[str], word: str, seconds: float = 40) -> str:
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
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_status_watch_follows_a_request_to_its_end(city: Shell) -> None:
    request_id = request(city)
    process = city.start("status", request_id, "--watch")
    _read_until(process, "BLOCKED")
    assert city.json("approve", request_id, "--as", "mcpe").status == 0
    said = _read_until(process, "fire-townsquare  delivered")
    assert "CLEARED" in said
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_status_watch_stops_at_ctrl_c(city: Shell) -> None:
    request_id = request(city)
    process = city.start("status", request_id, "--watch")
    _read_until(process, "BLOCKED")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    waiting = city.json("status", request_id, "--watch")
    assert (waiting.status, waiting.body["verdict"]["outcome"]) == (3, "blocked")
    assert city.json("withdraw", request_id, "--as", "clerk").status == 0
