"""``--edit``: a text is written in the editor that ``VISUAL`` or ``EDITOR`` names.

It is written into a file of the desk's state that stays until the next time: what was typed is not lost when the
command ends otherwise. A line that begins with ``#`` is no comment: messages begin with hashtags.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from services.desk import words
from services.desk.deadline import while_a_person_thinks
from services.desk.options import MessageOptions
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import write_atomically

_USUAL = "notepad" if os.name == "nt" else "vi"


async def written(message: MessageOptions, city: City, start: str | None = None) -> MessageOptions:
    """Return a message with the text that a person wrote, if ``--edit`` asks for it.

    Args:
        message: as it was typed; its text, or its file's, is what the editor begins with.
        city: whose desk keeps the file.
        start: what it begins with where nothing was typed.

    Raises:
        BadInput: ``edit.terminal``, ``edit.piped``, ``edit.editor``, and as ``words.text_of``.
    """
    if not message.edit:
        return message
    if message.text == "-":
        raise BadInput("edit.piped", "--edit and a piped text were both given", "leave one of them out")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("edit.terminal", "--edit needs a terminal", '"what to say" in quotes, or --file FILE')
    typed = message.text is not None or message.file is not None
    begin = words.text_of(message.text, message.file) if typed else start or ""
    path = city.var / "desk" / f"{city.realm}-message.txt"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, begin.encode() + (b"\n" if begin else b""), mode=0o600)
    with while_a_person_thinks(), _leaving_ctrl_c_to_the_editor():
        await asyncio.get_running_loop().run_in_executor(None, _edit, path)
    text = words.text_of(None, path)
    if not text.strip():
        raise BadInput("text.missing", "the text is empty: nothing was sent", "write it, save, and leave the editor")
    return replace(message, text=text, file=None)


def _editor() -> list[str]:
    named = (os.environ.get("VISUAL", "").strip() or os.environ.get("EDITOR", "").strip()) or _USUAL
    try:
        return shlex.split(named)
    except ValueError as error:
        hint = "name one: export EDITOR=nano"
        raise BadInput("edit.editor", f"the editor {named!r} cannot be understood: {error}", hint) from error


def _edit(path: Path) -> None:
    command = _editor()
    try:
        status = subprocess.run([*command, str(path)], check=False).returncode  # noqa: S603 - the person's own editor
    except OSError as error:
        hint = "name one: export EDITOR=nano"
        raise BadInput("edit.editor", f"the editor {command[0]} cannot be started: {error.strerror}", hint) from error
    if status:
        said = f"the editor ended with status {status}: nothing was sent; the text is kept in {path}"
        raise BadInput("edit.editor", said, f"--file {shlex.quote(str(path))} takes it up again")


@contextmanager
def _leaving_ctrl_c_to_the_editor() -> Iterator[None]:
    """A terminal sends Ctrl-C to both; a handler of ours (unlike an ignored signal) does not pass to the editor."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
