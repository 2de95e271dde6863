"""The part of the control fold that says who is who: officers, their keys and roles, systems, settings. Pure.

Each function returns the state after one action, and raises ControlFault where it may not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from schemas.events import control as c
from schemas.events.authority import Officer
from schemas.events.passkeys import Passkey
from services.kernel.control.control_state import ControlFault, ControlState, FormerPasskey


def designate(state: ControlState, action: c.Designate, _seq: int, _at: datetime) -> ControlState:
    """Give an officer a role; it replaces their grant of the same role."""
    officer = known_officer(state, action.officer)
    _check_profiles(state, action.grant.profiles)
    kept = tuple(grant for grant in officer.grants if grant.role is not action.grant.role)
    changed = officer.model_copy(update={"grants": (*kept, action.grant)})
    return replace(state, officers={**state.officers, officer.id: changed})


def revoke(state: ControlState, action: c.Revoke, seq: int, _at: datetime) -> ControlState:
    """Let nothing of an officer count any more."""
    officer = known_officer(state, action.officer)
    return replace(state, revoked={**state.revoked, officer.id: seq})


def officer_add(state: ControlState, action: c.OfficerAdd, _seq: int, _at: datetime) -> ControlState:
    """Add a person."""
    officer = action.officer
    if officer.id in state.officers or officer.id in state.systems:
        raise ControlFault("officer.twice", f"{officer.id} is an officer or a system already")
    if officer.passkeys:
        raise ControlFault("passkey.unproven", "a passkey is added by a one-time link, which it signs itself")
    _check_new_keys(state, officer.public_key, officer.login_key)
    for grant in officer.grants:
        _check_profiles(state, grant.profiles)
    return replace(state, officers={**state.officers, officer.id: officer})


def reinstate(state: ControlState, action: c.Reinstate, seq: int, _at: datetime) -> ControlState:
    """Take a revocation back, with a new key or one that is to come; the passkeys from before never count again."""
    if action.officer not in state.revoked:
        known_officer(state, action.officer)
        raise ControlFault("officer.not_revoked", f"{action.officer} is not revoked")
    revoked = {name: at for name, at in state.revoked.items() if name != action.officer}
    after = _with_key(state, action, seq)
    return replace(
        drop_passkeys(after, action.officer, after.officers[action.officer].passkeys or (), seq), revoked=revoked
    )


def rekey(state: ControlState, action: c.Rekey, seq: int, _at: datetime) -> ControlState:
    """Replace an officer's key."""
    known_officer(state, action.officer)
    return _with_key(state, action, seq)


def system_add(state: ControlState, action: c.SystemAdd, _seq: int, _at: datetime) -> ControlState:
    """Add a system, or give it a new key."""
    system = action.system
    if system.id in state.officers:
        raise ControlFault("system.officer", f"{system.id} is an officer")
    _check_new_keys(state, system.public_key, None)
    return replace(state, systems={**state.systems, system.id: system})


def system_remove(state: ControlState, action: c.SystemRemove, _seq: int, _at: datetime) -> ControlState:
    """Remove a system."""
    if action.system not in state.systems:
        raise ControlFault("system.unknown", f"there is no system {action.system!r}")
    return replace(state, systems={name: one for name, one in state.systems.items() if name != action.system})


def change_settings(state: ControlState, action: c.SettingsChange, _seq: int, _at: datetime) -> ControlState:
    """Replace the settings."""
    if action.settings == state.settings:
        raise ControlFault("settings.same", "these settings are in force already")
    return replace(state, settings=action.settings)


def known_officer(state: ControlState, officer_id: str) -> Officer:
    """Return an officer who is not revoked; raises ControlFault ``officer.unknown``, ``officer.gone``."""
    officer = state.officers.get(officer_id)
    if officer is None:
        raise ControlFault("officer.unknown", f"there is no officer {officer_id!r}")
    if officer_id in state.revoked:
        raise ControlFault("officer.gone", f"{officer_id} is revoked; to reinstate them takes a new key")
    return officer


def drop_passkeys(state: ControlState, officer_id: str, gone: tuple[Passkey, ...], seq: int) -> ControlState:
    """Return the state in which these passkeys of an officer do not count from a sequence on."""
    officer, names = state.officers[officer_id], {one.credential for one in gone}
    kept = tuple(one for one in officer.passkeys or () if one.credential not in names)
    former = tuple(FormerPasskey(officer_id, one, state.passkey_seqs.get(one.credential, 0), seq) for one in gone)
    return replace(
        state,
        officers={**state.officers, officer_id: officer.model_copy(update={"passkeys": kept or None})},
        former_passkeys=(*state.former_passkeys, *former),
        passkey_seqs={name: at for name, at in state.passkey_seqs.items() if name not in names},
    )


def _with_key(state: ControlState, action: c.Reinstate | c.Rekey, seq: int) -> ControlState:
    officer = state.officers[action.officer]
    _check_new_keys(state, action.public_key, action.login_key)
    keys = {"public_key": action.public_key, "login_key": action.login_key}
    former = (*state.former_keys.get(officer.id, ()), (officer.public_key, seq))
    return replace(
        state,
        officers={**state.officers, officer.id: officer.model_copy(update=keys)},
        former_keys={**state.former_keys, officer.id: former},
    )


def _check_new_keys(state: ControlState, signing: str | None, login: str | None) -> None:
    """Check that nobody has these keys or had them: a key that was lost once must never count again."""
    if signing is not None and signing == login:
        raise ControlFault("key.twice", "the key that signs and the key that logs in must be two")
    taken = dict(_keys(state))
    for key in (signing, login):
        if key is not None and key in taken:
            raise ControlFault("key.used", f"this key is or was that of {taken[key]}")


def _keys(state: ControlState) -> Iterator[tuple[str, str]]:
    for officer in state.officers.values():
        if officer.public_key is not None:
            yield officer.public_key, officer.id
        if officer.login_key is not None:
            yield officer.login_key, officer.id
    for system in state.systems.values():
        yield system.public_key, system.id
    for name, former in state.former_keys.items():
        yield from ((key, name) for key, _ in former if key is not None)


def _check_profiles(state: ControlState, profiles: tuple[str, ...]) -> None:
    unknown = [profile for profile in profiles if profile not in state.profiles]
    if unknown:
        raise ControlFault("profile.unknown", f"there is no profile {unknown[0]!r}")
