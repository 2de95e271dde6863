"""Writes what a command was asked to put into a new file."""

from __future__ import annotations

import shlex
from pathlib import Path

from services.kernel.base.errors import BadInput


def write_new(file: Path, content: bytes, what: str) -> None:
    """Write a file that is not there yet; what is there is never replaced, and no folder is made.

    Args:
        file: the new file.
        content: what it holds.
        what: the first word of the error's code.

    Raises:
        BadInput: ``WHAT.exists``, ``WHAT.folder``, ``WHAT.unwritable``.
    """
    try:
        with file.open("xb") as made:
            made.write(content)
    except FileExistsError as error:
        said = f"{file} is there already, and is not written over"
        raise BadInput(f"{what}.exists", said, "name another file, or move that one away") from error
    except FileNotFoundError as error:
        hint = f"mkdir -p {shlex.quote(str(file.parent))}, or name another file"
        raise BadInput(f"{what}.folder", f"there is no folder {file.parent}", hint) from error
    except OSError as error:
        raise BadInput(f"{what}.unwritable", f"cannot write {file}: {error.strerror}", "name another file") from error
