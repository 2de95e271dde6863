"""An install of the desk alone: the libraries of requirements-desk.lock, and no other, beside the source tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

from tests.support.mission import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def locked(name: str) -> frozenset[str]:
    """The packages that a lock pins, by their normalized names."""
    found = re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", (ROOT / name).read_text(encoding="utf-8"))
    return frozenset(map(normalized, found))


def normalized(name: str) -> str:
    """A package's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


class DeskPart:
    """Runs Python without the libraries that only services need: its site-packages are links to the others."""

    def __init__(self, folder: Path) -> None:
        wanted = locked("requirements-desk.lock") | {"onevoice"}
        folder.mkdir(exist_ok=True)
        for one in distributions():
            if normalized(one.metadata["Name"]) in wanted:
                _link(one, folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEVOICE_")}
        self.env = kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]), "NO_COLOR": "1"}

    def python(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the desk's libraries alone."""
        command = [sys.executable, "-S", *words]
        return subprocess.run(
            command, env=self.env | more, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd="/"
        )

    def onevoice(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Give one command."""
        done = self.python("-m", "services.desk", *words, **more)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done


def _link(one: Distribution, folder: Path) -> None:
    for top in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
        place = folder / top
        if not place.is_symlink():
            place.symlink_to(Path(str(one.locate_file(top))))
