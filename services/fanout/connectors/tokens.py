"""Platform credentials: files of mode 0600, looked at for each call, never logged and never put into a reason.

A file holds the credential, or says where it is: ``env:NAME``, a variable of the service's environment;
``file:/path``, another file that nobody else may read (what systemd's LoadCredential or a secret's mount gives); or
``exec:/path words``, a secret manager's command that prints it (``token_command``).
"""

from __future__ import annotations

import asyncio
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from services.fanout.connectors.token_command import CommandFault, known, printed_by

_ENVIRONMENT, _FILE, _COMMAND = _REFERENCES = "env:", "file:", "exec:"
_commands = ThreadPoolExecutor(max_workers=32, thread_name_prefix="credentials")
"""Commands wait in threads of their own: one that hangs must not keep a disk's write waiting."""

_read: dict[str, tuple[tuple[int, int, int, int], str]] = {}
"""What was read of each file, and how the file was then: it is read again when it has changed."""


class TokenFault(Exception):
    """The credential cannot be used; the message says why and how to mend it, without it and without the path."""


async def token_of(path: Path) -> str:
    """Return a profile's credential as ``read_token`` does; a command is run beside the event loop.

    Raises:
        TokenFault: as ``read_token``.
    """
    held = _held(path)
    if held.startswith(_COMMAND) and known(held.removeprefix(_COMMAND)) is None:
        return await asyncio.get_running_loop().run_in_executor(_commands, read_token, path)
    return read_token(path)


def read_token(path: Path) -> str:
    """Return a profile's credential; a file that was replaced or changed is read again. A command may take 5 s.

    Raises:
        TokenFault: it is missing, can be read by others, or holds no token; or what it refers to is or does.
    """
    held = _held(path)
    if held.startswith(_ENVIRONMENT):
        return _of_environment(held.removeprefix(_ENVIRONMENT))
    if held.startswith(_COMMAND):
        return _of_command(path, held.removeprefix(_COMMAND))
    if not held.startswith(_FILE):
        return held
    target = Path(held.removeprefix(_FILE))
    if not target.is_absolute():
        raise TokenFault(f"{_shown(path)} refers to a file without its whole path")
    token = _held(target)
    if is_reference(token):
        raise TokenFault(f"{_shown(path)} refers to what refers further")
    return token


def is_reference(text: str) -> bool:
    """True for what says where a credential is, and is none itself."""
    return text.startswith(_REFERENCES)


def _of_environment(name: str) -> str:
    token = os.environ.get(name, "").strip()
    if not _is_token(token):
        raise TokenFault(f"the environment's {name[:80]} holds no token")
    return token


def _of_command(path: Path, words: str) -> str:
    try:
        token = printed_by(words)
    except CommandFault as fault:
        raise TokenFault(f"{_shown(path)}: {fault}") from fault
    if not _is_token(token) or is_reference(token):
        raise TokenFault(f"{_shown(path)}: its command printed no token")
    return token


def _is_token(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _held(path: Path) -> str:
    """Return what a file holds; raises TokenFault."""
    try:
        found = os.stat(path)
        how = (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns)
        known = _read.get(str(path))
        if known is not None and known[0] == how:
            return known[1]
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise TokenFault(f"no credential at {_shown(path)}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TokenFault(f"{_shown(path)} does not hold a token") from None
    if stat.S_IMODE(found.st_mode) & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise TokenFault(f"{_shown(path)} can be read by others (mode {mode}): chmod 600 it")
    if not _is_token(token.replace(" ", "") if token.startswith(_COMMAND) else token):
        raise TokenFault(f"{_shown(path)} does not hold a token")
    _read[str(path)] = (how, token)
    return token


def expiry_path(path: Path) -> Path:
    """Return where it stands when a credential ends; no file: it does not end by itself, or nobody knows."""
    return path.with_suffix(".expires")


def expiry_of(path: Path) -> datetime | None:
    """Return when the credential at ``path`` ends, as ``onevoice profiles connect`` noted it."""
    try:
        noted = datetime.fromisoformat(expiry_path(path).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return noted if noted.tzinfo is not None else None


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])
