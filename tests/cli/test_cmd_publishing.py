"""Ways to give a message, to look before sending it, and to send it again when no answer came."""

from __future__ import annotations

import base64
import importlib.metadata
import io
import json
import os
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import ONEVOICE, Shell, lower_city, raise_city
from tests.cli.messages import FIRE, LINK, words
from tests.cli.terminal import ask, read
from tests.cli.test_cmd_people import confirmed
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

AS = ["--as", "fire-publisher", "--yes"]


def test_the_version_is_that_of_the_package() -> None:
    done = Shell()("--version")
    assert (done.status, done.out) == (0, f"onevoice {importlib.metadata.version('onevoice')}\n")


def test_a_dry_run_shows_everything_and_sends_nothing(city: Shell) -> None:
    text = words()
    before = city.json("eoc", "status").body["last_seq"]
    done = city.json("publish", text, *FIRE, "--as", "fire-publisher", "--dry-run")
    assert (done.status, done.body["dry_run"], done.body["targets"]) == (0, True, ["fire-townsquare"])
    assert text.split()[4] in json.dumps(done.body["renderings"])
    plain = city("publish", text, *FIRE, "--as", "fire-publisher", "--dry-run")
    assert "mastodon, " in plain.out
    assert "Dry run: nothing was submitted." in plain.out
    assert text not in {one["text"] for one in city.json("pending").body}
    assert city.json("eoc", "status").body["last_seq"] <= before + 1  # a seal may come in between


def test_a_preview_counts_as_each_platform_does_and_is_a_page(city: Shell, tmp_path: Path) -> None:
    """The page has the words, the picture and its description, needs nothing from outside, and is the owner's alone."""
    raw = io.BytesIO()
    Image.new("RGB", (40, 30), (0, 0, 90)).save(raw, "PNG")
    (tmp_path / "map.png").write_bytes(raw.getvalue())
    text = words('<script>alert("1")</script>')
    picture = ("--image", str(tmp_path / "map.png"), "--alt", "A map of the <dyke>")
    before = city.json("eoc", "status").body["last_seq"]
    done = city.json("preview", text, *picture, *FIRE, "--as", "fire-publisher", "--open")
    assert done.status == 0, done
    counted = {one["platform"]: one for one in done.body["counts"]}
    assert counted["mastodon"]["most"] == 500
    assert counted["mastodon"]["length"] == len(text) - len(LINK) + 23
    path = Path(done.body["page"])
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    page = path.read_text(encoding="utf-8")
    shutil.rmtree(path.parent)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "A map of the &lt;dyke&gt;" in page
    assert base64.b64encode(raw.getvalue()).decode() in page
    assert f"{counted['mastodon']['length']} of 500 characters as mastodon counts" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert city.json("eoc", "status").body["last_seq"] <= before + 1
    plain = city("preview", text, *FIRE, "--as", "fire-publisher")
    assert "Nothing was submitted. --open shows it as a page." in plain.out
    assert re.search(r"mastodon +1 of 1 +\d+ +500", plain.out)


def test_a_dry_run_refuses_what_publishing_refuses(city: Shell) -> None:
    done = city.json("request", "a\u202eb", *FIRE, "--as", "clerk", "--dry-run")
    assert (done.status, done.code) == (2, "text.bidi")


