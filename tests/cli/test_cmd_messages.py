"""Publishing, requesting and deciding on a city that is up: real broker, services, townsquare and website."""

from __future__ import annotations

import io
import os
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import ONEVOICE, Shell
from tests.cli.messages import FIRE, LINK, findings, request, words
from tests.cli.terminal import ask, read
from tests.support.mission import PATIENCE


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


def test_of_several_pictures_the_bad_one_is_named(city: Shell, tmp_path: Path) -> None:
    raw = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(raw, "JPEG")
    good, cut, gif = (tmp_path / name for name in ("ok.jpg", "cut off.jpg", "map.gif"))
    good.write_bytes(raw.getvalue())
    cut.write_bytes(raw.getvalue()[:2_000])
    gif.write_bytes(b"GIF89a" + bytes(50))
    empty = tmp_path / "empty.png"
    empty.touch()
    for bad, code in ((cut, "picture.broken"), (gif, "picture.type"), (empty, "picture.size")):
        pictures = ["--image", str(good), "--alt", "A map", "--image", str(bad), "--alt", "Another one"]
        said = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes", *pictures)
        assert (said.status, said.code) == (2, code)
        message = said.body["error"]["message"]
        assert message.startswith(str(bad)), message
        assert message.count(str(bad)) == 1


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


def test_a_request_waits_until_it_is_approved(city: Shell) -> None:
    request_id = request(city)
    waiting = {one["request_id"]: one for one in city.json("pending").body}
    assert waiting[request_id]["verdict"]["outcome"] == "blocked"
    for more in ((), ("--acknowledge",)):  # there is no terminal here: nothing is signed in silence
        silent = city.json("approve", request_id, "--as", "mcpe", *more)
        assert (silent.status, silent.code) == (2, "confirm.needed")
    refused = city.json("approve", request_id, "--as", "clerk", "--yes")
    assert refused.status in (3, 4)
    done = city.json("approve", request_id[:9], "--as", "mcpe", "--yes")
    assert done.status == 0, done
    assert done.body["verdict"]["approved_by"] == ["mcpe"]
    assert [one["outcome"] for one in done.body["deliveries"]] == ["delivered"]
    deadline = time.monotonic() + PATIENCE
    while request_id in {one["request_id"] for one in city.json("pending").body}:  # the website's page comes last
        assert time.monotonic() < deadline
    assert city.json("status", request_id).body["verdict"]["outcome"] == "cleared"


def test_a_system_requests_and_an_officer_looks(city: Shell) -> None:
    request_id = request(city, *FIRE, "--crisis", "--severity", "severe", who="drivebc")
    view = city.json("status", request_id).body
    assert (view["author"], view["crisis"], view["severity"]) == ("drivebc", True, "severe")
    assert city.json("withdraw", request_id, "--as", "mcpe").status == 0


def test_what_screening_finds_must_be_acknowledged(city: Shell) -> None:
    request_id = request(city, text=f"Call Ms. Doe at 604-555-0199. {uuid.uuid4().hex} {LINK}")
    done = city.json("approve", request_id, "--as", "mcpe", "--yes")
    assert (done.status, done.code) == (2, "screening.unacknowledged")
    assert city.json("status", request_id).body["verdict"]["outcome"] == "blocked"
    assert city.json("approve", request_id, "--as", "mcpe", "--yes", "--acknowledge").status == 0


def test_reject_is_final(city: Shell) -> None:
    request_id = request(city)
    done = city.json("reject", request_id, "--as", "mcpe", "--reason", "settled otherwise")
    assert (done.status, done.body["verdict"]["outcome"]) == (0, "refused")
    late = city.json("approve", request_id, "--as", "mcpe", "--yes")
    assert late.status == 4, late
    revision = city.json("eoc", "status").body["control_seq"]
    needless = city("withdraw", request_id, "--as", "clerk")
    assert (needless.status, "refused already, and that is final" in " ".join(needless.out.split())) == (0, True)
    assert city.json("eoc", "status").body["control_seq"] == revision, "nothing was written"


