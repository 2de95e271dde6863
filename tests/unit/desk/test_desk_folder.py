"""The folder of a command that names none; a place that this user may not look into has none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.desk.app import Invocation
from services.desk.keys.desk_folder import default_folder
from services.kernel.base.errors import BadInput

NOBODY = 65_534
UNKNOWN = 3_999_999_999


@contextlib.contextmanager
def without_roots_rights() -> Iterator[None]:
    """Look at files as nobody where the tests run as root, whom no mode keeps out."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder into which only root may look, with a desk folder inside."""
    closed = tmp_path / "closed"
    (closed / "onevoice" / "ville").mkdir(parents=True)
    (closed / "onevoice" / "ville" / "city.toml").touch()
    (closed / "city.toml").touch()
    yield closed
    closed.chmod(0o700)


def test_the_only_desk_folder_is_the_default(closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(closed))
    assert default_folder() == closed / "onevoice" / "ville"


def test_a_home_that_may_not_be_entered_has_none(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``setpriv`` leaves a service's user with root's HOME: there the first command of an installation failed."""
    monkeypatch.chdir("/")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(closed))
    closed.chmod(0)
    with without_roots_rights():
        assert default_folder() == Path(".")


def test_a_working_folder_that_may_not_be_entered_is_none(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(closed)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    closed.chmod(0)
    with without_roots_rights():
        assert default_folder() == Path(".")


def test_of_two_desks_one_is_to_be_named(closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (closed / "onevoice" / "new town").mkdir()
    (closed / "onevoice" / "new town" / "city.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(closed))
    with pytest.raises(BadInput) as caught:
        Invocation(default_folder(), "live").city()
    assert caught.value.code == "city.missing"
    there = closed / "onevoice"
    assert caught.value.hint == f"name one of your desks: --city '{there / 'new town'}' or --city {there / 'ville'}"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may be a user whom nobody knows")
def test_a_user_without_a_home_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    os.setresuid(UNKNOWN, UNKNOWN, 0)
    try:
        assert default_folder() == Path(".")
    finally:
        os.setresuid(0, 0, 0)
