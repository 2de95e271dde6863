"""For each file of commands a demonstration city that is up (the command itself: tests/support/shell.py)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import flow
from tests.support.mission import PATIENCE
from tests.support.ports import free_port
from tests.support.shell import ONEVOICE as ONEVOICE
from tests.support.shell import Done as Done
from tests.support.shell import Shell as Shell
from tests.support.shell import environment as environment
from tests.support.shell import lower_city as lower_city
from tests.support.shell import make_demo
from tests.support.shell import port_of as port_of
from tests.support.shell import raise_city as raise_city


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration city, made by the command; never changed, only copied."""
    folder = tmp_path_factory.mktemp("command") / "mission"
    make_demo(folder, free_port())
    return folder


@pytest.fixture(scope="module")
def city(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A city that is up for the tests of one file: none finds what another file left behind."""
    shell = Shell(Path(shutil.copytree(made_folder, tmp_path_factory.mktemp("shared") / "mission")))
    process, _ = raise_city(shell, free_port())
    deadline = time.monotonic() + PATIENCE
    while len(shell.json("eoc", "status").body["services"]) < len(flow.SERVICES):  # the board hears of each in a moment
        assert time.monotonic() < deadline
    yield shell
    assert lower_city(process) == 0


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