def test_a_text_from_a_file(city: Shell, tmp_path: Path) -> None:
    text, path = words("Zweite Zeile:\n🚒"), tmp_path / "message.txt"
    path.write_text(text + "\n", encoding="utf-8")
    done = city.json("publish", "--file", str(path), *FIRE, *AS)
    assert done.status == 0, done
    assert done.body["text"] == text


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([], "text.missing"),
        (["x", "--file", "message.txt"], "text.twice"),
        (["--file", "missing.txt"], "text.unreadable"),
        (["--file", "."], "text.unreadable"),
        (["--file", "latin1.txt"], "text.encoding"),
        (["x", "--and-city"], "targets.and_city"),
    ],
)
def test_wrong_ways_to_give_a_text(
    city: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin1.txt").write_bytes(b"caf\xe9")
    done = city.json("publish", *given, *FIRE, *AS)
    assert (done.status, done.code) == (2, code)
    assert done.body["error"]["hint"]


@pytest.mark.usefixtures("crisis")
def test_all_departments_and_the_citys_own_profiles(city: Shell) -> None:
    official = {one["id"]: one["departmental"] for one in city.json("profiles", "list").body if one["official"]}
    assert not all(official.values()), "the city has profiles of its own"
    both = city.json("publish", words(), "--all-departments", "--and-city", "--as", "pio", "--yes")
    assert both.status == 0, both
    assert {one["profile"] for one in both.body["deliveries"] if one["outcome"] == "delivered"} == set(official)


@pytest.mark.usefixtures("crisis")
def test_a_setting_takes_the_citys_own_profiles_along_in_a_crisis(city: Shell) -> None:
    official = {one["id"]: one["departmental"] for one in city.json("profiles", "list").body if one["official"]}
    confirmed(city, city.json("settings", "set", "--and-city", "--as", "mcpe"), "pio")
    usual = city.json("publish", words(), "--all-departments", "--as", "pio", "--yes")
    assert {one["profile"] for one in usual.body["deliveries"] if one["outcome"] == "delivered"} == set(official)
    told = city.json("publish", words(), "--all-departments", "--no-and-city", "--as", "pio", "--yes")
    reached = {one["profile"] for one in told.body["deliveries"] if one["outcome"] == "delivered"}
    assert all(official.get(profile, True) for profile in reached)
    confirmed(city, city.json("settings", "set", "--no-and-city", "--as", "mcpe"), "pio")
    assert not city.json("settings", "show").body["settings"].get("and_city_in_crisis")


@pytest.mark.usefixtures("eoc")
def test_the_citys_own_profiles_are_no_way_round_the_pio(city: Shell) -> None:
    done = city.json("publish", words(), "--all-departments", "--and-city", "--as", "cao", "--yes")
    assert done.status == 3
    assert {one["clause"] for one in done.body["verdict"]["findings"] if one["outcome"] == "blocked"} == {"2(iv)"}
    assert city.json("withdraw", done.body["request_id"], "--as", "cao").status == 0


def test_the_outcome_comes_before_the_clauses(city: Shell) -> None:
    done = city("publish", words(), *FIRE, *AS)
    lines = done.out.splitlines()
    place = {
        word: next(n for n, line in enumerate(lines) if word in line) for word in ("CLEARED", "Delivered to", "Why")
    }
    assert place["CLEARED"] < place["Delivered to"] < place["Why"]


def test_a_piped_text_is_confirmed_on_the_terminal(city: Shell) -> None:
    for answer, status in (("n", 2), ("y", 0)):
        text = words()
        piped, end = os.pipe()
        os.write(end, text.encode())
        os.close(end)
        leader, process, said = ask(
            city, ["publish", "-", *FIRE, "--as", "fire-publisher"], "Go on? [y/N]", stdin=piped
        )
        os.write(leader, f"{answer}\n".encode())
        said += read(leader, PATIENCE, process)
        assert process.wait(timeout=PATIENCE) == status, said
        os.close(leader)
        os.close(piped)


def test_a_piped_text_without_a_terminal_needs_yes(city: Shell) -> None:
    done = subprocess.run(
        [*ONEVOICE, "publish", "-", *FIRE, "--as", "fire-publisher", "--json"],
        env=city.env, input=words().encode(), capture_output=True, start_new_session=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, "confirm.needed")


@pytest.mark.parametrize("point", ["intake.request.checked", "intake.request.stored", "intake.approval.stored"])
def test_the_same_command_after_no_answer_is_the_same_request(made_folder: Path, tmp_path: Path, point: str) -> None:
    """The services are killed at each point of taking a message in; the person types the same again."""
    shell = Shell(Path(shutil.copytree(made_folder, tmp_path / "mission")))
    assert shell.folder is not None
    text = words()
    publish = ["publish", text, *FIRE, *AS, "--expires", "4h"]
    port = free_port()
    process, _ = raise_city(shell, port, ONEVOICE_CRASH_AT=point)
    lost = shell.json(*publish)
    assert lost.status == 6, lost
    assert "the same command again" in lost.body["error"]["hint"]
    process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    kept = shell.folder / "var" / "desk" / "live-fire-publisher.json"
    [one] = json.loads(kept.read_text()).values()

    process, _ = raise_city(shell, port)
    try:
        time.sleep(1.1)  # the end that --expires asks for is another one now
        again = shell.json(*publish)
        assert again.status == 0, again
        assert [row["outcome"] for row in again.body["deliveries"]] == ["delivered"]
        assert json.loads(kept.read_text()) == {}
        assert shell.json("audit", "verify").status == 0
        stored = [row for row in shell.json("audit", "show", "--kind", "request").body if row["body"]["text"] == text]
        assert [row["body"]["event_id"] for row in stored] == [one["event_id"]]
        posts = [row for row in shell.json("audit", "show", "--kind", "attempt").body if row["profile"] == FIRE[1]]
        assert len(posts) == 1
    finally:
        assert lower_city(process) == 0


def test_the_same_words_after_an_answer_are_a_new_request(city: Shell) -> None:
    text = words()
    first, seen, second = (city.json("publish", text, *FIRE, *AS, *more) for more in ((), (), ("--acknowledge",)))
    assert (first.status, second.status) == (0, 0)
    assert (seen.status, seen.code) == (2, "screening.unacknowledged")
    assert first.body["request_id"] != second.body["request_id"]


def test_a_reader_that_goes_away_before_anything_was_sent_is_told(city: Shell) -> None:
    """``onevoice request ... | head -1`` ended with 0, and nobody had been asked. A dry run that is cut is no error."""
    text = words()
    order = [*ONEVOICE, "request", text, *FIRE, "--as", "clerk", "--yes"]
    for more, status, code in ([], 2, b"output.unread"), (["--dry-run"], 0, b""):
        process = subprocess.Popen([*order, *more], env=city.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        process.stderr.close()
        assert (process.wait(timeout=PATIENCE), code in said) == (status, True), said
    assert text not in {one["text"] for one in city.json("pending").body}
