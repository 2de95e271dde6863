"""On a terminal the command asks back, and draws in colour only there."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
import uuid

import pytest

from tests.cli.conftest import ONEVOICE, Shell
from tests.support.mission import PATIENCE

PUBLISH = ["--as", "fire-publisher"]


def talk(city: Shell, words: list[str], answers: dict[str, str], **more: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, and answer what it asks; return exit status and all that was shown."""
    leader, follower = pty.openpty()
    env = {**city.env, "TERM": "xterm-256color", "COLUMNS": "80", **more}
    process = subprocess.Popen([*ONEVOICE, *words], env=env, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    said, waiting, deadline = "", dict(answers), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.2)[0]:
            try:
                said += os.read(leader, 65_536).decode(errors="replace")
            except OSError:
                break
        for prompt in [one for one in waiting if one in said]:
            os.write(leader, (waiting.pop(prompt) + "\n").encode())
    os.close(leader)
    return process.wait(timeout=PATIENCE), said


def text() -> str:
    """Return a text of its own."""
    return f"Open house. {uuid.uuid4().hex[:8]} https://mission.example/fire"


def test_yes_to_one_profile(city: Shell) -> None:
    status, said = talk(city, ["publish", text(), "--to", "fire-website", *PUBLISH], {"Go on? [y/N]": "y"})
    assert status == 0, said
    assert "Delivered to 1 of 1 profile." in said


def test_anything_else_sends_nothing(city: Shell) -> None:
    mine = text()
    for answer in ("", "yse"):
        status, said = talk(city, ["publish", mine, "--to", "fire-website", *PUBLISH], {"Go on? [y/N]": answer})
        assert status == 2, said
        assert "nothing was sent" in said
    assert mine not in {one["text"] for one in city.json("pending").body}


def test_several_profiles_take_their_number(city: Shell) -> None:
    to = ["--to", "fire-website", "--to", "fire-townsquare"]
    status, said = talk(city, ["publish", text(), *to, *PUBLISH], {"Type 2 to go on": "y"})
    assert status == 2, said
    status, said = talk(city, ["publish", text(), *to, *PUBLISH], {"Type 2 to go on": "2"})
    assert status == 0, said


def test_what_screening_found_is_asked_for_by_itself(city: Shell) -> None:
    words = ["publish", f"Call 604-555-0188. {uuid.uuid4().hex[:8]}", "--to", "fire-website", *PUBLISH]
    status, said = talk(city, words, {"Accept": "n"})
    assert status == 2, said
    status, said = talk(city, words, {"Accept": "y", "Go on? [y/N]": "y"})
    assert status == 0, said


def test_json_stays_clean_when_a_person_is_asked(city: Shell) -> None:
    status, said = talk(city, ["publish", text(), "--to", "fire-website", *PUBLISH, "--json"], {"Go on? [y/N]": "y"})
    assert status == 0, said
    assert '"outcome": "cleared"' in said


def test_colour_only_on_a_terminal_and_without_no_color(city: Shell) -> None:
    coloured = Shell(city.folder)
    del coloured.env["NO_COLOR"]
    green = re.compile(r"\x1b\[(?:[0-9]+;)?32m")
    assert green.search(talk(coloured, ["audit", "verify"], {})[1])
    assert not green.search(talk(city, ["audit", "verify"], {})[1])
    assert "\x1b" not in coloured.process("audit", "verify").out


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("eoc activate --level 2 --incident Flood --as eoc-director", "This activates the EOC, level 2: Flood."),
        ("profiles suspend parks-townsquare --as mcpe", "Nothing is posted to parks-townsquare any more."),
        ("profiles remove parks-townsquare --as mcpe", "This strikes parks-townsquare off the list."),
        ("officers revoke clerk --as mcpe", "The key of clerk never counts again."),
    ],
)
def test_what_is_not_easily_undone_is_asked_about_on_a_terminal(city: Shell, deed: str, said: str) -> None:
    before = city.json("eoc", "status").body["control_seq"]
    status, shown = talk(city, deed.split(), {"[y/N]": "n"})
    assert said in " ".join(shown.split())
    assert (status, "stopped: nothing was sent" in shown) == (2, True), shown
    assert city.json("eoc", "status").body["control_seq"] == before
