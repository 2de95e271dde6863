"""city.toml as it is read: a model for each of its sections and for the whole (platforms': ``city_platforms``)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from schemas import languages
from schemas.events.base import Id, PublicKey
from schemas.forms import WEBSITE, address_in_form
from services.kernel.base.settings.addresses import HostName, in_url, mail_server, website_address
from services.kernel.base.settings.city_platforms import (
    BlueskySection,
    EmailSection,
    FacebookSection,
    InstagramSection,
    LinkedInSection,
    MastodonSection,
    NextdoorSection,
    Section,
    ServerUrl,
    TelegramSection,
    ThreadsSection,
    WebhookSection,
    XSection,
)
from services.kernel.base.settings.city_web import WebSection
from services.kernel.base.zones import is_country, zone_of


def _zone(name: str) -> str:
    try:
        zone_of(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is no time zone; names are as America/Vancouver (IANA)") from error
    return name


def _country(code: str) -> str:
    if not is_country(code):
        other = "; the United Kingdom is GB" if code.upper() == "UK" else ""
        raise ValueError(f"{code!r} is no country; they are as CA or US (ISO 3166){other}")
    return code


def _language(typed: str) -> str:
    tag = languages.canonical(typed)
    if tag is None or not languages.is_known(tag):
        raise ValueError(f"{typed!r} is no language; they are as en-CA or fr (BCP 47)")
    return tag


MOST_GB = 9e9
"""In bytes it is still a number that the broker can read."""

Language = Annotated[str, AfterValidator(_language)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Country = Annotated[str, AfterValidator(_country)]


class CitySection(Section):
    """[city]: its name, and its official website, to which content links back.

    ``region`` (ISO 3166) is the country whose telephone numbers are known without their prefix. ``timezone`` (IANA) is
    that of all times that people read and type. Without it they read UTC, and a time that is typed needs its offset.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    website: Annotated[
        str, StringConstraints(pattern=WEBSITE), BeforeValidator(address_in_form), AfterValidator(website_address)
    ]
    language: Language = "en-CA"
    region: Country = "CA"
    timezone: TimeZone | None = None


class NatsSection(Section):
    """[nats]: the broker. ``embedded``: ``onevoice up`` starts it; else ``url`` is an existing one.

    Of a cluster ``url`` names each server, with commas between, so that one that is down keeps nobody out.
    ``store_gb``: what each realm's streams may fill, in 10^9 bytes; the server sets it aside (``onevoice provision``).
    Absent: as much as the broker's disk gives.
    """

    embedded: bool = True
    host: HostName = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 4222
    url: str | None = None
    tls_ca: str | None = None
    replicas: Literal[1, 3, 5] = 1
    store_gb: Annotated[float, Field(gt=0, le=MOST_GB)] | None = None

    @property
    def address(self) -> str:
        """Where the broker is to be found, as ``url`` writes it."""
        return self.url or f"nats://{in_url(self.host)}:{self.port}"


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
    """[townsquare]: the demonstration platform; absent in a city that has none.

    ``open`` lets it listen on more than this machine, in plain: for a drill in a closed network. What else is not
    Mastodon's usual plays another server that speaks its API: ``characters`` in a post, ``count``ed as ``graphemes``
    or as ``code-points``, links in full; texts taken for Markdown (``markup``), always or unless plain text was asked
    for; ``keys``: whether repeats are told apart by their key; ``quota``: an account's posts in 5 minutes, 0 for any.
    """

    host: HostName = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 4223
    open: bool = False
    characters: Annotated[int, Field(ge=50, le=100_000)] = 500
    count: Literal["graphemes", "code-points"] = "graphemes"
    markup: Literal["never", "unless-plain", "always"] = "never"
    keys: bool = True
    quota: Annotated[int, Field(ge=0, le=100_000)] = 0


class SiteSection(Section):
    """[site]: where the website's pages can be looked at locally while the city is up.

    ``public`` is where the world sees the folder, if not at the city's website: Meta fetches pictures from there.
    """

    host: HostName = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 4224
    serve: bool = True
    public: ServerUrl | None = None


class DeliverySection(Section):
    """[delivery]: ``patience_seconds`` is how long a platform is asked how an interrupted post ended, before a person
    has to look (``onevoice resolve``).
    """

    patience_seconds: Annotated[float, Field(ge=1, le=3_600)] = 120.0


class CheckSection(Section):
    """[check]: every how many hours each profile is checked without posting; 0: never."""

    hours: Annotated[float, Field(ge=0, le=720)] = 24.0


