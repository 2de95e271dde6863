"""The city folder: where everything lies, and city.toml, its settings.

::

    city.toml                    names, ports, website; what is not authority
    authority/manifest.<realm>.json   the signed manifest (DSSE)
    keys/<name>.nk               keys of realm live: officers, systems;  keys/exercise/<name>.nk the other realm's
    keys/services/[exercise/]<service>.nk, keys/provision/<realm>.nk    the services' and the provisioning user's
    nats/nats.conf               generated: accounts and permissions
    secrets/<realm>/<profile>.token   platform credentials, mode 0600
    var/                         what grows: nats/, audit/<realm>/, townsquare/, media/, run/
    site/, site-exercise/        the website connector's output
"""

from __future__ import annotations

import shlex
import tomllib
from datetime import tzinfo
from pathlib import Path

from pydantic import ValidationError

from schemas.events.authority import Realm
from services.kernel.base.errors import BadInput, first_fault
from services.kernel.base.files import read_file
from services.kernel.base.settings.city_file import CityFile, RealmAuthority
from services.kernel.base.settings.city_web import WebSection
from services.kernel.base.zones import zone_of


class City:
    """A city folder: its settings and its paths."""

    def __init__(self, folder: Path, settings: CityFile, realm: Realm = "live") -> None:
        self.folder = folder
        self.settings = settings
        self.realm: Realm = realm

    @property
    def zone(self) -> tzinfo | None:
        """The city's time zone; None where city.toml names none: then people read UTC."""
        name = self.settings.city.timezone
        return None if name is None else zone_of(name)

    @property
    def authority(self) -> RealmAuthority:
        """The pinned keys of this realm."""
        section = self.settings.authority
        return section.live if self.realm == "live" else section.exercise

    @property
    def web(self) -> WebSection:
        """Where the officers' pages of this realm are."""
        return self.settings.web.of(self.realm)

    @property
    def manifest_path(self) -> Path:
        """The signed manifest of this realm."""
        return self.folder / "authority" / f"manifest.{self.realm}.json"

    def key_path(self, name: str) -> Path:
        """The key file of an officer or system in this realm."""
        keys = self.folder / "keys"
        return (keys if self.realm == "live" else keys / "exercise") / f"{name}.nk"

    def service_key_path(self, service: str) -> Path:
        """The key file of a service's NATS user in this realm (audit signs checkpoints with its own too)."""
        keys = self.folder / "keys" / "services"
        return (keys if self.realm == "live" else keys / "exercise") / f"{service.replace('_', '-')}.nk"

    @property
    def provision_key_path(self) -> Path:
        """The key file of this realm's provisioning user."""
        return self.folder / "keys" / "provision" / f"{self.realm}.nk"

    @property
    def nats_conf_path(self) -> Path:
        """The generated NATS configuration."""
        return self.folder / "nats" / "nats.conf"

    @property
    def accounts_path(self) -> Path:
        """This realm's accounts, beside the NATS configuration that includes them."""
        return self.nats_conf_path.with_name(f"accounts.{self.realm}.conf")

    def token_path(self, profile: str) -> Path:
        """A profile's platform credential in this realm."""
        return self.folder / "secrets" / self.realm / f"{profile}.token"

    @property
    def var(self) -> Path:
        """What grows."""
        return self.folder / "var"

    @property
    def audit_folder(self) -> Path:
        """The second copy of this realm's ledger."""
        return self.var / "audit" / self.realm

    @property
    def record_path(self) -> Path:
        """The entries of the second copy, a line for each."""
        return self.audit_folder / "ledger.jsonl"

    @property
    def ledger_seen_path(self) -> Path:
        """What the fan-out remembers of the ledger's end (kernel.ledger.integrity); where it may write."""
        return self.var / "website" / f"ledger-seen.{self.realm}.json"

    def snapshot_path(self, user: str) -> Path:
        """Where a service starts from (kernel.projection.snapshots); in a folder that it alone may write."""
        return self.var / "fold" / user / f"{self.realm}.json"

    def mark_path(self, user: str) -> Path:
        """What a service that does not post remembers of the ledger's end, beside its snapshot."""
        return self.var / "fold" / user / f"{self.realm}.seen.json"

    @property
    def notify_folder(self) -> Path:
        """What the board keeps of the notices it sent, and the password that it sends them with."""
        return self.var / "notify"

    @property
    def templates_folder(self) -> Path:
        """Wordings that were agreed on beforehand (services.desk.message.templates)."""
        return self.folder / "templates"

    @property
    def site_folder(self) -> Path:
        """The website connector's output in this realm."""
        return self.folder / ("site" if self.realm == "live" else "site-exercise")

    @property
    def run_path(self) -> Path:
        """What ``onevoice up`` says of the running city: addresses and process id (JSON)."""
        return self.var / "run" / "up.json"

    @property
    def run_lock_path(self) -> Path:
        """What ``onevoice up`` holds locked while it lives."""
        return self.var / "run" / "up.lock"


