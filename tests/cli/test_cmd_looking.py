"""Looking at a city that is up, its people and profiles, and the proof of its record."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import subjects
from schemas.events.authority import Profile
from schemas.events.outside import OutsidePost
from services.fanout.connectors.listing import ProfilePost
from services.fanout.domain.outside import outside_id
from services.fanout.watching.evidence import card_of, record_of
from services.kernel.base.city import load_city
from services.kernel.base.clock import SystemClock
from services.kernel.base.run_file import running_city
from services.kernel.ledger.client import Ledger
from tests.cli.conftest import Shell
from tests.cli.messages import FIRE, request, words
from tests.support.broker import connect
from tests.support.mission import PATIENCE


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
    assert {"service web", "witnesses", "tokens"} <= set(levels)
    assert {level for check, level in levels.items() if not check.startswith("officer ")} == {"ok"}


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


def test_profiles_check_asks_the_platform(city: Shell) -> None:
    assert city.folder is not None
    token = city.folder / "secrets" / "live" / "waste-townsquare.token"
    right = token.read_text()
    token.write_text("a-token-that-the-platform-does-not-know\n")
    try:
        done = city.json("profiles", "check")
    finally:
        token.write_text(right)
    assert done.status == 2
    [line] = [one for one in done.body if not one["ok"]]
    assert line["id"] == "waste-townsquare"
    assert len(line["problems"]) == 1, "each trouble is said once"
    assert "401" in " ".join(line["problems"]) or "token" in " ".join(line["problems"]).lower()


def test_the_doctor_tells_of_profiles_that_cannot_be_posted_to(city: Shell) -> None:
    assert city.folder is not None
    token, away = city.folder / "secrets" / "live" / "waste-townsquare.token", city.folder / "away.token"
    token.rename(away)
    try:
        done = city.json("doctor")
    finally:
        away.rename(token)
    warnings = [one for one in done.body["checks"] if one["level"] == "warn"]
    [line] = [one for one in warnings if not one["check"].startswith("officer ")]
    assert (line["check"], done.status) == ("profiles", 0)
    assert "waste-townsquare" in line["detail"]


@pytest.mark.parametrize("command", [["status"], ["show"], ["approve"]])
def test_an_unknown_request(city: Shell, command: list[str]) -> None:
    done = city.json(*command, "rzzzzzzzzzzzz", "--as", "pio")
    assert (done.status, done.code) == (2, "request.unknown")


@pytest.mark.parametrize("by_environment", [True, False])
def test_the_exercise_realm_does_not_run_here(city: Shell, by_environment: bool) -> None:
    if by_environment:
        done = city("eoc", "status", "--json", ONEVOICE_REALM="exercise")
    else:
        done = city("eoc", "status", "--json", "--realm", "exercise", ONEVOICE_REALM="live")
    assert (done.status, done.code) == (6, "service.unreachable")
    assert "board" in done.body["error"]["message"]
    assert "the realm live alone" in done.body["error"]["hint"]


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
    again = city("officers", "revoke", "comms-officer", "--as", "cao")
    assert (again.status, "revoked already. Nothing was written." in again.out) == (0, True)
    assert city.json("eoc", "status").body["control_seq"] == done.body["control_seq"]
    # 6: the broker, which learns of it a moment later, may cut the connection in the middle of the command.
    end, tried = time.monotonic() + PATIENCE, [6]
    while tried[-1] == 6 and time.monotonic() < end:
        tried.append(city.json("approve", request_id, "--as", "comms-officer", "--yes").status)
    assert tried[-1] == 4, tried
    assert city.json("withdraw", request_id, "--as", "clerk").status == 0


def test_a_suspended_profile_gets_nothing(city: Shell) -> None:
    profile = next(one for one in city.json("profiles", "list").body if one["id"] == "bylaw-townsquare")
    statements = ["--purpose", "News.", "--identification", "The City's.", "--disclosure", "Write to us."]
    fields = ["--department", "bylaw", "--platform", "mastodon", "--account", profile["account"], *statements]
    try:
        done = city.json("profiles", "suspend", "bylaw-townsquare", "--as", "mcpe")
        assert (done.status, done.body["official"]) == (0, False)
        refused = city.json("publish", words(), "--to", "bylaw-townsquare", "--as", "mcpe", "--yes")
        assert (refused.status, refused.code) == (4, "profile.not_official")
        assert city.json("profiles", "check").status == 2
        suspended = next(one for one in city.json("profiles", "list").body if one["id"] == "bylaw-townsquare")
        assert suspended["account"] == profile["account"], "the desk shows what to add it with"
    finally:
        added = city.json("profiles", "add", "bylaw-townsquare", *fields, "--as", "mcpe")
    assert added.body["official"] is True


def test_a_profile_on_a_platform_that_is_not_known_is_refused_and_a_removed_one_is_gone(city: Shell) -> None:
    fields = [
        "--department",
        "bylaw",
        "--purpose",
        "N.",
        "--identification",
        "I.",
        "--disclosure",
        "D.",
        "--as",
        "mcpe",
    ]
    done = city.json("profiles", "add", "bylaw-x", "--platform", "myspace", "--account", "bylaw", *fields)
    assert (done.status, done.code) == (2, "platform.unknown")
    done = city.json("profiles", "add", "bylaw-x", "--platform", "mastodon", "--account", "bylaw@nowhere", *fields)
    assert (done.status, done.code) == (2, "profile.server")
    done = city.json("profiles", "add", "bylaw-x", "--platform", "website", "--account", "bylaw-x", *fields)
    assert (done.status, done.body["official"]) == (0, True)
    done = city.json("profiles", "remove", "bylaw-x", "--as", "mcpe")
    assert (done.status, done.body["removed"]) == (0, True)
    assert "bylaw-x" not in {one["id"] for one in city.json("profiles", "list").body}
    again = city.json("profiles", "remove", "bylaw-x", "--as", "mcpe")
    assert (again.status, again.code) == (2, "profile.unknown")


def test_the_record_verifies_up_to_the_last_event(city: Shell) -> None:
    assert city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes").status == 0
    last = city.json("eoc", "status").body["last_seq"]
    done = city.json("audit", "verify")
    assert done.status == 0, done
    assert (done.body["ok"], done.body["violations"]) == (True, [])
    assert done.body["last_seq"] >= last
    assert done.body["attempts"] > 0
    assert "The record verifies." in city("audit", "verify").out


def test_entries_of_one_request_and_one_with_its_proof(city: Shell) -> None:
    for _ in range(2):
        published = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes").body["request_id"]
    assert city.json("audit", "verify").status == 0
    entries = city.json("audit", "show", "--request", published).body
    assert entries[0]["kind"] == "request"
    assert {"approval", "verdict", "attempt", "receipt"} <= {one["kind"] for one in entries}
    assert city.json("audit", "show", "--request", published[:11]).body[: len(entries)] == entries
    assert city.json("audit", "show", "--request", "rzzzzzzzzzzzz").code == "request.unknown"
    assert city.json("audit", "show", "--request", "r").code == "request.ambiguous"
    assert city.json("audit", "show", "--kind", "foo").code == "usage"
    seq = entries[0]["seq"]
    deadline = time.monotonic() + PATIENCE
    while (proof := city.json("audit", "show", str(seq))).status != 0 and time.monotonic() < deadline:
        assert proof.code == "record.unsealed"
        time.sleep(0.5)
    assert proof.body["subject"] == f"ledger.request.{published}"
    assert re.fullmatch("[0-9a-f]{64}", proof.body["root"])
    none = city.json("audit", "show", "999999")
    assert (none.status, none.code) == (2, "record.no_entry")


def test_the_doctor_needs_no_key_but_its_own(city: Shell, tmp_path: Path) -> None:
    """So its unit shows it no other: what it looks at is the same but for the streams, which services compare."""
    assert city.folder is not None
    folder = Path(
        shutil.copytree(city.folder, tmp_path / "seen", ignore=shutil.ignore_patterns("nats", "keys", "run", "*.tmp"))
    )
    (folder / "var" / "run").symlink_to(city.folder / "var" / "run")  # a copy of it is no city that is up
    (folder / "keys").mkdir()
    shutil.copy2(city.folder / "keys" / "doctor.nk", folder / "keys")
    whole, own = (one.json("doctor", "--as", "doctor") for one in (city, Shell(folder)))
    assert (whole.status, own.status) == (0, 0), own
    checks = [[line["check"] for line in done.body["checks"]] for done in (whole, own)]
    assert checks[0] == checks[1]
    said = {line["check"]: (line["level"], line["detail"]) for line in own.body["checks"]}
    assert said["streams"] == (
        "ok",
        "not looked at: the provisioning key is not here; each service compares its own as it starts",
    )


def test_the_doctor_looks_as_a_user_of_its_own(city: Shell) -> None:
    done = city.json("doctor", "--as", "doctor")
    assert (done.status, done.body["ok"]) == (0, True)
    assert "asked as doctor" in next(line["detail"] for line in done.body["checks"] if line["check"] == "broker")
    refused = city.json("profiles", "suspend", "bylaw-website", "--as", "doctor")
    assert refused.status != 0


def test_a_checkpoint_goes_outside_and_a_proof_needs_only_the_root_keys(city: Shell, tmp_path: Path) -> None:
    """The timer's command gives the website its checkpoint; a proof is checked without the city folder."""
    published = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes").body["request_id"]
    assert city.folder is not None
    folder = city.folder
    given = city.json("audit", "verify", "--witness")
    kept = folder / "site" / "audit" / "checkpoints.jsonl"
    assert (given.status, given.body["witnesses"]) == (0, {"places": [str(kept)], "troubles": []})
    roots = [part for key in load_city(folder).authority.root_keys for part in ("--root", key)]
    assert city.json("audit", "verify", "--checkpoint", str(kept), *roots).status == 0
    assert city.json("audit", "verify", "--root", "U" + "A" * 55).code == "manifest.root"
    assert "record" in {line["check"] for line in city.json("doctor").body["checks"]}

    out = tmp_path / "proof.json"
    assert city.json("audit", "prove", published, "--out", str(out)).status == 0
    assert city.json("audit", "prove", published, "--out", str(out)).code == "proof.exists"
    checked = city.json("audit", "check", str(out), *roots)
    assert (checked.status, checked.body["request_id"]) == (0, published)
    assert "The proof stands." in city("audit", "check", str(out), *roots).out
    out.write_bytes(out.read_bytes().replace(b"ledger.request", b"ledger.reguest", 1))
    assert (bent := city.json("audit", "check", str(out), *roots)).status == 7, bent


