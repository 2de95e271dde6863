"""An invitation: what a person's machine has to know of a city. All of it is public.

The person compares the city's short code with somebody in the city, so that nobody's other city comes instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.events.authority import Realm
from services.desk.keys.code import short_code
from services.desk.keys.sealed import read_sealed, seal_seed
from services.kernel.authority.signing import Signer, load_key, new_seed
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, describe
from services.kernel.base.files import make_folder, replace_content, write_atomically
from services.kernel.base.network.reach import needs_authority
from services.kernel.base.settings.city_file import Country, Language, RealmAuthority, TimeZone
from services.kernel.base.settings.city_web import WebSection

_PLACE = ("language", "region", "timezone")
"""Optional fields of an invitation that stand under [city] by the same names."""


class Invitation(BaseModel):
    """The city's name, website, broker and pinned keys; ``ca`` is the broker's TLS authority (PEM).

    ``web`` is where officers open the desk in a browser; ``timezone``, ``language`` and ``region`` are as in city.toml,
    None in an invitation of an older version.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    onevoice_invitation: int = 1
    city: str
    website: str
    broker: str
    live: RealmAuthority
    exercise: RealmAuthority
    ca: str | None = None
    web: WebSection | None = None
    timezone: TimeZone | None = None
    language: Language | None = None
    region: Country | None = None

    def code(self) -> str:
        """Return the city's short code: of the root keys of both realms."""
        return short_code("".join(sorted((*self.live.root_keys, *self.exercise.root_keys))))


def invitation_of(city: City, broker: str | None) -> Invitation:
    """Return the invitation to a city.

    Raises:
        BadInput: ``invite.ca``: its TLS authority cannot be read, or a broker that needs one has none in city.toml.
    """
    settings = city.settings
    ca = None
    if not settings.nats.tls_ca and (server := needs_authority(broker or settings.nats.address)):
        raise BadInput(
            "invite.ca",
            f"no desk could connect to {server}: city.toml does not name the authority of its certificate",
            'name it, and invite again: tls_ca = "tls/ca.pem" under [nats]; onevoice tls makes one',
        )
    if settings.nats.tls_ca:
        path = city.folder / settings.nats.tls_ca
        try:
            ca = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput("invite.ca", f"{path} cannot be read", "check tls_ca in city.toml") from error
    return Invitation(
        city=settings.city.name,
        website=settings.city.website,
        broker=broker or settings.nats.address,
        live=settings.authority.live,
        exercise=settings.authority.exercise,
        ca=ca,
        web=settings.web,
        timezone=settings.city.timezone,
        language=settings.city.language,
        region=settings.city.region,
    )


def read_invitation(path: Path) -> Invitation:
    """Read an invitation; raises BadInput ``invite.unreadable``."""
    try:
        return Invitation.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError, RecursionError) as error:
        said = describe(error) if isinstance(error, ValidationError) else "it cannot be read"
        raise BadInput(
            "invite.unreadable", f"{path} is no invitation: {said}", "the city makes one: onevoice invite FILE"
        ) from error


@dataclass(frozen=True)
class Enrolled:
    """The public keys of who was enrolled; ``login_key`` is None for a system, and where one key does both."""

    folder: Path
    public_key: str
    login_key: str | None

    @property
    def code(self) -> str:
        """The short code to compare."""
        return short_code(self.public_key, self.login_key)


def enroll(
    invitation: Invitation, folder: Path, name: str, realm: Realm, passphrase: str | None, *, system: bool
) -> Enrolled:
    """Make a desk folder with fresh keys; a key that is there is never replaced.

    Args:
        invitation: the city's.
        folder: the desk folder; made if need be, and shared by both realms.
        name: the officer's or system's id.
        realm: the realm of the keys.
        passphrase: what seals the keys; None for a system, which has nobody to ask.
        system: one key, for a program that only submits.

    Raises:
        BadInput: ``enroll.there``, ``enroll.other_city``, ``enroll.unwritable``, ``enroll.ca``,
            ``key.passphrase_short``.
    """
    signing, login = _key_files(folder, name, realm)
    if signing.exists():
        said = f"{signing} is there already, and a key is never replaced"
        raise BadInput("enroll.there", said, "onevoice keys rotate makes a new one; or move the old one away")
    seeds = {signing: new_seed()} if system else {signing: new_seed(), login: new_seed()}
    sealed = {path: seal_seed(seed, passphrase).to_bytes() if passphrase else seed for path, seed in seeds.items()}
    _write_desk(invitation, folder, sealed)
    return Enrolled(folder, Signer(seeds[signing]).public_key, None if system else Signer(seeds[login]).public_key)


