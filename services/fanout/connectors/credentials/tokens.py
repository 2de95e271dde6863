"""Platform credentials: files of mode 0600, looked at for each call, never logged and never put into a reason.

A file holds the credential, or says where it is: ``env:NAME``, a variable of the service's environment;
``file:/path``, another file that nobody else may read (what systemd's LoadCredential or a secret's mount gives); or
``exec:/path words``, a secret manager's command that prints it (``token_command``). A credential in the file itself may
be sealed (``sealing``). Where fan-out has renewed it, the renewed one counts (``renewed``).
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from services.fanout.connectors.credentials.renewed import (
    REFERENCES,
    RenewedCredential,
    RenewedFault,
    is_credential,
    is_token,
    read_renewed,
    renewed_path,
)
from services.fanout.connectors.credentials.sealing import MOST_KEYS, SEALED, SealFault, read_key, sealing_path, unseal
from services.fanout.connectors.credentials.token_command import COMMANDS, CommandFault
from services.kernel.base.files import read_file

_ENVIRONMENT, _FILE, _COMMAND = REFERENCES
_commands = ThreadPoolExecutor(max_workers=32, thread_name_prefix="credentials")
"""Commands wait in threads of their own: one that hangs must not keep a disk's write waiting."""

_read: dict[str, tuple[tuple[int, int, int, int], str]] = {}
"""What was read of each file, and how the file was then: it is read again when it has changed."""


class TokenFault(Exception):
    """The credential cannot be used; the message says why and how to fix it, without it and without the path."""


async def token_of(path: Path) -> str:
    """Return a profile's credential as ``read_token`` does; a command is run beside the event loop.

    Raises:
        TokenFault: as ``read_token``.
    """
    held = _counting(path)
    sources = key_references(path.parent) if held.startswith(SEALED) else [held]
    if any(one.startswith(_COMMAND) and COMMANDS.known(one.removeprefix(_COMMAND)) is None for one in sources):
        return await asyncio.get_running_loop().run_in_executor(_commands, _opened_or_referred, path, held)
    return _opened_or_referred(path, held)


async def renewal_of(path: Path) -> str:
    """Return what renews a credential as ``read_renewal`` does, beside the event loop.

    Raises:
        TokenFault: as ``read_token``.
    """
    return await asyncio.get_running_loop().run_in_executor(_commands, read_renewal, path)


def read_token(path: Path) -> str:
    """Return a profile's credential; a file that was replaced or changed is read again. A command may take 5 s.

    Raises:
        TokenFault: it is missing, can be read by others, or holds no token; or what it refers to is or does.
    """
    return _opened_or_referred(path, _counting(path))


def _counting(path: Path) -> str:
    """Return what counts at ``path``: what the file holds, or what fan-out renewed of that."""
    held = _held(path)
    renewed = None if is_reference(held) else _renewed(path, held)
    return held if renewed is None else renewed.credential


def _opened_or_referred(path: Path, held: str) -> str:
    return _referred(path, held) if is_reference(held) else _in_clear(path, held)


def renewed_of(path: Path) -> RenewedCredential | None:
    """Return what fan-out renewed of the credential at ``path``, sealed if it is; None: that one counts itself.

    Raises:
        TokenFault: as ``read_token``.
    """
    held = _held(path)
    return None if is_reference(held) else _renewed(path, held)


def read_renewal(path: Path) -> str:
    """Return what renews the credential at ``path``; empty: nothing does.

    Raises:
        TokenFault: as ``read_token``.
    """
    renewed = renewed_of(path)
    if renewed is not None and renewed.renews:
        return _in_clear(path, renewed.renews)
    beside = renewal_path(path)
    return read_token(beside) if beside.exists() else ""


def _renewed(path: Path, held: str) -> RenewedCredential | None:
    try:
        return read_renewed(path, held)
    except RenewedFault as fault:
        place = "/".join(renewed_path(path).parts[-5:])
        raise TokenFault(f"{place} {fault}") from None


def _in_clear(path: Path, held: str) -> str:
    return _opened(path, held) if held.startswith(SEALED) else held


def key_of(folder: Path) -> bytes | None:
    """Return the key that a folder's credentials are sealed with; None: they are not sealed.

    Raises:
        TokenFault: the key cannot be had.
    """
    return next(iter(keys_of(folder, key_references(folder)[:1])), None)


