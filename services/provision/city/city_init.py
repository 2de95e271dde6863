"""Makes a city folder, whole or not at all: it is built in a folder of its own and moved into place at the end."""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from schemas import flow
from schemas.events.authority import Manifest, Officer, Profile, Realm, System
from schemas.events.envelope import MANIFEST_TYPE
from services.kernel.authority.manifest_file import unsigned
from services.kernel.authority.signing import Signer, new_seed, seal, write_key
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import Clock, SystemClock
from services.kernel.base.errors import BadInput
from services.provision.accounts.accounts_conf import REALMS, RealmUsers, accounts_file, render_accounts
from services.provision.accounts.server_conf import ServerSettings, render_server
from services.provision.city.city_toml import GITIGNORE, city_toml
from services.provision.city.message_templates import write_templates
from services.provision.city.new_folder import MAKING, check_new, fill
from services.provision.plan.city_plan import MASTODON_PLATFORM, TOWNSQUARE, CityPlan
from services.townsquare.accounts import make_accounts

ROOTS = ("cao", "mcpe")
"""The officers whose keys sign a manifest; both must."""

LASTS = timedelta(days=366)
"""How long the authority lasts before the root keys have to renew it (``onevoice root renew``)."""


Seals = Mapping[str, Callable[[bytes], bytes]]
"""By root officer, what makes of a seed the key file that only its owner can open."""


class _Key:
    """A fresh key: its seed until it is written, and its signer."""

    def __init__(self) -> None:
        self.seed = new_seed()
        self.signer = Signer(self.seed)
        self.public = self.signer.public_key


@dataclass(frozen=True)
class _RealmKeys:
    """The keys of a realm's users, by name."""

    people: dict[str, _Key]
    systems: dict[str, _Key]
    services: dict[str, _Key]
    provision: _Key
    doctor: _Key
    web: _Key
    roots: Mapping[str, str]

    @classmethod
    def fresh(cls, plan: CityPlan, seals: Seals | None, held: Mapping[str, str]) -> _RealmKeys:
        """Make a key for each user; with ``seals`` for no person but the roots, and no system: the others enrol.

        ``held``: the public root keys that their owners hold already, by officer; none is made for these.
        """
        made = [one.id for one in plan.officers if seals is None or one.id in ROOTS]
        people = {name: _Key() for name in made if name not in held}
        return cls(
            people=people,
            roots={root: held.get(root) or people[root].public for root in ROOTS},
            systems={system.id: _Key() for system in plan.systems} if seals is None else {},
            services={row.user: _Key() for row in flow.SERVICES},
            provision=_Key(),
            doctor=_Key(),
            web=_Key(),
        )

    def public_of(self, officer: str) -> str | None:
        """Return an officer's public key; None for who enrols later."""
        key = self.people.get(officer)
        return key.public if key is not None else self.roots.get(officer)

    def write(self, city: City, seals: Seals | None) -> None:
        """Write the keys into the city folder, mode 0600 in folders of mode 0700."""
        files = {city.key_path(name): key.seed for name, key in {**self.people, **self.systems}.items()}
        files |= {city.service_key_path(name): key.seed for name, key in self.services.items()}
        files[city.provision_key_path] = self.provision.seed
        files[city.key_path(flow.DOCTOR)] = self.doctor.seed
        files[city.service_key_path(flow.WEB)] = self.web.seed
        if seals is not None:
            files |= {city.key_path(name): seals[name](key.seed).strip() for name, key in self.people.items()}
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_key(path, content)


