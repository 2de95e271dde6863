"""Commands that watch go on when the city was restarted under them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell, lower_city, raise_city
from tests.cli.messages import request
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

BACK = "The city answers again.\n"


class Restarted:
    """A city that is up, until it is put down, and up again on the same port."""

    def __init__(self, shell: Shell) -> None:
        self.shell, self._port = shell, free_port()
        self._process: subprocess.Popen[str] | None = None

    def up(self) -> None:
        """Bring it up."""
        self._process, _ = raise_city(self.shell, self._port)

    def down(self) -> None:
        """Put it down; harmless when it is down."""
        process, self._process = self._process, None
        assert process is None or lower_city(process) == 0


@pytest.fixture
def town(made_folder: Path, tmp_path: Path) -> Iterator[Restarted]:
    """A city of the test's own that is up."""
    city = Restarted(Shell(Path(shutil.copytree(made_folder, tmp_path / "mission"))))
    city.up()
    yield city
    city.down()


def _read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    said, deadline = "", time.monotonic() + PATIENCE
    while word not in said:
        assert time.monotonic() < deadline, said
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def _lost(process: subprocess.Popen[str]) -> None:
    """Wait until it says that it asks again."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "it is tried again for " in line, line


def test_who_watches_a_request_sees_its_end_although_the_city_was_restarted(town: Restarted) -> None:
    """Before, both ended with broker.lost."""
    shell, request_id = town.shell, request(town.shell)
    people = shell.start("status", request_id, "--watch")
    _read_until(people, "BLOCKED")
    town.down()
    _lost(people)
    town.up()
    assert shell.json("approve", request_id, "--as", "mcpe", "--yes").status == 0
    out, err = people.communicate(timeout=PATIENCE)
    assert (people.returncode, err) == (0, BACK)
    assert "CLEARED" in out
    assert "fire-townsquare  delivered" in out


def test_ctrl_c_ends_a_watch_at_once_while_the_city_is_away(town: Restarted) -> None:
    request_id = request(town.shell)
    watching = town.shell.start("status", request_id, "--watch")
    _read_until(watching, "BLOCKED")
    town.down()
    _lost(watching)
    begun = time.monotonic()
    assert lower_city(watching) == 0
    assert time.monotonic() - begun < 5.0


def test_who_watches_the_posture_sees_what_came_and_went_while_the_city_was_away(town: Restarted) -> None:
    """Before, it ended with broker.lost; what was over when it asked again was never shown at all."""
    shell = town.shell
    watching = [shell.start("eoc", "watch", *more) for more in ((), ("--json",))]
    for one in watching:
        _read_until(one, "routine")
        one.send_signal(signal.SIGSTOP)
    town.down()
    town.up()
    incident = ("--level", "2", "--incident", "Washout", "--as", "eoc-director", "--yes")
    assert shell.json("eoc", "activate", *incident).status == 0
    assert shell.json("eoc", "stand-down", "--as", "eoc-director", "--yes").status == 0
    for one in watching:
        one.send_signal(signal.SIGCONT)
    shown = _read_until(watching[0], "routine")
    assert shown.index("EOC ACTIVATING") < shown.index("EOC ACTIVE, ") < shown.index("routine")
    told = [json.loads(line) for line in _read_until(watching[1], "routine").splitlines()]
    assert [one["posture"] for one in told] == ["eoc_activating", "eoc_active", "routine"]
    assert [one["incident"] for one in told] == ["Washout", "Washout", None]
    assert [one["at"] for one in told] == sorted(one["at"] for one in told)
    assert [lower_city(one) for one in watching] == [0, 0]
