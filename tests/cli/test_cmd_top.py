"""``onevoice top``: one look in a pipe, live on a terminal, until Ctrl-C."""

from __future__ import annotations

import os
import uuid

from tests.cli.conftest import Shell
from tests.cli.terminal import ask, read
from tests.support.mission import PATIENCE


def test_in_a_pipe_it_is_one_look(city: Shell) -> None:
    done = city("top")
    assert done.status == 0
    assert "ROUTINE" in done.out.upper()
    assert "services ok: eoc-state, registry, intake, gatekeeper, fanout, board, audit" in done.out
    assert "\x1b" not in done.out


def test_for_programs_it_is_one_value(city: Shell) -> None:
    done = city.json("top")
    assert done.status == 0
    assert done.body["posture"] == "routine"
    assert isinstance(done.body["pending"], list)


def test_on_a_terminal_it_is_live_until_ctrl_c(city: Shell) -> None:
    """A request that is made while it runs appears by itself."""
    text = f"Flood {uuid.uuid4().hex[:8]} https://mission.example"
    leader, process, _ = ask(city, ["top", "--as", "clerk"], "in flight")
    try:
        made = city.json("request", text, "--to", "fire-townsquare", "--as", "clerk")
        assert made.status in (0, 3), made
        said = ""
        for _ in range(int(PATIENCE)):
            said += read(leader, 1.0)
            if made.body["request_id"] in said:
                break
        assert made.body["request_id"] in said
        os.write(leader, b"\x03")
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)