def _opened(path: Path, held: str) -> str:
    """Return a sealed credential; it is opened each time, so that a key that was taken away is missed at once."""
    faults = []
    for one in key_references(path.parent):
        try:
            token = unseal(held, keys_of(path.parent, [one]))
        except SealFault as fault:
            faults.append(f"{_shown(path)}: {fault}")
            continue
        except TokenFault as fault:
            faults.append(str(fault))
            continue
        if not is_credential(token) or token.startswith(SEALED):
            raise TokenFault(f"{_shown(path)} does not hold a token")
        return token
    raise TokenFault(faults[0] if faults else f"{_shown(path)} is sealed, and its folder's file sealing names no key")


def key_references(folder: Path) -> list[str]:
    """Return where the keys of a folder's credentials are, the one that seals first; raises TokenFault."""
    path = sealing_path(folder)
    try:
        return [one for one in path.read_text(encoding="ascii").splitlines() if one.strip()][:MOST_KEYS]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        raise TokenFault(f"{_shown(path)} cannot be read") from None


def keys_of(folder: Path, references: Sequence[str]) -> list[bytes]:
    """Return the keys that references name, for a folder's credentials; raises TokenFault."""
    path, found = sealing_path(folder), []
    for one in references:
        if not is_reference(one):
            raise TokenFault(f"{_shown(path)} names no key by reference")
        try:
            found.append(read_key(_referred(path, one)))
        except SealFault as fault:
            raise TokenFault(f"{_shown(path)}: {fault}") from None
    return found


def _referred(path: Path, held: str) -> str:
    """Return what a reference refers to; ``path`` is where it is."""
    if held.startswith(_ENVIRONMENT):
        return _of_environment(held.removeprefix(_ENVIRONMENT))
    if held.startswith(_COMMAND):
        return _of_command(path, held.removeprefix(_COMMAND))
    target = Path(held.removeprefix(_FILE))
    if not target.is_absolute():
        raise TokenFault(f"{_shown(path)} refers to a file without its whole path")
    token = _held(target)
    if is_reference(token):
        raise TokenFault(f"{_shown(path)} refers to what refers further")
    return token


def is_reference(text: str) -> bool:
    """True for what says where a credential is, and is none itself."""
    return text.startswith(REFERENCES)


def _of_environment(name: str) -> str:
    token = os.environ.get(name, "").strip()
    if not is_token(token):
        raise TokenFault(f"the environment's {name[:80]} holds no token")
    return token


def _of_command(path: Path, words: str) -> str:
    try:
        token = COMMANDS.printed_by(words)
    except CommandFault as fault:
        raise TokenFault(f"{_shown(path)}: {fault}") from fault
    if not is_token(token) or is_reference(token):
        raise TokenFault(f"{_shown(path)}: its command printed no token")
    return token


def _held(path: Path) -> str:
    """Return what a file holds; raises TokenFault."""
    try:
        found = os.stat(path)
        how = (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns)
        known = _read.get(str(path))
        if known is not None and known[0] == how:
            return known[1]
        token = read_file(path).decode("ascii").strip()
    except OSError as error:
        raise TokenFault(f"no credential at {_shown(path)}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TokenFault(f"{_shown(path)} does not hold a token") from None
    if stat.S_IMODE(found.st_mode) & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise TokenFault(f"{_shown(path)} can be read by others (mode {mode}): chmod 600 it")
    if not is_token(token.replace(" ", "") if token.startswith(_COMMAND) else token):
        raise TokenFault(f"{_shown(path)} does not hold a token")
    _read[str(path)] = (how, token)
    return token


def reference_of(path: Path) -> str:
    """Return how a credential is kept elsewhere (``env``, ``file`` or ``exec``); empty: the file itself holds it.

    Raises:
        TokenFault: there is none, or it cannot be used.
    """
    held = _held(path)
    return held.partition(":")[0] if is_reference(held) else ""


def renewal_path(path: Path) -> Path:
    """Return where it stands what renews a credential, where the platform gave something for that."""
    return path.with_suffix(".renewal")


def expiry_path(path: Path) -> Path:
    """Return where it stands when a credential ends; no file: it does not end by itself, or nobody knows."""
    return path.with_suffix(".expires")


def held_at(path: Path) -> str:
    """Return what a credential's file holds, unopened; raises TokenFault."""
    return _held(path)


def expiry_of(path: Path) -> datetime | None:
    """Return when the credential of ``path`` ends, as its renewal or ``onevoice profiles connect`` noted it."""
    with suppress(TokenFault):
        if (renewed := renewed_of(path)) is not None:
            return renewed.expires
    try:
        noted = datetime.fromisoformat(expiry_path(path).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return noted if noted.tzinfo is not None else None


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])
