"""Opens a person's keys for one command: a bare file, the agent, or a passphrase that is asked for once."""

from __future__ import annotations

import getpass
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from services.desk.confirm import interactive
from services.desk.deadline import while_a_person_thinks
from services.desk.keys.agent import AgentSigner, held, socket_path
from services.desk.keys.sealed import SealedKey, read_sealed
from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput


@dataclass(frozen=True)
class PersonKeys:
    """The two keys of a person; of the demonstration, and of a system, they are one."""

    signing: Signer
    login: Signer


def key_paths(city: City, user: str) -> tuple[Path, Path]:
    """Return the key file that signs and the one that logs in; in a city's own folder one does both."""
    signing = city.key_path(user)
    login = signing.with_name(f"{user}.login.nk")
    return signing, login if login.exists() else signing


def open_keys(city: City, user: str) -> PersonKeys:
    """Open a user's keys.

    Raises:
        BadInput: as ``load_key``; ``key.locked`` where nobody can be asked, ``key.passphrase``.
    """
    signing, login = key_paths(city, user)
    sealed = {path: read_sealed(path) for path in (signing, login)}
    locked = [one for one in sealed.values() if one is not None]
    if not locked:
        return PersonKeys(load_key(signing), load_key(login))
    for path in sealed:
        _check_mode(path)
    known, _ = held(socket_path())
    if all(one.public_key in known for one in locked):
        made = {path: _of_agent(path, one) for path, one in sealed.items()}
    else:
        passphrase = ask_passphrase(f"Passphrase of {signing.name}")
        made = {path: Signer(one.open(passphrase)) if one else load_key(path) for path, one in sealed.items()}
    return PersonKeys(made[signing], made[login])


def open_key_file(path: Path) -> Signer:
    """Open a key by its file, wherever that lies.

    Raises:
        BadInput: as ``load_key``; ``key.locked`` where nobody can be asked, ``key.passphrase``.
    """
    sealed = read_sealed(path)
    if sealed is None:
        return load_key(path)
    _check_mode(path)
    if sealed.public_key in held(socket_path())[0]:
        return _of_agent(path, sealed)
    return Signer(sealed.open(ask_passphrase(f"Passphrase of {path.name}")))


def _of_agent(path: Path, one: SealedKey | None) -> Signer:
    return AgentSigner(one.public_key, socket_path()) if one else load_key(path)


def _check_mode(path: Path) -> None:
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        hint = f"chmod 600 {shlex.quote(str(path))}"
        raise BadInput("key.permissions", f"the key {path} can be read by others", hint)


def ask_passphrase(prompt: str, *, twice: bool = False, file: Path | None = None) -> str:
    """Return a passphrase: the first line of a file, else what a person types (it is not shown).

    Raises:
        BadInput: ``key.locked``, or ``key.passphrase_new`` for a new one (``twice``), where there is no terminal;
            ``key.passphrase_twice``, ``key.passphrase_file``.
    """
    if file is not None:
        return _first_line(file)
    if not interactive():
        if twice:
            said = "a passphrase is to be chosen, and there is no terminal to ask on"
            raise BadInput("key.passphrase_new", said, "--passphrase-file FILE; its first line is taken")
        hint = "onevoice unlock --for 8h, on a terminal or with --passphrase-file FILE"
        raise BadInput("key.locked", "the key is locked, and there is no terminal to ask on", hint)
    with while_a_person_thinks():
        said = getpass.getpass(f"{prompt}: ")
        if twice and getpass.getpass("Once more: ") != said:
            raise BadInput("key.passphrase_twice", "the two are not the same; nothing was written", "begin again")
    return said


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()[0]  # Windows writes a mark that nobody can type
    except OSError as error:
        said, hint = f"{file} cannot be read: {error.strerror}", "--passphrase-file with a file that you can read"
        raise BadInput("key.passphrase_file", said, hint) from error
    except UnicodeDecodeError as error:
        said, hint = f"{file} is not UTF-8 (byte {error.start})", "save it as UTF-8"
        raise BadInput("key.passphrase_file", said, hint) from error
    except IndexError as error:
        raise BadInput("key.passphrase_file", f"{file} holds no passphrase", "its first line is taken") from error
