"""The accounts of the townsquare: a JSON file with names and the hashes of their tokens, never the tokens."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from schemas import canonical
from schemas.events.base import Contract, Id, Sha256
from services.kernel.base.errors import BadInput, describe
from services.kernel.base.files import write_atomically


class Account(Contract):
    """One account; ``token_sha256`` is the hash of its access token's bytes, ``more`` those that logins gave out."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
    username: Id
    display_name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    note: Annotated[str, StringConstraints(max_length=1_000)] = ""
    token_sha256: Sha256
    more: tuple[Sha256, ...] = ()


_MOST_TOKENS = 20
"""So many logins of an account are good; an older one ends."""
_LIST = TypeAdapter(tuple[Account, ...])


def accounts_path(city_folder: Path) -> Path:
    """Return where a city folder keeps the townsquare's accounts (of both realms)."""
    return city_folder / "var" / "townsquare" / "accounts.json"


def make_accounts(city_folder: Path, wanted: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Add accounts (username, display name, note) and return a fresh token for each username.

    An account that is there keeps its id and posts; its name, note and token become the new ones.

    Raises:
        BadInput: ``townsquare.accounts``: the file that is there is broken, or a name is not a username.
    """
    path = accounts_path(city_folder)
    known = {account.username: account for account in read_accounts(path)} if path.exists() else {}
    number = max((int(account.id) for account in known.values()), default=1_000)
    tokens: dict[str, str] = {}
    for username, display_name, note in wanted:
        token = secrets.token_urlsafe(32)
        if username in known:
            identity = known[username].id
        else:
            number += 1
            identity = str(number)
        try:
            known[username] = Account(
                id=identity,
                username=username,
                display_name=display_name,
                note=note,
                token_sha256=canonical.sha256(token.encode("ascii")),
            )
        except ValidationError as error:
            raise _broken(path, error) from error
        tokens[username] = token
    _write(path, known.values())
    return tokens


def add_token(city_folder: Path, username: str) -> str:
    """Return one more token for an account that is there; those that it has stay good.

    Raises:
        BadInput: as ``read_accounts``.
        KeyError: there is no such account.
    """
    path = accounts_path(city_folder)
    known = {account.username: account for account in read_accounts(path)}
    token = secrets.token_urlsafe(32)
    more = (*known[username].more[-_MOST_TOKENS + 1 :], canonical.sha256(token.encode("ascii")))
    known[username] = known[username].model_copy(update={"more": more})
    _write(path, known.values())
    return token


def _write(path: Path, accounts: Iterable[Account]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, _LIST.dump_json(tuple(accounts), indent=1) + b"\n", mode=0o600)


def read_accounts(path: Path) -> tuple[Account, ...]:
    """Read the accounts.

    Raises:
        BadInput: ``townsquare.no_accounts``, ``townsquare.accounts`` (the file is broken; says where).
    """
    try:
        accounts = _LIST.validate_python(canonical.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise BadInput(
            "townsquare.no_accounts",
            f"the townsquare has no accounts: {path} is not there",
            "onevoice init makes them; or take [townsquare] out of city.toml if the city does not use it",
        ) from error
    except OSError as error:
        raise BadInput("townsquare.accounts", f"{path}: {error.strerror}", "check its owner and mode") from error
    except (canonical.StrictJsonError, ValidationError) as error:
        raise _broken(path, error) from error
    for field in ("id", "username", "token_sha256"):
        values = [getattr(account, field) for account in accounts]
        if len(set(values)) != len(values):
            raise BadInput("townsquare.accounts", f"{path}: two accounts have the same {field}", "remove one of them")
    return accounts


def _broken(path: Path, error: Exception) -> BadInput:
    return BadInput("townsquare.accounts", f"{path}: {describe(error)}", "correct that field")


class Directory:
    """The accounts, found by token, name or id; read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = (0, 0)
        self.all: tuple[Account, ...] = ()
        self.refresh()

    def refresh(self) -> None:
        """Read the file if it changed since; raises BadInput as ``read_accounts`` does."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
        except OSError:
            stamp = (0, 0)
        if stamp != self._stamp or not self.all:
            self.all = read_accounts(self._path)
            self._stamp = stamp
            self._by_token = {one: account for account in self.all for one in (account.token_sha256, *account.more)}
            self._by_name = {account.username: account for account in self.all}
            self._by_id = {account.id: account for account in self.all}

    def by_token(self, token: str) -> Account | None:
        """Return whose token it is. Looked up by hash, so that the time it takes tells nothing of a token."""
        return self._by_token.get(canonical.sha256(token.encode("utf-8", "surrogateescape")))

    def by_name(self, username: str) -> Account | None:
        """Return the account of that username."""
        return self._by_name.get(username)

    def by_id(self, account_id: str) -> Account | None:
        """Return the account of that id."""
        return self._by_id.get(account_id)