def servers_of(url: str) -> list[str]:
    """Return the servers that an address names: one, or those of a cluster."""
    return [_lower_scheme(one.strip()) for one in url.split(",") if one.strip()]


def _lower_scheme(url: str) -> str:
    """Return an address with its scheme in small letters (RFC 3986): the client knows no other."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme.lower()}{mark}{rest}" if mark else url


def load_city(folder: Path, realm: Realm = "live") -> City:
    """Read a city folder.

    Raises:
        BadInput: ``city.missing``, ``city.unreadable``, ``city.syntax`` (with the line), ``city.invalid`` (with the
            field).
    """
    path = folder / "city.toml"
    try:
        text = read_file(path).decode("utf-8-sig")  # Windows writes a mark before a text in UTF-8
        table = tomllib.loads(text)
    except FileNotFoundError as error:
        raise BadInput(
            "city.missing",
            f"there is no city.toml in {folder}",
            "name the city folder with --city or ONEVOICE_CITY, or make one: onevoice init --demo DIR",
        ) from error
    except NotADirectoryError as error:
        named = shlex.quote(str(folder.parent)) if folder.name == path.name else "DIR"
        hint = f"name the folder that holds city.toml: --city {named}"
        raise BadInput("city.unreadable", f"{folder} is no folder", hint) from error
    except OSError as error:
        raise BadInput("city.unreadable", f"{path}: {error.strerror}", "check the folder's permissions") from error
    except UnicodeDecodeError as error:
        raise BadInput("city.syntax", f"{path} is not UTF-8 (byte {error.start})", "save it as UTF-8") from error
    except RecursionError as error:
        hint = "tables and arrays in tables and arrays: a few are enough"
        raise BadInput("city.syntax", f"{path} is nested too deeply", hint) from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput("city.syntax", f"{path}: {error}", "correct that line; TOML 1.0 is the format") from error
    except ValueError as error:  # Python reads no number of thousands of digits
        raise BadInput("city.syntax", f"{path}: a number in it is too long", "a few digits are enough") from error
    try:
        return City(folder.resolve(), CityFile.model_validate(table), realm)
    except ValidationError as error:
        raise _invalid(path, text, error) from error


def _invalid(path: Path, text: str, error: ValidationError) -> BadInput:
    fault = first_fault(error)
    line = _line_of(text, tuple(part for part in fault.field.split(".") if not part.isdigit()))
    place = f"{path}, line {line}" if line else str(path)
    return BadInput("city.invalid", f"{place}: {fault}", "correct that field in city.toml")


def _line_of(text: str, wanted: tuple[str, ...]) -> int | None:
    """Return the line of a key, or of the innermost table round it that is in the text."""
    table: tuple[str, ...] = ()
    best, depth = None, 0
    for number, row in enumerate(text.splitlines(), 1):
        bare = row.strip()
        if bare.startswith("["):
            table = _key(bare.split("]")[0].strip("[ "))
            here = table
        else:
            here = (*table, *_key(bare.split("=")[0])) if "=" in bare and not bare.startswith("#") else ()
        if len(here) > depth and wanted[: len(here)] == here:
            best, depth = number, len(here)
    return best


def _key(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
