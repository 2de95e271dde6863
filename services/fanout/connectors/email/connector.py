"""E-mail to a list's address, over the city's mail server (RFC 5321) or its list manager (RFC 2033). Class E.

A server that took a message says so, and shows nothing afterwards. When that answer is lost, a person decides.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from pathlib import Path

from schemas import canonical
from schemas.events.authority import Profile
from schemas.events.requests import Picture
from schemas.places import EMAIL_ADDRESS
from services.fanout.connectors.contract import (
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    Retryable,
    WhenUnknown,
)
from services.fanout.connectors.email.message import email_of, message_id
from services.fanout.connectors.email.transfer import Server, Taken, greet, send
from services.fanout.connectors.one_at_a_time import unhealthy
from services.fanout.connectors.send_only import SendOnlyConnector, with_pictures_in_words
from services.kernel.base.settings.city_platforms import EmailSection

_MESSAGE_ID = re.compile(r"<[^<>\s]{1,200}>")
_MEDIA_SHARE = 0.3
_NOWHERE = "city.toml, [email], names no mail server and sender"


class EmailConnector(SendOnlyConnector):
    """Sends to addresses of lists (the account). ``section`` says for each call which mail server takes what from whom.

    Where it names none, messages are held back until a person has written it down. ``name`` is the city's; a profile's
    credential is the password of the section's ``username`` (empty: the server asks for none, any word will do).
    """

    platform = "email"
    declaration = Declaration(WhenUnknown.PERSON, Correction.REPLY, reply=True)

    def __init__(
        self,
        section: Callable[[], EmailSection],
        token_path: Callable[[str], Path],
        *,
        name: str,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(token_path)
        self._section = section
        self._name = name
        self._context = context

    async def _send(self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia) -> PublishResult:
        refused = _unfit(intent.profile)
        if refused or (intent.follows and _MESSAGE_ID.fullmatch(intent.follows) is None):
            return Permanent(refused or "what it answers is not an e-mail of ours")
        section = self._section()
        if _names_nothing(section):
            return Retryable(_NOWHERE, cause=Cause.OWN)
        now = asyncio.get_running_loop().time()
        pictures, note = await _fetched(intent, fetch_media, now + (deadline - now) * _MEDIA_SHARE)
        text, _ = with_pictures_in_words(intent)
        raw = email_of(intent, section.sender, self._name, text, pictures).as_bytes()
        server = self._server(section, credential)
        taken = await send(server, section.sender, intent.profile.account, raw, deadline)
        if not isinstance(taken, Taken):
            return taken
        words = f"the mail server has taken it: {taken.words}"[:200]
        return Posted("", message_id(intent, section.sender), "; ".join(filter(None, (words, note))))

    async def _check(self, profile: Profile, credential: str, deadline: float) -> Health:
        """Connect, with TLS, and log in."""
        refused, section = _unfit(profile), self._section()
        if refused:
            return Health(False, refused)
        if _names_nothing(section):
            return Health(False, _NOWHERE, Cause.OWN)
        failed = await greet(self._server(section, credential), section.sender, deadline)
        if failed is not None:
            return unhealthy(failed)
        return Health(True, f"the mail server lets us in; whether {profile.account} exists only a message shows")

    def _server(self, section: EmailSection, credential: str) -> Server:
        place = section.host, section.port, section.protocol, section.security
        return Server(*place, section.username, credential, self._context)


def _names_nothing(section: EmailSection) -> bool:
    return not section.host or not section.sender


def _unfit(profile: Profile) -> str:
    if EMAIL_ADDRESS.fullmatch(profile.account) is None:
        return f"the account {profile.account!r} is not an e-mail address"
    return ""


async def _fetched(intent: Intent, fetch_media: FetchMedia, deadline: float) -> tuple[list[tuple[Picture, bytes]], str]:
    """Return the pictures, and a note on those that cannot be had; their descriptions stand in the text."""
    found: list[tuple[Picture, bytes]] = []
    problems: list[str] = []
    for number, picture in enumerate(intent.content.pictures, 1):
        try:
            async with asyncio.timeout_at(deadline):
                content = await fetch_media(picture.sha256)
        except LookupError:
            problems.append(f"picture {number} is missing: its bytes are not in the store")
        except TimeoutError:
            problems.append(f"picture {number} is missing: the store did not give it in time")
        else:
            if canonical.sha256(content) == picture.sha256:
                found.append((picture, content))
            else:
                problems.append(f"picture {number} is missing: the store gave other bytes than were approved")
    return found, "; ".join(problems)
