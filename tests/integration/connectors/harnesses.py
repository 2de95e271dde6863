"""What the contract suite runs over: the website in real files, Mastodon against a townsquare, a folder."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from schemas import canonical
from schemas.events.authority import Profile
from schemas.events.requests import Picture, PlatformContent
from services.fanout.connectors.contract import Connector, Intent, Posted
from services.fanout.connectors.registry import connectors
from services.fanout.connectors.website.archive import ListingSizes
from services.fanout.connectors.website.connector import WebsiteConnector
from services.kernel.base.city import City
from services.kernel.base.network.web import Running, serve
from services.kernel.base.settings.city_file import CityFile, TownsquareSection
from services.townsquare import make_accounts
from services.townsquare.server import Townsquare
from tests.support.emulators.bending import Bends
from tests.support.emulators.described import described, watching
from tests.support.emulators.folder import FolderPlatform

KEY = "U" + "A" * 55
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
PICTURE = Picture(sha256=canonical.sha256(PNG), media_type="image/png", alt="A map: the area lies <north> of the river")

GROWING = (1, 4, 16)
"""How many times as long a call may last, in turn, while the machine was too busy to send any of it in time."""


async def store(sha256: str) -> bytes:
    """The media store: it has one picture."""
    if sha256 != PICTURE.sha256:
        raise LookupError(sha256)
    return PNG


def a_city(folder: Path, *, townsquare_port: int = 4223) -> City:
    keys = {"root_keys": [KEY], "threshold": 1, "audit_key": KEY}
    settings = CityFile.model_validate(
        {
            "city": {"name": "City of Mission", "website": "https://mission.example"},
            "authority": {"live": keys, "exercise": keys},
            "townsquare": {"port": townsquare_port},
        }
    )
    return City(folder, settings)


def a_profile(name: str, platform: str) -> Profile:
    account = f"{name}@townsquare" if platform == "mastodon" else name
    return Profile(
        id=f"{name}-{platform}",
        department=name,
        platform=platform,
        account=account,
        purpose=f"News of {name}.",
        identification="An official profile of the City of Mission.",
        disclosure="Comments may be removed.",
    )


def an_intent(
    profile: Profile,
    *texts: str,
    request_id: str = "raaaaaaaaaaaa",
    pictures: tuple[Picture, ...] = (),
    timeout: float = 30.0,
    revision: int = 1,
    **content: Any,
) -> Intent:
    made = PlatformContent(
        platform=profile.platform,
        parts=texts or ("Boil water in Cedar Valley until further notice.",),
        pictures=pictures,
        created_at=datetime(2026, 1, 31, 14, tzinfo=UTC),
        **content,
    )
    return Intent(
        request_id=request_id,
        revision=revision,
        profile=profile,
        content=made,
        rendering_sha256=canonical.sha256(made.to_bytes()),
        idempotency_key=f"{request_id}-{revision}-{profile.id}",
        author_time=datetime.now(UTC),
        call_timeout=timeout,
    )


async def published(connector: Connector, intent: Intent) -> Posted:
    """Publish it, which has to go well, and return what the connector says of the post."""
    result = await connector.publish(intent, store)
    assert isinstance(result, Posted), result
    return result


@dataclass(frozen=True)
class Seen:
    """A post as the public sees it: its text, and the descriptions of its pictures."""

    text: str
    alts: tuple[str, ...] = ()


class Harness(Protocol):
    """A connector and its platform, looked at by other eyes than the connector's."""

    connector: Connector

    def profile(self, name: str) -> Profile:
        """Return a profile that can be posted to."""
        ...

    async def stands(self, profile: Profile) -> list[Seen]:
        """Return what the public sees on a profile, newest first."""
        ...

    async def misbehave(self, kind: str, seconds: int = 0, on: str = "post", calls: int = 1) -> None:
        """Tell the platform to misbehave on the calls to come."""
        ...

    def restart(self) -> Connector:
        """Return a fresh connector that remembers nothing of this process."""
        ...

    async def close(self) -> None: ...


class WebsiteHarness:
    """The website, read back from its pages on the disk."""

    def __init__(self, folder: Path) -> None:
        self.city = a_city(folder)
        self.connector = self.restart()

    def restart(self) -> Connector:
        return connectors(self.city, "https://mission.example")["website"]

    def small(self) -> Connector:
        """The website with listings that are full after a few messages."""
        made, sizes = self.connector, ListingSizes(newest=2, part=3)
        assert isinstance(made, WebsiteConnector)
        return WebsiteConnector(self.city.site_folder, self.city.var / "website" / "live", made.site, sizes=sizes)

    def profile(self, name: str) -> Profile:
        return a_profile(name, "website")

    async def stands(self, profile: Profile) -> list[Seen]:
        page = self.city.site_folder / "profiles" / profile.id / "index.html"
        if not page.exists():
            return []
        found = []
        for card in re.findall(r'<article class="card [a-z]+">.*?</article>', page.read_text(), re.DOTALL):
            text = re.search(r'<div class="text"[^>]*>\s*(.*?)\s*</div>', card, re.DOTALL)
            assert text is not None
            plain = _unescape(re.sub(r"<[^>]+>", "", text.group(1).replace('</p>\n<p dir="auto">', "\n\n"))).strip()
            if not card.startswith('<article class="card withdrawn">'):
                found.append(Seen(plain, tuple(_unescape(alt) for alt in re.findall(r'alt="([^"]*)"', card))))
        return found

    async def misbehave(self, kind: str, seconds: int = 0, on: str = "post", calls: int = 1) -> None:
        raise NotImplementedError("a folder does not misbehave on order")

    async def close(self) -> None:
        await self.connector.close()


