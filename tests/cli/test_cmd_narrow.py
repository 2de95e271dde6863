"""A phone's terminal of 30 columns, a dumb terminal, an editor, and ids that the shell completes."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.messages import FIRE, request, words
from tests.cli.test_cmd_completion import offered
from tests.cli.test_cmd_terminal import talk
from tests.support.broker import PATIENCE

AS = ["--as", "fire-publisher"]
LOOKS = [
    ["eoc", "status"], ["pending"], ["profiles", "list"], ["officers", "list"], ["doctor"], ["settings", "show"],
    ["dead", "list"], ["systems", "list"], ["audit", "show"], ["profiles", "check"],
]  # fmt: skip
UNBROKEN = re.compile(r"\S{24,}|onevoice \S+|[0-9a-f]{16,}|https?://")
"""What stays in one piece, to be copied: commands, addresses, hashes."""


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
def test_thirty_columns_are_enough(city: Shell, look: list[str]) -> None:
    """Words are not cut in the middle of a table, and no line is wider but for what is copied."""
    request(city)
    done = city(*look, COLUMNS="30")
    assert done.status == 0, done
    wide = [line for line in done.out.splitlines() if len(line) > 30 and not UNBROKEN.search(line)]
    assert wide == []


@pytest.mark.parametrize("look", LOOKS[:6], ids=" ".join)
def test_a_dumb_terminal_gets_plain_text(city: Shell, look: list[str]) -> None:
    """No colour, no boxes, no moving about."""
    status, said = talk(city, look, {}, TERM="dumb")
    assert status == 0, said
    assert "\x1b" not in said
    assert not re.search("[─-╿]", said)


def editor(folder: Path, does: str) -> str:
    """Write an editor that does something with the file that it is given."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return str(path)


def until_copied(city: Shell, words: str) -> str:
    """Wait until a message is in the second copy of the record, which is a moment behind; return its text."""
    end = time.monotonic() + PATIENCE
    while True:
        texts = [one["body"]["text"] for one in city.json("audit", "show", "--kind", "request").body]
        if found := [text for text in texts if words in text]:
            return str(found[0])
        assert time.monotonic() < end, texts
        time.sleep(0.1)


def test_a_text_is_written_in_the_editor(city: Shell, tmp_path: Path) -> None:
    """It begins with what was typed; a line that begins with # is a hashtag, and stays."""
    mine = words()
    command = ["publish", "draft", "--edit", *FIRE, *AS]
    more = {"VISUAL": editor(tmp_path, f'grep -q draft "$1" && printf "%s\\n#missionbc\\n" "{mine}" > "$1"')}
    status, said = talk(city, command, {"Go on? [y/N]": "y"}, **more)
    assert status == 0, said
    assert until_copied(city, mine) == f"{mine}\n#missionbc"


@pytest.mark.parametrize(
    ("does", "says"), [("exit 1", "ended with status 1"), (': > "$1"', "the text is empty"), ("", "the text is empty")]
)
def test_an_editor_that_is_left_without_a_text_sends_nothing(city: Shell, tmp_path: Path, does: str, says: str) -> None:
    status, said = talk(city, ["publish", "--edit", *FIRE, *AS], {}, EDITOR=editor(tmp_path, does), VISUAL="")
    assert status == 2, said
    assert says in " ".join(said.split())


def test_without_an_editor_or_a_terminal_it_says_so(city: Shell) -> None:
    status, said = talk(city, ["publish", "--edit", *FIRE, *AS], {}, EDITOR="/nowhere/editor", VISUAL="")
    assert status == 2, said
    assert "cannot be started" in said
    status, said = talk(city, ["publish", "--edit", *FIRE, *AS], {}, EDITOR="vi 'a", VISUAL=" ")
    assert status == 2, said
    assert "cannot be understood" in said
    assert city.json("publish", "--edit", *FIRE, *AS).code == "edit.terminal"
    assert city.json("publish", "-", "--edit", *FIRE, *AS).code == "edit.piped"


def test_requests_that_were_shown_are_completed(city: Shell) -> None:
    """As typed so far; the broker is not asked."""
    waiting = request(city)
    assert waiting in [one["request_id"] for one in city.json("pending").body]
    assert waiting in offered(city, "onevoice approve r")
    assert offered(city, f"onevoice show {waiting[:8]}") == [waiting]
    assert city.folder is not None
    kept = city.folder / "var" / "desk" / "live-seen.json"
    assert os.stat(kept).st_mode & 0o777 == 0o600