class OutsideSection(Section):
    """[outside]: how often each profile is looked at for posts that did not come through the gate; 0: never.

    ``x_minutes`` is X's own: each post that is read there costs money.
    """

    minutes: Annotated[float, Field(ge=0, le=1_440)] = 5.0
    x_minutes: Annotated[float, Field(ge=0, le=1_440)] = 60.0


class QuotaSection(Section):
    """[quota]: what one sender may send in a minute, to each copy of intake: messages, bytes, pixels of pictures.

    system_open: how many of one system's requests are open at once. People's are not counted: a correction must go out.
    """

    system_messages: Annotated[int, Field(ge=1)] = 120
    system_bytes: Annotated[int, Field(ge=1_024)] = 4_000_000
    system_open: Annotated[int, Field(ge=1)] = 1_000
    officer_messages: Annotated[int, Field(ge=1)] = 1_200
    officer_bytes: Annotated[int, Field(ge=65_536)] = 100_000_000
    officer_pixels: Annotated[int, Field(ge=50_000_000)] = 600_000_000


class NotifySection(Section):
    """[notify]: who is woken when something waits for an officer; absent: nobody.

    ``first`` are told at once, and again after ``reminder_minutes``; ``deputies`` after ``deputies_minutes``. Each is
    an e-mail address, or a service's address as Apprise writes it (``onevoice[notify]``). ``officers`` maps officers to
    theirs: who promised an update is reminded of it. ``smtp`` is host:port; ``user``'s password lies in
    var/notify/smtp.password, mode 0600.
    """

    first: Annotated[tuple[str, ...], Field(min_length=1)]
    deputies: tuple[str, ...] = ()
    officers: dict[str, str] = Field(default_factory=dict)
    reminder_minutes: Annotated[float, Field(gt=0, le=1_440)] = 10.0
    deputies_minutes: Annotated[float, Field(gt=0, le=1_440)] = 20.0
    smtp: Annotated[str, AfterValidator(mail_server)] = "localhost:25"
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
    own: the next ones, in the order of the flow map. ``open`` lets it listen on more than this machine, in plain: in a
    closed network, since the pages say who holds which role and what waits.
    """

    host: HostName = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_000)] = 9464
    open: bool = False


class TracingSection(Section):
    """[tracing]: the OTLP/HTTP collector that gets each request's trace (``onevoice[tracing]``). Absent: none."""

    endpoint: ServerUrl = "http://127.0.0.1:4318"


class CityFile(Section):
    """city.toml. ``screening_topics``: words of a profile's or department's topic; ``screening_numbers``: the
    telephone numbers that the city publishes itself; ``screening_addresses``: e-mail addresses, or hosts of such, that
    may be published; ``screening_names``: names of people and places that look like profanity and are none.
    ``token_ends``: the last day of a profile's token, where its platform gave one.
    """

    city: CitySection
    authority: AuthoritySection
    nats: NatsSection = NatsSection()
    townsquare: TownsquareSection | None = None
    site: SiteSection = SiteSection()
    web: WebSection = WebSection()
    mastodon: MastodonSection = MastodonSection()
    bluesky: BlueskySection = BlueskySection()
    telegram: TelegramSection = TelegramSection()
    nextdoor: NextdoorSection = NextdoorSection()
    webhook: WebhookSection = WebhookSection()
    facebook: FacebookSection = FacebookSection()
    instagram: InstagramSection = InstagramSection()
    linkedin: LinkedInSection = LinkedInSection()
    threads: ThreadsSection = ThreadsSection()
    x: XSection = XSection()
    email: EmailSection = EmailSection()
    delivery: DeliverySection = DeliverySection()
    check: CheckSection = CheckSection()
    outside: OutsideSection = OutsideSection()
    quota: QuotaSection = QuotaSection()
    notify: NotifySection | None = None
    witness: WitnessSection = WitnessSection()
    log: LogSection = LogSection()
    metrics: MetricsSection | None = None
    tracing: TracingSection | None = None
    token_ends: dict[Id, date] = Field(default={})
    screening_topics: dict[Id, tuple[str, ...]] = Field(default={})
    screening_numbers: tuple[str, ...] = ()
    screening_addresses: tuple[str, ...] = ()
    screening_names: tuple[str, ...] = ()

    def page_of(self, platform: str) -> str:
        """Return where a platform's posts are looked at; empty where each account's server shows them."""
        page = self.bluesky.app if platform == "bluesky" else getattr(getattr(self, platform, None), "site", "")
        return str(page)
