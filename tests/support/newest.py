# ruff: noqa: T201 - a program that tells what it found
"""``python -m tests.support.newest``: print the newest Python on this machine, if it is newer than the one that asks.

Looked for in the PATH and among pyenv's; nothing is printed where there is none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"python3\.\d+")
_ASK = "import sys, venv, ensurepip; assert sys.implementation.name == 'cpython'; print(*sys.version_info[:3])"


def candidates() -> Iterator[Path]:
    """Yield what may be a Python."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [*map(Path, os.environ.get("PATH", "").split(os.pathsep)), *pyenv.glob("3.*/bin")]
    for folder in folders:
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def version_of(python: Path) -> tuple[int, ...]:
    """Return the version of a Python that can make environments; () for one that cannot, or does not run."""
    try:
        done = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, timeout=30.0, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(int(number) for number in done.stdout.split()) if done.returncode == 0 else ()


def newest() -> Path | None:
    """Return the newest Python, if it is of a later minor version than this one."""
    found = [(version_of(path), path) for path in candidates()]
    version, path = max(found, default=((), Path()))
    return path if version[:2] > sys.version_info[:2] else None


if __name__ == "__main__":
    print(newest() or "")
