"""The built wheel does what the source tree does, with the source tree nowhere to be found.

An editable install hides what a wheel lacks: a template, a unit, a JSON Schema that was not packaged.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from tests.support.mission import PATIENCE
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Hall 1 open house on Saturday. https://mission.example/fire"


class Installed:
    """A virtual environment with the wheel, and the dependencies of the one that runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=False)
        self.python = folder / "venv" / "bin" / "python"
        self.city = folder / "city"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ONEVOICE_", "PYTHONPATH"))}
        self.env = kept | {"NO_COLOR": "1", "ONEVOICE_CITY": str(self.city)}

    def install(self) -> None:
        """Build the wheel and install it; a .pth file leads to the dependencies, and starts no editable install."""
        _done([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(self.folder)], cwd=ROOT)
        (wheel,) = self.folder.glob("onevoice-*.whl")
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install"]
        _done([*pip, "--quiet", "--no-index", "--no-deps", str(wheel)], cwd=self.folder)
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = Path(_done([str(self.python), "-c", ask], cwd=self.folder).strip())
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def onevoice(self, *words: str) -> Any:
        """Give one command, and return its JSON."""
        return json.loads(self.say(*words, "--json"))

    def say(self, *words: str) -> str:
        """Give one command, and return what it says."""
        return _done([str(self.folder / "venv" / "bin" / "onevoice"), *words], cwd=self.folder, env=self.env)

    def up(self) -> subprocess.Popen[str]:
        """Start the city, and wait until it says that it is ready."""
        words = ["up", "--json", "--port", str(free_port())]
        process = subprocess.Popen(
            [str(self.folder / "venv" / "bin" / "onevoice"), *words],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["ready"]
        return process


def _done(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    there = Installed(tmp_path_factory.mktemp("wheel"))
    there.install()
    return there


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    """Neither the source tree nor an editable install is what is tested here."""
    ask = "import schemas, services, sys; print(*services.__path__, *schemas.__path__, *sys.path, sep='\\n')"
    places = _done([str(installed.python), "-c", ask], cwd=installed.folder, env=installed.env).splitlines()
    assert all(str(installed.folder) in place for place in places[:2])
    assert str(ROOT) not in places
    assert "onevoice 0." in installed.say("--version")
    assert "Usage: onevoice" in installed.say("--help")


def test_each_file_of_the_source_tree_is_in_the_wheel(installed: Installed) -> None:
    """Templates, schemas, pages: what the code reads beside itself."""
    listed = _done(["git", "ls-files", "services", "schemas"], cwd=ROOT).split()
    ask = "import services; print(services.__path__[0])"
    place = Path(_done([str(installed.python), "-c", ask], cwd=installed.folder, env=installed.env).strip()).parent
    assert [name for name in listed if (ROOT / name).exists() and not (place / name).exists()] == []


def test_a_city_is_made_raised_and_publishes(installed: Installed) -> None:
    installed.say("init", "--demo", str(installed.city))
    process = installed.up()
    try:
        words = ("--as", "fire-publisher", "--to", "fire-townsquare", "--yes")
        published = installed.onevoice("publish", TEXT, *words)
        (delivery,) = installed.onevoice("status", published["request_id"])["deliveries"]
        assert delivery["outcome"] == "delivered"
        assert installed.onevoice("audit", "verify")["ok"] is True
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
