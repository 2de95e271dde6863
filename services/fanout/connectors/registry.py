"""The platforms of a city: one line each. Their limits are data in ``schemas.platforms``, for rendering too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from services.fanout.connectors.bluesky.connector import BlueskyConnector
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.email.connector import EmailConnector
from services.fanout.connectors.facebook.connector import FacebookConnector
from services.fanout.connectors.instagram.connector import InstagramConnector
from services.fanout.connectors.instances import mastodon_bases
from services.fanout.connectors.linkedin.connector import LinkedInConnector
from services.fanout.connectors.manual.connector import ManualConnector
from services.fanout.connectors.mastodon.connector import MastodonConnector
from services.fanout.connectors.meta.base import Surroundings
from services.fanout.connectors.meta.pictures import PublicPictures
from services.fanout.connectors.nextdoor.connector import NextdoorConnector
from services.fanout.connectors.slack.connector import SlackConnector
from services.fanout.connectors.teams.connector import TeamsConnector
from services.fanout.connectors.telegram.connector import TelegramConnector
from services.fanout.connectors.threads.connector import ThreadsConnector
from services.fanout.connectors.webhook.connector import WebhookConnector
from services.fanout.connectors.website.connector import WebsiteConnector
from services.fanout.connectors.website.pages import Site
from services.fanout.connectors.x.connector import XConnector
from services.fanout.connectors.x.costs import CallCosts
from services.kernel.base.city import City
from services.kernel.base.settings.settings_now import settings_now


def connectors(city: City, website: str) -> dict[str, Connector]:
    """Return a connector for each platform; ``website`` is the base URL of the manifest."""
    language = city.settings.city.language.partition("-")[0]
    meta = city.settings.facebook
    telegram = city.settings.telegram
    return {
        "website": website_of(city, website),
        "bluesky": BlueskyConnector(_servers(city), city.token_path, app=city.settings.bluesky.app, language=language),
        "instagram": _instagram(city, website),
        "linkedin": _linkedin(city),
        "manual": ManualConnector(),
        "mastodon": _mastodon(city, language),
        "email": _email(city),
        "facebook": FacebookConnector(meta.server, meta.version, city.token_path, site=meta.site),
        "nextdoor": NextdoorConnector(city.settings.nextdoor.server, city.token_path, _pictures(city, website)),
        "slack": SlackConnector(city.token_path),
        "teams": TeamsConnector(city.token_path),
        "telegram": TelegramConnector(telegram.server, city.token_path, site=telegram.site),
        "threads": _threads(city, website),
        "x": _x(city),
        "webhook": WebhookConnector(_endpoints(city), city.token_path, source=website, realm=city.realm),
    }


def _x(city: City) -> XConnector:
    section = city.settings.x
    return XConnector(section.server, city.token_path, site=section.site, costs=CallCosts.of(city))


def _linkedin(city: City) -> LinkedInConnector:
    section = city.settings.linkedin
    return LinkedInConnector(section.server, section.version, city.token_path, site=section.site)


def _threads(city: City, website: str) -> ThreadsConnector:
    section = city.settings.threads
    return ThreadsConnector(section.server, section.version, _around(city, website, "threads"), site=section.site)


def _mastodon(city: City, language: str) -> MastodonConnector:
    expected = city.settings.mastodon.limits
    return MastodonConnector(mastodon_bases(city), city.token_path, language=language, expected=expected)


def _instagram(city: City, website: str) -> InstagramConnector:
    section = city.settings.instagram
    return InstagramConnector(section.server, section.version, _around(city, website, "instagram"), site=section.site)


def _around(city: City, website: str, platform: str) -> Surroundings:
    # What the website's connector writes lies there too: one folder that fan-out may write.
    notes = city.var / "website" / city.realm / f"{platform}-containers"
    return Surroundings(city.token_path, notes, _pictures(city, website))


def _pictures(city: City, website: str) -> PublicPictures:
    return PublicPictures(city.site_folder, city.settings.site.public or website)


def _email(city: City) -> EmailConnector:
    return EmailConnector(lambda: settings_now(city).email, city.token_path, name=city.settings.city.name)


def website_of(city: City, website: str) -> WebsiteConnector:
    """Return the connector of the city's own website in this realm."""
    settings = city.settings.city
    site = Site(
        settings.name, website.rstrip("/"), settings.language, exercise=city.realm == "exercise", zone=city.zone or UTC
    )
    return WebsiteConnector(city.site_folder, city.var / "website" / city.realm, site)


def _endpoints(city: City) -> Callable[[str], str]:
    """Return what finds an endpoint's address by its name in city.toml, as that is at the moment."""

    def address_of(name: str) -> str:
        return settings_now(city).webhook.endpoints[name]

    return address_of


def _servers(city: City) -> Callable[[str], str]:
    """Return what finds an AT Protocol server's base URL by its name in city.toml; the usual one has none.

    As it is now, and what was there at the start stays, as ``mastodon_bases`` has it. Passwords of the usual server's
    accounts go to no other one before a restart.
    """
    section = city.settings.bluesky

    def server_of(name: str) -> str:
        if not name:
            return section.server
        return settings_now(city).bluesky.servers.get(name) or section.servers[name]

    return server_of