def test_an_export_is_checked_offline_and_opened_by_who_may_see_all(city: Shell, tmp_path: Path) -> None:
    """The folder stands by itself; what was taken out is in the openings alone, which stay in the house."""
    published = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes").body["request_id"]
    assert city.folder is not None
    roots = [part for key in load_city(city.folder).authority.root_keys for part in ("--root", key)]
    plain, black = tmp_path / "plain", tmp_path / "black"
    assert city.json("audit", "verify").status == 0
    made = city.json("audit", "export", "--from", "1d", "--request", published, "--out", str(plain))
    assert (made.status, made.body["openings"]) == (0, None)
    assert published in (plain / "timeline.html").read_text()
    checked = city.json("audit", "check", str(plain), *roots)
    assert (checked.status, checked.body["statement"]["request_id"]) == (0, published)
    assert "The export stands." in city("audit", "check", str(plain), *roots).out

    redact = ("--redact", "fire-townsquare")
    taken = city.json("audit", "export", "--from", "1d", "--out", str(black), *redact)
    assert taken.code == "export.manifest"
    url = next(line for line in (plain / "receipts.csv").read_text().splitlines() if "delivered" in line).split(",")[6]
    taken = city.json("audit", "export", "--from", "1d", "--out", str(black), "--redact", url)
    assert taken.status == 0
    assert all(url not in path.read_text() for path in black.rglob("*") if path.is_file())
    assert city.json("audit", "check", str(black), *roots).body["opened"] is False
    opened = city.json("audit", "check", str(black), *roots, "--openings", taken.body["openings"])
    assert (opened.status, opened.body["opened"]) == (0, True)
    assert city.json("audit", "export", "--from", "1d", "--out", str(black)).code == "export.exists"
    assert city.json("audit", "export", "--from", "2026-13-01", "--out", str(tmp_path / "n")).code == "from.malformed"
    (black / "entries.jsonl").write_text((black / "entries.jsonl").read_text().replace("fire", "file", 1))
    assert city.json("audit", "check", str(black), *roots).status == 7


