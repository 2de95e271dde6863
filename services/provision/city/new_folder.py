"""The folder that a city is made in: a new one, or an empty one that is there.

An empty one is filled: it may be a mount point, the one that a shell stands in, or stand where its owner may make no
other.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from glob import escape
from pathlib import Path

from services.kernel.base.errors import BadInput

MAKING = ".making"
"""How the name of the folder ends in which a city is built."""


def is_empty(folder: Path) -> bool:
    """Say whether nothing stands in a folder; what mkfs.ext4 puts where a disk is mounted counts as nothing."""
    return all(path.name == "lost+found" for path in folder.iterdir())


def check_new(folder: Path) -> None:
    """Check that a city can be made there: before a person answers twenty questions for nothing.

    Raises:
        BadInput: ``init.not_empty``, ``init.unwritable``; ``init.half``: what a killed one left is there.
    """
    folder = folder.absolute()
    try:
        taken = folder.exists() and (not folder.is_dir() or not is_empty(folder))
        left = next(
            (path for at in (folder, folder.parent) for path in at.glob(f".{escape(folder.name)}.*{MAKING}")), None
        )
    except OSError as error:
        raise BadInput(
            "init.unwritable", f"cannot look into {folder}: {error.strerror}", "name another folder"
        ) from error
    if left is not None:
        raise BadInput(
            "init.half",
            f"{left} is of another onevoice init, which was killed or still runs; keys in it are in clear",
            f"if none runs: rm -r {shlex.quote(str(left))}",
        )
    if taken:
        raise BadInput(
            "init.not_empty",
            f"{folder} exists and is not empty",
            "name a new folder; an existing city is never overwritten",
        )
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        why = "may not be written to" if above.is_dir() else "is no folder"
        raise BadInput("init.unwritable", f"cannot make {folder}: {above} {why}", "name another folder")


def fill(folder: Path, building: Path) -> None:
    """Move what was made into the folder that is there; city.toml last, which makes it a city."""
    names = sorted((path.name for path in building.iterdir()), key=lambda name: name == "city.toml")
    try:
        for name in names:
            (building / name).rename(folder / name)
        with contextlib.suppress(PermissionError):  # somebody else's: keys, secrets and var have modes of their own
            folder.chmod(0o700)
    except OSError:
        for path in (folder / name for name in names):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise
