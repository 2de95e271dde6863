"""Writes a realm's accounts file from its manifest, its keys and what control has changed since.

What the broker could not take beside the rest, since a key is in it already, is left out and told.
"""

from __future__ import annotations

from pathlib import Path

from schemas import flow
from schemas.events.authority import Manifest
from services.kernel.authority.signing import Signer, load_key, new_seed, write_key
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import replace_content
from services.kernel.base.network.broker_users import users_at
from services.kernel.control.control_state import ControlState
from services.provision.accounts.accounts_conf import REALMS, RealmUsers, provisioner_of, render_accounts
from services.provision.accounts.apart import apart, hint_for, without


def _added_key(path: Path) -> str | None:
    """Return a public key that cities of older versions lack; such a city gets one, where keys may be written."""
    if not path.exists():
        try:
            write_key(path, new_seed())
        except OSError:
            return None
    return load_key(path).public_key


def renew_provision_key(city: City) -> str:
    """Give the provisioning user a new key, in the accounts file too, and return its public half.

    The accounts are not rendered again: that takes what control has changed since, and only a key that the broker knows
    can read it. The broker has to reload them before the next ``onevoice provision``. The old key may be lost: it is
    the one that the file names for the ledger's account.

    Raises:
        BadInput: ``accounts.unwritable``; ``accounts.missing``: the file names no key of the provisioning user.
    """
    seed = new_seed()
    path, new = city.accounts_path, Signer(seed).public_key
    try:
        text = path.read_text(encoding="utf-8")
        old = provisioner_of(text, city.realm)
        if old is None:
            said = f"{path} names no key of the provisioning user"
            raise BadInput("accounts.missing", said, "bring the file back from the backup, with the key that it names")
        replace_content(path, text.replace(old, new).encode(), mode=0o644)
        city.provision_key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_content(city.provision_key_path, seed + b"\n", mode=0o600)
    except OSError as error:
        raise BadInput("accounts.unwritable", f"{path} cannot be written: {error}", "check its owner") from error
    return new


def write_accounts(city: City, manifest: Manifest, control: ControlState) -> bool:
    """Write the realm's accounts file if it is not as it has to be; return whether it was written.

    Officers and systems are those that control has now, but for the revoked; of a ledger that has not begun those of
    the manifest.

    Raises:
        BadInput: a service's key is missing or readable by others; ``accounts.unwritable``.
    """
    has_begun = control.seq > 0
    people = control.officers.values() if has_begun else manifest.officers
    users = RealmUsers.of(
        city.realm,
        [one for one in people if one.id not in control.revoked],
        control.systems.values() if has_begun else manifest.systems,
        {row.user: load_key(city.service_key_path(row.name)).public_key for row in flow.SERVICES},
        load_key(city.provision_key_path).public_key,
        doctor=_added_key(city.key_path(flow.DOCTOR)),
        web=_added_key(city.service_key_path(flow.WEB)),
    )
    other = _other_realm(city)
    users = apart(users, users_at(other.accounts_path))
    for one in users.left_out:
        logs.logger(realm=city.realm).error("somebody cannot connect to the broker", who=one, hint=hint_for(one))
    try:
        written = _replace(city.accounts_path, render_accounts(users))
        return keep_apart(city) or written
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            "accounts.unwritable",
            f"{city.accounts_path} cannot be written: {error}",
            "check the folder's owner and mode",
        ) from error


def keep_apart(city: City) -> bool:
    """Take out of the exercise's accounts file whose key is in the live realm's; return whether it was written.

    nats-server refuses both of them otherwise. Raises OSError, UnicodeDecodeError.
    """
    live, exercise = (City(city.folder, city.settings, realm).accounts_path for realm in REALMS)
    return exercise.is_file() and _replace(exercise, without(exercise.read_text(encoding="utf-8"), users_at(live)))


def _replace(path: Path, text: str) -> bool:
    """Write a file unless it is so already; return whether it was written."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    replace_content(path, text.encode("utf-8"), mode=0o644)
    return True


def _other_realm(city: City) -> City:
    return City(city.folder, city.settings, "exercise" if city.realm == "live" else "live")