async def found_outside(city: Shell, text: str) -> str:
    """Write what fan-out's watch writes of a post that did not come through the gate; return its id."""
    assert city.folder is not None
    place = load_city(city.folder)
    up = running_city(place)
    assert up is not None
    client = await connect(up["nats_url"], place.service_key_path("fanout"), "fanout")
    try:
        ledger = Ledger()
        ledger.bind(client)
        profile = Profile(id=FIRE[1], department="fire", platform="mastodon", account="@fire@townsquare")
        post = ProfilePost("114", "https://social.example/@fire/114", SystemClock().now(), text, {"id": "114"})
        card = card_of(profile, post, "now")
        assert card is not None
        event = OutsidePost(
            at=SystemClock().now(),
            outside=outside_id(FIRE[1], post.id),
            profile=FIRE[1],
            platform=profile.platform,
            account=profile.account,
            remote_id=post.id,
            url=post.url,
            published_at=post.at,
            text=text,
            record_sha256=await ledger.put_media(record_of(profile, post)),
            card_sha256=await ledger.put_media(card),
            worker="test",
        )
        await ledger.append(subjects.outside(FIRE[1], event.outside), event, expect_last=0)
        return event.outside
    finally:
        await client.close()


@pytest.fixture
def from_outside(city: Shell) -> Iterator[str]:
    """The id of a post that did not come through the gate; acknowledged afterwards, whatever became of the test."""
    name = asyncio.run(found_outside(city, "Free barbecue\x1b[2J at the hall!"))
    yield name
    if any(one["post"]["outside"] == name for one in city.json("outside", "list").body):
        city.json("outside", "ack", name, "--reason", "of a test", "--as", "pio")