class MastodonHarness:
    """A real townsquare over HTTP, read back through its public API without any token."""

    undocumented: list[str]
    """What was asked or answered in another way than Mastodon documents."""

    def __init__(self, city: City, running: Running) -> None:
        self.city = city
        self.running = running
        self.bends = Bends()
        self.others: list[Connector] = []
        self.connector = self.restart()

    @classmethod
    async def open(cls, folder: Path, **manners: Any) -> MastodonHarness:
        """``manners``: in what the server is not as Mastodon is, as [townsquare] in city.toml has it."""
        city = a_city(folder)
        if manners:
            section = TownsquareSection(**manners)
            city = City(city.folder, city.settings.model_copy(update={"townsquare": section}))
        names = ("fire", "water", "parks")
        tokens = make_accounts(folder, [(name, f"City of Mission: {name}", "A note.") for name in names])
        noted: list[str] = []
        app = Townsquare.of(city).app()
        bends = Bends()
        app.middlewares.insert(0, watching(described("mastodon"), noted))
        app.middlewares.insert(0, bends.middleware)
        running = await serve(app, "127.0.0.1", 0, "the townsquare")
        city = a_city(folder, townsquare_port=int(running.url.rpartition(":")[2]))
        for name, token in tokens.items():
            path = city.token_path(f"{name}-mastodon")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(token + "\n")
        made = cls(city, running)
        made.undocumented, made.bends = noted, bends
        return made

    def restart(self) -> Connector:
        made = connectors(self.city, "https://mission.example")
        self.others += made.values()
        return made["mastodon"]

    def profile(self, name: str) -> Profile:
        return a_profile(name, "mastodon")

    async def change(self, name: str, status: str, text: str, language: str) -> None:
        """Change a status on the platform, as somebody with the account does."""
        token = self.city.token_path(f"{name}-mastodon").read_text().strip()
        address, headers = f"{self.running.url}/api/v1/statuses/{status}", {"Authorization": f"Bearer {token}"}
        value = {"status": text, "language": language}
        async with aiohttp.ClientSession(headers=headers) as session, session.put(address, json=value) as answer:
            assert answer.status == 200, await answer.text()

    async def get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(self.running.url + path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def statuses(self, profile: Profile) -> list[dict[str, Any]]:
        name = profile.account.partition("@")[0]
        account = await self.get(f"/api/v1/accounts/lookup?acct={name}")
        found: list[dict[str, Any]] = await self.get(f"/api/v1/accounts/{account['id']}/statuses?limit=40")
        return found

    async def stands(self, profile: Profile) -> list[Seen]:
        found = []
        for status in await self.statuses(profile):
            text = status["content"].replace("</p><p>", "\n\n").replace("<br>", "\n")
            alts = tuple(media["description"] for media in status["media_attachments"])
            found.append(Seen(_unescape(re.sub(r"<[^>]+>", "", text)), alts))
        return found

    async def from_elsewhere(self, status: str, address: str) -> None:
        """Make a status one that the server has fetched from another one."""
        await self._tell("elsewhere", {"id": status, "address": address})

    async def misbehave(
        self, kind: str, seconds: float | None = 0, on: str = "post", calls: int = 1, **changes: Any
    ) -> None:
        await self._tell("faults", {"kind": kind, "seconds": seconds, "on": on, "calls": calls, **changes})

    async def _tell(self, what: str, value: dict[str, Any]) -> None:
        token = (self.city.var / "townsquare" / "admin.token").read_text().strip()
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
            session.post(f"{self.running.url}/admin/{what}", data=json.dumps(value)) as response,
        ):
            assert response.status == 201, await response.text()

    async def close(self) -> None:
        for one in (self.connector, *self.others):
            await one.close()
        await self.running.stop()
        if self.undocumented:
            raise AssertionError("; ".join(self.undocumented))


class FolderHarness:
    """The platform in a folder that fan-out's tests and its killed processes post to, honouring keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connector: Connector = self.restart()

    def restart(self) -> FolderPlatform:
        return FolderPlatform(self.folder, "folder", keyed=True)

    def profile(self, name: str) -> Profile:
        return a_profile(name, "folder")

    async def stands(self, profile: Profile) -> list[Seen]:
        return [Seen(post["text"], tuple(post["alts"])) for post in self.restart().stands(profile.id)]

    async def misbehave(self, kind: str, seconds: int = 0, on: str = "post", calls: int = 1) -> None:
        name = {"drop_before": "drop", "drop_after": "error_after"}.get(kind, kind)
        trick = f"{name} {seconds}" if name in ("slow", "rate_limit") else name
        self.restart().behave(self.profile("fire").id, *[trick] * calls)

    async def close(self) -> None:
        await self.connector.close()


def other(intent: Intent, *texts: str) -> Intent:
    """The same key with other content."""
    content = intent.content.model_copy(update={"parts": texts})
    return replace(intent, content=content, rendering_sha256=canonical.sha256(content.to_bytes()))


def _unescape(text: str) -> str:
    return html.unescape(text)
