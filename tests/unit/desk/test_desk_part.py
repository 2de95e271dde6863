"""The desk needs its own libraries and no other; what needs the rest says so."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from services.desk.views import failure
from services.kernel.base.parts import missing_part
from tests.support.desk_part import ROOT, DeskPart, locked, normalized


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> DeskPart:
    return DeskPart(tmp_path_factory.mktemp("desk-part"))


def _named(lines: list[str]) -> set[str]:
    names = (line.split(";")[0].split("[")[0].split("=")[0].split(">")[0].split("<")[0] for line in lines)
    return {normalized(name.strip()) for name in names}


def test_each_lock_has_its_own_part() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base, city = _named(project["dependencies"]), _named(project["optional-dependencies"]["city"])
    assert base <= locked("requirements-desk.lock")
    assert not city & locked("requirements-desk.lock")
    assert base | city <= locked("requirements.lock")


def test_every_command_is_there_without_what_the_services_need(desk: DeskPart) -> None:
    """Each command's module is imported as its name on the command line does."""
    script = (
        "import importlib, importlib.util\n"
        "from services.desk.menu import MENU\n"
        "for name in dict.fromkeys(entry.module for entry in MENU):\n"
        "    importlib.import_module(name)\n"
        "print(*[name for name in ('faststream', 'aiohttp', 'PIL', 'fido2') if importlib.util.find_spec(name)])\n"
    )
    done = desk.python("-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_what_runs_a_city_says_what_is_not_installed(desk: DeskPart, tmp_path: Path) -> None:
    """One clear error and its hint, from the command and from a service's own program."""
    city = str(tmp_path / "mission")
    assert desk.onevoice("init", "--demo", city).returncode == 0
    done = desk.onevoice("up", "--city", city, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "install.city_part")
    assert "pip install 'onevoice-VERSION-py3-none-any.whl[city]'" in error["hint"]
    for name in ("intake", "townsquare"):
        alone = desk.python("-m", f"services.{name}", "--city", city)
        assert alone.returncode == 2, alone.stderr
        assert alone.stderr.rstrip().endswith("(install.city_part)")


def test_deployment_files_are_written_where_there_is_no_broker_to_check_them(desk: DeskPart, tmp_path: Path) -> None:
    """They are checked as far as the machine's tools can, and what could not be is said."""
    city, there = str(tmp_path / "mission"), ("--place", "/srv/onevoice/city", "--program", "/opt/onevoice/venv")
    assert desk.onevoice("init", "--demo", city).returncode == 0
    done = desk.onevoice("deploy", "systemd", str(tmp_path / "units"), "--city", city, *there, PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    assert "Not checked by systemd-analyze and nats-server" in done.stdout


def test_a_file_of_ours_that_is_missing_is_a_bug_and_no_missing_part() -> None:
    assert missing_part(ModuleNotFoundError("No module named 'services.nowhere'", name="services.nowhere")) is None
    assert missing_part(ImportError("cannot import name 'x'")) is None
    known = failure.known(ModuleNotFoundError("No module named 'aiohttp'", name="aiohttp"))
    assert known is not None
    assert known.code == "install.city_part"
