"""How errors are shown: what went wrong, how to fix it, and its code.

Imported only when something did go wrong.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from services.desk.views.hints import typed
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, OneVoiceError
from services.kernel.base.parts import missing_part

LOG_NAME = "desk-errors.log"
LOG_BYTES = 1_000_000
"""How long the file of details grows before it is set aside as ``desk-errors.log.1``, in place of the former one."""


class Bug(OneVoiceError):
    """Something that nobody foresaw."""

    exit_status = Exit.BUG


def usage(error: Exception, args: Sequence[str] = ()) -> OneVoiceError | None:
    """Return wrong use of the command line (as Typer found it) as an error, or None for other errors."""
    if isinstance(error, typer.Abort):
        return BadInput("confirm.declined", "stopped before anything was sent", "")
    if not isinstance(error, typer.TyperException):
        return None
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", None) or "onevoice"
    if type(error).__name__ == "NoArgsIsHelpError":
        page = error.format_message()
        return BadInput("usage", f"{path} needs a command or an argument\n\n{page}", f"{path} --help")
    said = error.format_message()
    if type(error).__name__ == "NoSuchOption" and _is_text(str(getattr(error, "option_name", "")), args):
        return BadInput(
            "usage", said, f'what begins with a hyphen and is no option goes at the end: {path} ... -- "- text"'
        )
    return BadInput("usage", said, f"{path} --help")


def _is_text(option: str, args: Sequence[str]) -> bool:
    """Say whether an unknown option is the beginning of a text: of ``-20 °C tonight`` the parser names ``-2``."""
    if option.startswith("--"):
        return " " in option
    return not option[1:].isalpha() or any(word.startswith(option) and " " in word for word in args)


def known(error: Exception) -> OneVoiceError | None:
    """Return errors that have an answer: our own, what the machine says of files, a part that is not installed."""
    if isinstance(error, OneVoiceError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        place = f"{error.filename}: {error.strerror}"
        return BadInput("file.unusable", place, "check the path, its permissions and the space on the disk")
    return missing_part(error)


def bug(error: Exception, args: list[str]) -> OneVoiceError:
    """Write the details of an unforeseen error to a file, and return the sentence that says where."""
    place = _write_details(error, args)
    where = f"the details are in {place}" if place else "its details could not be written anywhere"
    return Bug("bug", f"something went wrong that should not: {type(error).__name__}; {where}", "onevoice doctor")


def show(error: OneVoiceError, as_json: bool) -> int:
    """Print an error and return its exit status."""
    from services.desk.views import output

    message, hint = typed(error.message), typed(error.hint)
    if as_json:
        body = {"code": error.code, "message": message, "hint": hint}
        output.print_json({"error": body})
        return int(error.exit_status)
    console = output.errors_console()
    console.print("error:", style="bold red", end=" ")
    console.print(message, markup=False)
    if hint:
        console.print("  hint:", style="bold", end=" ")
        console.print(hint, markup=False)
    console.print(f"  code: {error.code}", style="dim", markup=False)
    return int(error.exit_status)


def _write_details(error: Exception, args: list[str]) -> Path | None:
    text = "".join(traceback.format_exception(error))
    command = " ".join(word for word in args[:2] if not word.startswith("-"))
    for folder in (_var_folder(args), Path(tempfile.gettempdir())):
        if folder is None:
            continue
        path = folder / LOG_NAME
        try:
            _rotate(path)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(f"{SystemClock().now().isoformat()} onevoice {command}\n{text}\n")
        except OSError:
            continue
        return path
    return None


def _rotate(path: Path) -> None:
    """Set a long file aside; raises OSError."""
    try:
        long = path.lstat().st_size > LOG_BYTES
    except FileNotFoundError:
        return
    if long:
        path.replace(path.with_name(f"{LOG_NAME}.1"))


def _var_folder(args: list[str]) -> Path | None:
    city = os.environ.get("ONEVOICE_CITY", ".")
    for number, word in enumerate(args):
        if word == "--city" and number + 1 < len(args):
            city = args[number + 1]
        elif word.startswith("--city="):
            city = word.removeprefix("--city=")
    folder = Path(city) / "var"
    return folder if folder.is_dir() else None