def test_all_that_waits_of_a_system_is_rejected_at_once(city: Shell) -> None:
    """A stolen key put thousands above what else waits, and each was to be rejected by hand."""
    other = request(city)
    waits = {request(city, who="drivebc") for _ in range(2)}
    cleared = request(city, who="drivebc")
    assert city.json("approve", cleared, "--as", "mcpe", "--yes").status == 0
    shown = city("reject", "--of", "drivebc", "--as", "mcpe", "--reason", "its key was stolen")
    assert (shown.status, "Rejected: 2 of 2 requests of drivebc." in shown.out) == (0, True), shown
    assert max(len(line) for line in shown.out.splitlines()) <= 80
    assert {city.json("status", one).body["verdict"]["outcome"] for one in waits} == {"refused"}
    assert city.json("status", cleared).body["verdict"]["outcome"] == "cleared"
    assert city.json("status", other).body["verdict"]["outcome"] == "blocked"
    again = city.json("reject", "--of", "drivebc", "--as", "mcpe", "--reason", "its key was stolen")
    assert (again.status, again.body) == (0, {"rejected": [], "left": {}})


def test_who_may_not_reject_is_told_of_each_request(city: Shell) -> None:
    waits = request(city, who="drivebc")
    done = city.json("reject", "--of", "drivebc", "--as", "clerk", "--reason", "no")
    assert (done.status, set(done.body["left"])) == (4, {waits}), done
    assert city.json("reject", waits, "--as", "mcpe", "--reason", "no").status == 0


def test_what_is_approved_while_a_person_thinks_is_not_rejected_with_the_others(city: Shell) -> None:
    """It is going out, here to a profile that nothing can be posted to yet: to stop it is another order."""
    assert city.folder is not None
    token, away = city.folder / "secrets" / "live" / "waste-townsquare.token", city.folder / "away.token"
    token.rename(away)
    try:
        junk, real = request(city, who="drivebc"), request(city, "--to", "waste-townsquare", who="drivebc")
        typed = ["reject", "--of", "drivebc", "--as", "mcpe", "--reason", "its key was stolen"]
        leader, process, _said = ask(city, typed, "Go on? [y/N]")
        approved = city.json("approve", real, "--as", "comms-officer", "--yes", "--wait", "0s")
        assert approved.body["verdict"]["outcome"] == "cleared", approved
        os.write(leader, b"y\n")
        said = read(leader, PATIENCE, process)
        assert process.wait(timeout=PATIENCE) == 5, said
        assert f"Not {real}: {real} is cleared already" in " ".join(said.split()), said
        os.close(leader)
    finally:
        away.rename(token)
    assert city.json("status", junk).body["verdict"]["outcome"] == "refused"
    landed = city.json("status", real, "--watch")
    assert (landed.status, landed.body["verdict"]["outcome"]) == (0, "cleared"), landed


def test_withdraw_takes_a_request_back(city: Shell) -> None:
    request_id = request(city)
    stranger = city.json("withdraw", request_id, "--as", "fire-publisher")
    assert (stranger.status, stranger.code) == (4, "order.role")
    done = city.json("withdraw", request_id, "--as", "clerk")
    assert done.status == 0
    assert done.body["withdrawn"] is True
    assert done.body["control_seq"] > 0
    assert city.json("approve", request_id, "--as", "mcpe", "--yes").status == 4


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


def unread(city: Shell, *command: str) -> tuple[int, bytes]:
    """How a command ends whose answer nobody reads (``| head``), and what it says of that."""
    process = subprocess.Popen(
        [*ONEVOICE, *command], env=city.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    return process.wait(timeout=PATIENCE), said


def test_what_is_so_already_is_said_and_nothing_is_written(city: Shell) -> None:
    request_id = request(city)
    assert city.json("withdraw", request_id, "--as", "clerk").status == 0
    revision = city.json("eoc", "status").body["control_seq"]
    again = city("withdraw", request_id, "--as", "clerk")
    assert (again.status, "withdrawn already. Nothing was written." in again.out) == (0, True)
    assert city.json("eoc", "status").body["control_seq"] == revision
    assert unread(city, "withdraw", request_id, "--as", "clerk") == (0, b"")

    published = city.json("publish", words(), *FIRE, "--as", "fire-publisher", "--yes").body["request_id"]
    late = city("approve", published, "--as", "mcpe", "--yes")
    assert (late.status, "posted everywhere already. Nothing was written." in late.out) == (0, True)
    assert city.json("status", published).body["verdict"]["approved_by"] == ["fire-publisher"]
    assert unread(city, "approve", published, "--as", "mcpe") == (0, b"")