def make_city(
    folder: Path,
    plan: CityPlan,
    clock: Clock | None = None,
    seals: Seals | None = None,
    held: Mapping[Realm, Mapping[str, str]] | None = None,
) -> City:
    """Make a city folder from a plan and return it (realm live).

    Without ``seals`` it holds everybody's keys, in clear: a demonstration. With them it holds those of the roots alone,
    each as its owner's seal makes it; everybody else is in the manifest without a key, and enrols, as systems do.
    ``held`` maps, for each realm, each root to the public key that its owner holds already; no key is there twice,
    since a broker tells its users by their keys. Then the city holds no person's key, and nobody has signed its
    manifests yet (``onevoice root sign``).

    Raises:
        BadInput: ``init.not_empty`` when something is there, ``init.unwritable``, ``init.roots`` when the plan
            has no cao or mcpe, ``init.twice`` for an id or account that it gives twice.
    """
    folder = folder.absolute()
    check_new(folder)
    check_plan(plan)
    fills = folder.exists()
    building = (folder if fills else folder.parent) / f".{folder.name}.{secrets.token_hex(4)}{MAKING}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building.mkdir(mode=0o700)
        _build(building, folder, plan, clock or SystemClock(), {} if held else seals, held or {})
        if fills:
            fill(folder, building)
        else:
            building.rename(folder)
    except OSError as error:
        raise BadInput(
            "init.unwritable",
            f"cannot make {folder}: {error.strerror}",
            "check the folder's owner and mode, and the space on the disk; nothing was left behind",
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return load_city(folder)


def check_plan(plan: CityPlan) -> None:
    """Check what a plan's types cannot: raises BadInput ``init.roots``, ``init.twice``, ``init.reserved``."""
    users = [officer.id for officer in plan.officers] + [system.id for system in plan.systems]
    missing = [root for root in ROOTS if root not in users]
    if missing:
        raise BadInput("init.roots", f"the plan has no officer {missing[0]}", "cao and mcpe sign the city's manifest")
    _refuse_twice("id of an officer or system", users)
    taken = sorted(flow.RESERVED & {*users})
    if taken:
        raise BadInput("init.reserved", f"{taken[0]} is the name of a user of OneVoice itself", "give another name")
    _refuse_twice("profile id", [profile.id for profile in plan.profiles])
    for realm in REALMS:
        accounts = [f"{p.platform} {p.account.lower()}" for p in (in_realm(p, realm) for p in plan.profiles)]
        _refuse_twice(f"account in the realm {realm}", accounts)


def _refuse_twice(what: str, names: list[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise BadInput("init.twice", f"the {what} {twice!r} is given twice", "give each its own name")


def _build(
    folder: Path,
    final: Path,
    plan: CityPlan,
    clock: Clock,
    seals: Seals | None,
    held: Mapping[Realm, Mapping[str, str]],
) -> None:
    for name in ("keys", "secrets", "var"):
        (folder / name).mkdir(mode=0o700)
    keys = {realm: _RealmKeys.fresh(plan, seals, held.get(realm, {})) for realm in REALMS}
    authority = {realm: (list(made.roots.values()), made.services["audit"].public) for realm, made in keys.items()}
    (folder / "city.toml").write_text(city_toml(plan, authority), encoding="utf-8")
    (folder / ".gitignore").write_text(GITIGNORE, encoding="utf-8")
    city = load_city(folder)
    write_templates(city.templates_folder)
    conf = city.nats_conf_path
    conf.parent.mkdir()
    _write_open(conf, render_server(ServerSettings(str(final / "var" / "nats"), port=plan.port)))
    for realm, made in keys.items():
        users = _write_realm(load_city(folder, realm), plan, made, clock, seals)
        _write_open(conf.with_name(accounts_file(realm)), render_accounts(users))
    conf.parent.chmod(0o755)
    _write_tokens(folder, plan)


def _write_open(path: Path, text: str) -> None:
    """Write a file that the broker's own user reads (public keys and rights), whatever the umask is."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def _write_realm(city: City, plan: CityPlan, keys: _RealmKeys, clock: Clock, seals: Seals | None) -> RealmUsers:
    """Write a realm's keys and its signed manifest; return its NATS users."""
    keys.write(city, seals)
    manifest = _manifest(plan, city.realm, keys, clock)
    signers = tuple(keys.people[root].signer for root in ROOTS if root in keys.people)
    signed = seal(MANIFEST_TYPE, manifest, signers).to_bytes() if signers else unsigned(manifest)
    city.manifest_path.parent.mkdir(exist_ok=True)
    city.manifest_path.write_bytes(signed + b"\n")
    public = {name: key.public for name, key in keys.services.items()}
    people, systems = manifest.officers, manifest.systems
    return RealmUsers.of(
        city.realm, people, systems, public, keys.provision.public, doctor=keys.doctor.public, web=keys.web.public
    )


def _manifest(plan: CityPlan, realm: Realm, keys: _RealmKeys, clock: Clock) -> Manifest:
    return Manifest(
        realm=realm,
        city=plan.name,
        website=plan.website,
        issued_at=clock.now(),
        officers=tuple(
            Officer(id=o.id, name=o.name, public_key=keys.public_of(o.id), grants=o.grants) for o in plan.officers
        ),
        systems=tuple(
            System(id=s.id, name=s.name, public_key=keys.systems[s.id].public)
            for s in plan.systems
            if s.id in keys.systems
        ),
        profiles=tuple(in_realm(profile, realm) for profile in plan.profiles),
        settings=plan.settings,
        audit_key=keys.services["audit"].public,
        threshold=len(ROOTS),
        expires_at=clock.now() + LASTS,
    )


def in_realm(profile: Profile, realm: Realm) -> Profile:
    """Return a profile as it is in a realm: exercises post to accounts of their own, on the townsquare only."""
    if realm == "live" or profile.platform != MASTODON_PLATFORM:
        return profile
    return profile.model_copy(update={"account": f"exercise-{profile.department}@{TOWNSQUARE}"})


def _write_tokens(folder: Path, plan: CityPlan) -> None:
    """Make the townsquare's accounts, and put each profile's token where its connector looks."""
    placed = {
        realm: [p for p in (in_realm(profile, realm) for profile in plan.profiles) if _on_townsquare(p)]
        for realm in REALMS
    }
    wanted = [
        (_user(profile), _display_name(plan, profile, realm), f"{profile.purpose} {profile.identification}")
        for realm, profiles in placed.items()
        for profile in profiles
    ]
    tokens = make_accounts(folder, wanted)
    for realm, profiles in placed.items():
        city = load_city(folder, realm)
        (folder / "secrets" / realm).mkdir(mode=0o700)
        for profile in profiles:
            write_key(city.token_path(profile.id), tokens[_user(profile)].encode("ascii"))


def _on_townsquare(profile: Profile) -> bool:
    return profile.platform == MASTODON_PLATFORM and profile.account.endswith(f"@{TOWNSQUARE}")


def _user(profile: Profile) -> str:
    return profile.account.rpartition("@")[0]


def _display_name(plan: CityPlan, profile: Profile, realm: Realm) -> str:
    department = profile.department.replace("-", " ").title()
    name = plan.name if not profile.departmental else f"{plan.name}: {department}"
    return name if realm == "live" else f"EXERCISE {name}"
