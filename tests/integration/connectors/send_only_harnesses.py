"""What the suite of send-only platforms runs over: each connector as the registry makes it, and its emulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from services.kernel.base.network.web import Running, serve
from tests.integration.connectors.harnesses import Seen, a_city, a_profile
from tests.support.emulators import nextdoor
from tests.support.emulators.base import Emulator, Place
from tests.support.emulators.bending import Bends
from tests.support.emulators.hooks import SECRET, ReceiverEmulator, SlackEmulator, TeamsEmulator
from tests.support.emulators.mail import PASSWORD, USER, MailServer
from tests.support.emulators.telegram import TOKEN, TelegramEmulator

PLATFORMS = ("email", "nextdoor", "slack", "teams", "telegram", "webhook")


@dataclass(frozen=True)
class Ends:
    """How each of a platform's documented errors ends: the profile is to be fixed, the message is over, or neither
    is known. ``revoked`` is what a credential that is no more is answered with.
    """

    mend: tuple[str, ...]
    over: tuple[str, ...]
    unknown: tuple[str, ...] = ()


ENDS = {
    "email": Ends(
        ("535 5.7.8 Authentication credentials invalid",),
        ("550 5.1.1 No such user here", "552 5.3.4 Message too big", "554 5.7.1 Rejected by policy"),
    ),
    "nextdoor": Ends(("invalid_token", "insufficient_scope"), ("invalid_input", "too_long"), ("server_error",)),
    "slack": Ends(
        (
            *("invalid_token", "no_service", "no_active_hooks", "no_team"),
            *("action_prohibited", "channel_not_found", "channel_is_archived"),
        ),
        ("invalid_payload", "no_text"),
        ("rollup_error",),
    ),
    "teams": Ends(
        ("AuthorizationFailed", "DirectApiAuthorizationRequired", "WorkflowNotFound", "WorkflowTriggerIsNotEnabled"),
        ("TriggerInputSchemaMismatch", "RequestEntityTooLarge"),
        ("BadGateway",),
    ),
    "telegram": Ends(("unauthorized", "not_found", "chat", "kicked", "not_member", "rights"), ("too_long",)),
    "webhook": Ends(("signature", "forbidden"), ("invalid", "gone")),
}


_AGENCIES = {"fire": "1001", "water": "1002"}


class SendOnlyHarness:
    """A connector and its emulator; ``repeats``: the receiver takes a key that it knows for the same message."""

    def __init__(self, platform: str, folder: Path, *, lmtp: bool = False) -> None:
        self.platform = platform
        self.folder = folder
        self.emulator = MailServer(lmtp=True) if lmtp else _EMULATORS[platform]()
        self.repeats = platform == "webhook"
        self.city = a_city(folder)
        self._opened: list[Connector] = []
        self._site: Running | None = None

    async def open(self) -> SendOnlyHarness:
        await self.emulator.start()
        app = web.Application()
        self.city.site_folder.mkdir(parents=True, exist_ok=True)
        app.router.add_static("/", self.city.site_folder)
        self._site = await serve(app, "127.0.0.1", 0, "the site")
        self.city = self._settings()
        for name in ("fire", "water"):
            self.write_token(self.profile(name), self._credential(name))
        self.connector = self.restart()
        return self

    def restart(self) -> Connector:
        made = connectors(self.city, "https://mission.example")
        self._opened += made.values()
        return made[self.platform]

    def profile(self, name: str) -> Profile:
        accounts = {"telegram": f"@{name}", "email": f"{name}@lists.example", "nextdoor": _AGENCIES[name]}
        account = accounts.get(self.platform, name)
        return a_profile(name, self.platform).model_copy(update={"account": account})

    def write_token(self, profile: Profile, token: str) -> None:
        path = self.city.token_path(profile.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(token + "\n")

    @property
    def bends(self) -> Bends:
        """What its answers are bent by, where it answers over HTTP."""
        assert isinstance(self.emulator, Emulator)
        return self.emulator.bends

    def stands(self, profile: Profile) -> list[Seen]:
        """Return what people see, newest first; a message and the pictures that answer it are one."""
        posts = self.emulator.of(profile.account)
        pictures = {post.id: post for post in posts if not post.text}
        found = []
        for post in posts:
            if post.text:
                answers = [one for one in reversed(list(pictures.values())) if one.under == post.id]
                found.append(Seen(post.text, post.alts + sum((one.alts for one in answers), ())))
        return found

    async def close(self) -> None:
        for connector in self._opened:
            await connector.close()
        if self._site is not None:
            await self._site.stop()
        await self.emulator.stop()
        if isinstance(self.emulator, Emulator):
            self.emulator.only_documented()

    def _settings(self) -> City:
        url = getattr(self.emulator, "url", "")
        known = self.city.settings
        assert self._site is not None
        changes: dict[str, Any] = {
            "site": known.site.model_copy(update={"public": self._site.url}),
            "telegram": known.telegram.model_copy(update={"server": url}),
            "nextdoor": known.nextdoor.model_copy(update={"server": url}),
            "webhook": known.webhook.model_copy(update={"endpoints": {n: f"{url}/in/{n}" for n in ("fire", "water")}}),
        }
        if isinstance(self.emulator, MailServer):
            mail = {"host": "127.0.0.1", "port": self.emulator.port, "security": "none", "username": USER}
            mail["protocol"] = "lmtp" if self.emulator.lmtp else "smtp"
            changes["email"] = known.email.model_copy(update=mail | {"sender": "news@mission.example"})
        return City(self.folder, known.model_copy(update=changes))

    def token(self, name: str) -> str:
        """Return an account's credential."""
        return self._credential(name)

    def _credential(self, name: str) -> str:
        url = getattr(self.emulator, "url", "")
        return {
            "slack": f"{url}/services/T0/B0/{name}",
            "teams": f"{url}/workflows/{name}/triggers/manual/paths/invoke?api-version=2016-06-01&sig=a%2Bb%2Fc%3D",
            "telegram": TOKEN,
            "nextdoor": nextdoor.token_of(self.profile(name).account),
            "webhook": SECRET,
            "email": PASSWORD,
        }[self.platform]


_EMULATORS: dict[str, type[Place]] = {
    "email": MailServer,
    "nextdoor": nextdoor.NextdoorEmulator,
    "slack": SlackEmulator,
    "teams": TeamsEmulator,
    "telegram": TelegramEmulator,
    "webhook": ReceiverEmulator,
}