def test_an_outside_post_is_shown_everywhere_until_an_officer_has_acknowledged_it(
    city: Shell, from_outside: str, tmp_path: Path
) -> None:
    name = from_outside
    assert name in city("pending").out
    assert name in city("inbox").out
    assert "posts from outside: 1; onevoice outside list --json" in city.json("pending").err
    with city.start("inbox", "--watch", "--json") as process:
        assert process.stdout is not None
        while "post" not in (told := json.loads(process.stdout.readline())):
            pass
        assert told["post"]["outside"] == name
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    line = next(one for one in city.json("doctor").body["checks"] if one["check"] == "outside posts")
    assert line["level"] == "warn"
    assert name in line["detail"]
    (listed,) = city.json("outside", "list").body
    assert listed["post"]["text"] == "Free barbecue\x1b[2J at the hall!"
    shown = city("outside", "show", name[:5], "--save", str(tmp_path / "kept"))
    assert shown.status == 0, shown
    assert "\x1b[2J" not in shown.out
    assert json.loads((tmp_path / "kept" / f"{name}.json").read_bytes())["text"].startswith("Free barbecue")
    assert (tmp_path / "kept" / f"{name}.jpg").read_bytes().startswith(b"\xff\xd8")
    refused = city.json("outside", "ack", name, "--reason", "seen", "--as", "clerk")
    assert (refused.status, refused.code) == (4, "acknowledgement.no_authority")
    done = city.json("outside", "ack", name, "--reason", "taken down", "--as", "pio")
    assert done.status == 0, done
    assert (done.body["acknowledged_by"], done.body["reason"]) == ("pio", "taken down")
    assert city.json("outside", "list").body == []
    assert [one["post"]["outside"] for one in city.json("outside", "list", "--all").body] == [name]
    assert name not in city("pending").out
    assert (unknown := city.json("outside", "show", "ffff")).status == 2
    assert unknown.code == "outside.unknown"
