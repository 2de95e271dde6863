"""The sections of city.toml that say where the platforms are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from schemas.events.base import Id
from schemas.forms import ENDPOINT, SERVER, address_in_form
from services.kernel.base.settings.addresses import host_name, web_address


class Section(BaseModel):
    """A section of city.toml: nothing unknown in it, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerLimits(Section):
    """[mastodon.limits."NAME"]: what a post takes on a server that is not as Mastodon is.

    ``code_points``: it counts code points, and links in full. ``profiles check`` says what a server says of itself.
    """

    characters: Annotated[int, Field(ge=100, le=100_000)] = 500
    code_points: bool = False


class MastodonSection(Section):
    """[mastodon]: where accounts of the form ``@name@instance`` live; ``townsquare`` names the local one."""

    instances: dict[Id, Annotated[str, AfterValidator(web_address)]] = {}
    limits: dict[Id, ServerLimits] = {}


ServerUrl = Annotated[
    str,
    StringConstraints(pattern=SERVER),
    BeforeValidator(address_in_form),
    AfterValidator(web_address),
]
"""A server that credentials are sent to: https, or on this machine."""


class BlueskySection(Section):
    """[bluesky]: ``server`` is where the accounts live; ``servers`` has those of accounts of the form
    ``handle@name``. ``app`` is the web application in whose address a post's URL is given.
    """

    server: ServerUrl = "https://bsky.social"
    servers: dict[Id, ServerUrl] = {}
    app: ServerUrl = "https://bsky.app"


class XSection(Section):
    """[x]: ``server`` is the API's, ``site`` where posts are looked at.

    ``lead`` names the profile that posts; the city's other profiles on X repost it, for X bars the same words from many
    accounts. Without it each posts for itself. ``credit_usd`` is what the city prepays for a month, of which routine
    messages leave ``reserve_usd`` for a crisis; without it nothing is counted.
    """

    server: ServerUrl = "https://api.x.com"
    site: ServerUrl = "https://x.com"
    lead: Id | None = None
    credit_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    reserve_usd: Annotated[float, Field(ge=0, le=1_000_000)] = 10.0


class FacebookSection(Section):
    """[facebook]: ``server`` is the Graph API's, ``version`` its version, ``site`` where posts are looked at."""

    server: ServerUrl = "https://graph.facebook.com"
    version: Annotated[str, StringConstraints(pattern=r"^v\d{1,3}\.\d{1,2}$")] = "v24.0"
    site: ServerUrl = "https://www.facebook.com"


class ThreadsSection(Section):
    """[threads]: ``server`` is the Threads API's, ``version`` its version, ``site`` where posts are looked at."""

    server: ServerUrl = "https://graph.threads.net"
    version: Annotated[str, StringConstraints(pattern=r"^v\d{1,3}\.\d{1,2}$")] = "v1.0"
    site: ServerUrl = "https://www.threads.com"


class InstagramSection(Section):
    """[instagram]: ``server`` is the API's (with Instagram login), ``version`` its version, ``site`` the public one,
    ``login`` where a login is turned into a token.
    """

    server: ServerUrl = "https://graph.instagram.com"
    login: ServerUrl = "https://api.instagram.com"
    version: Annotated[str, StringConstraints(pattern=r"^v\d{1,3}\.\d{1,2}$")] = "v24.0"
    site: ServerUrl = "https://www.instagram.com"


class LinkedInSection(Section):
    """[linkedin]: ``server`` is the API's, ``version`` the month of its version, ``site`` where posts are looked at."""

    server: ServerUrl = "https://api.linkedin.com"
    version: Annotated[str, StringConstraints(pattern=r"^20\d{4}$")] = "202511"
    site: ServerUrl = "https://www.linkedin.com"


class TelegramSection(Section):
    """[telegram]: ``server`` is the Bot API's, ``site`` where a channel's posts are looked at."""

    server: ServerUrl = "https://api.telegram.org"
    site: ServerUrl = "https://t.me"


class NextdoorSection(Section):
    """[nextdoor]: ``server`` is Nextdoor's of the country, ``site`` where people log in, ``login`` where that becomes
    a token.
    """

    server: ServerUrl = "https://ca.nextdoor.com"
    site: ServerUrl = "https://www.nextdoor.com"
    login: ServerUrl = "https://auth.nextdoor.com"


EndpointUrl = Annotated[
    str,
    StringConstraints(pattern=ENDPOINT),
    BeforeValidator(address_in_form),
    AfterValidator(web_address),
]
"""An address that events are sent to: https, or on this machine."""


class WebhookSection(Section):
    """[webhook]: ``endpoints`` has the addresses of the systems that webhook profiles name as their account."""

    endpoints: dict[Id, EndpointUrl] = {}


class EmailSection(Section):
    """[email]: the mail server that takes the city's messages, and the address that they come from.

    ``protocol``: ``smtp``, or ``lmtp`` for a list manager that takes messages itself. ``security``: ``starttls``,
    ``tls`` from the first byte, or ``none``, only on this machine. ``username`` empty: it asks for no password.
    """

    host: Annotated[str, AfterValidator(lambda host: host and host_name(host))] = ""
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    protocol: Literal["smtp", "lmtp"] = "smtp"
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)?$")] = ""
    username: str = ""

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> EmailSection:
        if self.security == "none" and self.host not in ("", "127.0.0.1", "localhost", "::1"):
            raise ValueError("security none is for a mail server on this machine only")
        return self