def enroll_with(invitation: Invitation, folder: Path, name: str, realm: Realm, file: Path) -> Enrolled:
    """Make a desk folder for who holds a root key: their key, as its file has it, and no other.

    Raises:
        BadInput: ``enroll.key``: it is no root key of the realm; ``enroll.there``: another key is there; as ``enroll``,
            and as ``load_key``.
    """
    sealed = read_sealed(file)
    public = sealed.public_key if sealed is not None else load_key(file).public_key
    pinned = invitation.live if realm == "live" else invitation.exercise
    if public not in pinned.root_keys:
        said = f"{file} holds {public}, which is no root key of {invitation.city} in the realm {realm}"
        raise BadInput("enroll.key", said, "each realm has its own: --realm live or --realm exercise")
    signing, login = _key_files(folder, name, realm)
    content = file.read_bytes().strip()
    other = next((path for path in (signing, login) if path.exists() and path.read_bytes().strip() != content), None)
    if other is not None:
        said = f"{other} is there already, and a key is never replaced"
        raise BadInput("enroll.there", said, "move it away, and the one for logging in with it: the root key does both")
    _write_desk(invitation, folder, {signing: content})
    return Enrolled(folder, public, None)


def _key_files(folder: Path, name: str, realm: Realm) -> tuple[Path, Path]:
    keys = folder / "keys" if realm == "live" else folder / "keys" / "exercise"
    return keys / f"{name}.nk", keys / f"{name}.login.nk"


def _write_desk(invitation: Invitation, folder: Path, keys: Mapping[Path, bytes]) -> None:
    if invitation.ca is None and (server := needs_authority(invitation.broker)):
        said = f"the invitation does not say how to know the broker {server}: no authority of its certificate is in it"
        raise BadInput("enroll.ca", said, "the city names it (city.toml, [nats] tls_ca) and sends another invitation")
    toml = city_toml(invitation)
    older = city_toml(invitation.model_copy(update=dict.fromkeys(_PLACE)))
    try:
        make_folder(folder)
        folder.chmod(0o700)
        _write_once(folder / "city.toml", toml, older)
        if invitation.ca:
            _write_once(folder / "ca.pem", invitation.ca)
        for path, raw in keys.items():
            write_atomically(path, raw.rstrip(b"\n") + b"\n", mode=0o600)
    except OSError as error:
        said = f"cannot write {folder}: {error.strerror}"
        raise BadInput("enroll.unwritable", said, "name another folder with --folder") from error


def _write_once(path: Path, text: str, older: str | None = None) -> None:
    """Write a text; another one that is there is refused, but for what an older invitation to the same city wrote."""
    if path.exists() and path.read_text(encoding="utf-8") not in (text, older):
        raise BadInput(
            "enroll.other_city", f"{path} says something else than the invitation", "name another folder with --folder"
        )
    replace_content(path, text.encode("utf-8"), None if path.exists() else 0o600)


def city_toml(invitation: Invitation) -> str:
    """Return the city.toml of a desk folder."""
    lines = [
        "# A desk of a OneVoice city, made by onevoice enroll.",
        "",
        "[city]",
        f"name = {json.dumps(invitation.city, ensure_ascii=False)}",
        f"website = {json.dumps(invitation.website)}",
    ]
    place = ((name, getattr(invitation, name)) for name in _PLACE)
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in place if value is not None]
    for realm, pinned in (("live", invitation.live), ("exercise", invitation.exercise)):
        keys = ", ".join(json.dumps(key) for key in pinned.root_keys)
        lines += ["", f"[authority.{realm}]", f"root_keys = [{keys}]", f"threshold = {pinned.threshold}"]
        lines += [f"audit_key = {json.dumps(pinned.audit_key)}"]
    lines += ["", "[nats]", "embedded = false", f"url = {json.dumps(invitation.broker)}"]
    lines += ['tls_ca = "ca.pem"'] if invitation.ca else []
    if invitation.web:
        lines += ["", "[web]", f"origin = {json.dumps(invitation.web.origin)}"]
        lines += [f"rp_id = {json.dumps(invitation.web.rp_id)}"] if invitation.web.rp_id else []
    return "\n".join(lines) + "\n"
