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

import tomllib
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
)

from schemas.events.authority import Realm
from schemas.events.base import Id, PublicKey
from services.kernel.base.city_platforms import (
    BlueskySection,
    EmailSection,
    FacebookSection,
    MastodonSection,
    Section,
    TelegramSection,
    WebhookSection,
    XSection,
)
from services.kernel.base.errors import BadInput, first_fault
from services.kernel.base.zones import zone_of


def _zone(name: str) -> str:
    try:
        zone_of(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is no time zone; names are as America/Vancouver (IANA)") from error
    return name


class CitySection(Section):
    """[city]: its name, and its official website, to which content links back.

    ``timezone`` (IANA) is that of all times that people read and type. Without it they read UTC, and a time that is
    typed needs its offset.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    website: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")]
    language: str = "en-CA"
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "CA"
    timezone: Annotated[str, AfterValidator(_zone)] | None = None


class NatsSection(Section):
    """[nats]: the broker. ``embedded``: ``onevoice up`` starts it; else ``url`` is an existing one.

    Of a cluster ``url`` names each server, with commas between, so that one that is down keeps nobody out.
    """

    embedded: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 4222
    url: str | None = None
    tls_ca: str | None = None
    replicas: Literal[1, 3, 5] = 1

    @property
    def address(self) -> str:
        """Where the broker is to be found, as ``url`` writes it."""
        return self.url or f"nats://{self.host}:{self.port}"


class RealmAuthority(Section):
    """The public keys that must sign a realm's manifest."""

    root_keys: tuple[PublicKey, ...] = Field(min_length=1)
    threshold: Annotated[int, Field(ge=1)] = 2
    audit_key: PublicKey


class AuthoritySection(Section):
    """[authority.live] and [authority.exercise]: pinned keys; the manifests are checked against them."""

    live: RealmAuthority
    exercise: RealmAuthority


class TownsquareSection(Section):
    """[townsquare]: the demonstration platform; absent in a city that has none."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 4223


class SiteSection(Section):
    """[site]: where the website's pages can be looked at locally while the city is up."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 4224
    serve: bool = True


class DeliverySection(Section):
    """[delivery]: ``patience_seconds`` is how long a platform is asked how an interrupted post ended, before a person
    has to look (``onevoice resolve``).
    """

    patience_seconds: Annotated[float, Field(ge=1, le=3_600)] = 120.0


class QuotaSection(Section):
    """[quota]: what one sender may send in a minute, to each copy of intake: messages, bytes, pixels of pictures."""

    system_messages: Annotated[int, Field(ge=1)] = 120
    system_bytes: Annotated[int, Field(ge=1_024)] = 4_000_000
    officer_messages: Annotated[int, Field(ge=1)] = 1_200
    officer_bytes: Annotated[int, Field(ge=65_536)] = 100_000_000
    officer_pixels: Annotated[int, Field(ge=50_000_000)] = 600_000_000


class NotifySection(Section):
    """[notify]: who is woken when something waits for an officer; absent: nobody.

    ``first`` are told at once, and again after ``reminder_minutes``; ``deputies`` after ``deputies_minutes``. Each is
    an e-mail address, or a service's address as Apprise writes it (``onevoice[notify]``). ``smtp`` is host:port;
    ``user``'s password lies in var/notify/smtp.password, mode 0600.
    """

    first: Annotated[tuple[str, ...], Field(min_length=1)]
    deputies: tuple[str, ...] = ()
    reminder_minutes: Annotated[float, Field(gt=0, le=1_440)] = 10.0
    deputies_minutes: Annotated[float, Field(gt=0, le=1_440)] = 20.0
    smtp: Annotated[str, StringConstraints(pattern=r"^[^\s:/]+:[0-9]{1,5}$")] = "localhost:25"
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    sender: Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$")] = "onevoice@localhost.localdomain"


class WitnessSection(Section):
    """[witness]: where checkpoints of the record are kept besides its own folder (``onevoice audit verify --witness``).

    ``folder`` is one on another disk or machine; ``website`` is ``audit/checkpoints.jsonl`` of the site; ``mail`` are
    addresses, the clerk's say, which get them by the mail server of [notify].
    """

    folder: str | None = None
    website: bool = True
    mail: tuple[Annotated[str, StringConstraints(pattern=r"^[^\s@,]+@[^\s@,]+$")], ...] = ()


class LogSection(Section):
    """[log]: ``format`` lines for people, json for machines; ``level`` as in the standard library."""

    format: Literal["lines", "json"] = "lines"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsSection(Section):
    """[metrics]: where each process answers /metrics and /healthz. Absent: nowhere.

    A process with several services, as ``onevoice up`` has them, takes ``port``; one service alone takes a port of its
    own: the next ones, in the order of the flow map.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_000)] = 9464


class CityFile(Section):
    """city.toml. ``screening_topics``: words of a profile's or department's topic; ``screening_numbers``: the
    telephone numbers that the city publishes itself; ``screening_addresses``: e-mail addresses, or hosts of such, that
    may be published; ``screening_names``: names of people and places that look like profanity and are none.
    """

    city: CitySection
    authority: AuthoritySection
    nats: NatsSection = NatsSection()
    townsquare: TownsquareSection | None = None
    site: SiteSection = SiteSection()
    mastodon: MastodonSection = MastodonSection()
    bluesky: BlueskySection = BlueskySection()
    telegram: TelegramSection = TelegramSection()
    webhook: WebhookSection = WebhookSection()
    facebook: FacebookSection = FacebookSection()
    x: XSection = XSection()
    email: EmailSection = EmailSection()
    delivery: DeliverySection = DeliverySection()
    quota: QuotaSection = QuotaSection()
    notify: NotifySection | None = None
    witness: WitnessSection = WitnessSection()
    log: LogSection = LogSection()
    metrics: MetricsSection | None = None
    screening_topics: dict[Id, tuple[str, ...]] = Field(default={})
    screening_numbers: tuple[str, ...] = ()
    screening_addresses: tuple[str, ...] = ()
    screening_names: tuple[str, ...] = ()


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

    @property
    def notify_folder(self) -> Path:
        """What the board keeps of the notices it sent, and the password that it sends them with."""
        return self.var / "notify"

    @property
    def templates_folder(self) -> Path:
        """Wordings that were agreed on beforehand (services.desk.templates)."""
        return self.folder / "templates"

    @property
    def site_folder(self) -> Path:
        """The website connector's output in this realm."""
        return self.folder / ("site" if self.realm == "live" else "site-exercise")

    @property
    def run_path(self) -> Path:
        """What ``onevoice up`` says of the running city: addresses and process id (JSON)."""
        return self.var / "run" / "up.json"


def servers_of(url: str) -> list[str]:
    """Return the servers that an address names: one, or those of a cluster."""
    return [one.strip() for one in url.split(",") if one.strip()]


def load_city(folder: Path, realm: Realm = "live") -> City:
    """Read a city folder.

    Raises:
        BadInput: ``city.missing``, ``city.syntax`` (with the line), ``city.invalid`` (with the field).
    """
    path = folder / "city.toml"
    try:
        text = path.read_bytes().decode("utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError as error:
        raise BadInput(
            "city.missing",
            f"there is no city.toml in {folder}",
            "name the city folder with --city or ONEVOICE_CITY, or make one: onevoice init --demo DIR",
        ) from error
    except OSError as error:
        raise BadInput("city.unreadable", f"{path}: {error.strerror}", "check the folder's permissions") from error
    except UnicodeDecodeError as error:
        raise BadInput("city.syntax", f"{path} is not UTF-8 (byte {error.start})", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput("city.syntax", f"{path}: {error}", "mend that line; TOML 1.0 is the format") from error
    try:
        return City(folder.resolve(), CityFile.model_validate(table), realm)
    except ValidationError as error:
        raise _invalid(path, text, error) from error


def _invalid(path: Path, text: str, error: ValidationError) -> BadInput:
    fault = first_fault(error)
    line = _line_of(text, tuple(part for part in fault.field.split(".") if not part.isdigit()))
    place = f"{path}, line {line}" if line else str(path)
    return BadInput("city.invalid", f"{place}: {fault}", "mend that field in city.toml")


def _line_of(text: str, wanted: tuple[str, ...]) -> int | None:
    """Return the line of a key, or of the innermost table round it that stands in the text."""
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
