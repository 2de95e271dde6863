"""Pages that are the same for many officers: made once, with holes for what is each session's own."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from aiohttp import web
from markupsafe import escape

from services.kernel.base.clock import Clock
from services.web.hub import Hub
from services.web.security import policy
from services.web.sessions import WebSession
from services.web.sharing.joined import JoinedAnswers

KEPT_SECONDS = 0.5
"""So long a page is good for others who open it, and between two makings of one that browsers load by themselves."""

SLOW_SECONDS = 2.0
"""So long others wait for a page that is being made; then they have it made once more."""

MOST = 200
"""Pages that are kept; more only while so many are new."""


@dataclass(frozen=True)
class Holes:
    """What stands in a shared page in place of a session's own: words that nobody can guess."""

    csrf: str = field(default_factory=lambda: secrets.token_hex(16))
    officer: str = field(default_factory=lambda: secrets.token_hex(16))
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    ends: str = field(default_factory=lambda: secrets.token_hex(16))


class SharedPage:
    """A page in pieces: the same for all between its holes."""

    def __init__(self, text: str, holes: Holes) -> None:
        self._names = {holes.csrf: "csrf", holes.officer: "officer", holes.nonce: "nonce", holes.ends: "ends"}
        self._pieces = re.split(f"({'|'.join(self._names)})", text)

    def filled(self, session: WebSession) -> web.Response:
        """Return the page of a session: with its token, its officer, its end, and a nonce that no other page has."""
        nonce = secrets.token_urlsafe(16)
        own = {
            "csrf": session.csrf,
            "officer": str(escape(session.officer)),
            "nonce": nonce,
            "ends": session.ends_at_clock(),
        }
        text = "".join(own[name] if (name := self._names.get(piece)) else piece for piece in self._pieces)
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy(nonce)})


@dataclass(frozen=True)
class _Made:
    """A page, or the work on it: when that began (boot-time seconds), and the newest change of control then."""

    began: float
    control_seq: int
    page: asyncio.Future[SharedPage]


Make = Callable[[], Awaitable[SharedPage]]


class SharedPages:
    """Makes each shared page once for all who want it at about the same time."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub, self._clock = hub, clock
        self._joined: JoinedAnswers[SharedPage] = JoinedAnswers(KEPT_SECONDS, clock)
        self._newest: dict[Hashable, _Made] = {}

    async def renewed(self, name: Hashable, make: Make) -> SharedPage:
        """Return a page that was begun after it was asked for: what a browser heard of is on it."""
        return await self._joined.get(name, lambda: self._begun(name, make))

    async def opened(self, name: Hashable, make: Make, since: float) -> SharedPage:
        """Return a page for somebody who opens it: one of the last moment, but begun at ``since`` or later.

        It says where it is, and its browser hears what came since. A change of control has it made anew, and so
        does a city that is not heard.
        """
        known = self._newest.get(name)
        if known is not None and self._is_good(known, since):
            return await asyncio.shield(known.page)
        return await asyncio.shield(self._begun(name, make))

    def _is_good(self, one: _Made, since: float) -> bool:
        age = self._clock.monotonic() - one.began
        lasts = KEPT_SECONDS if one.page.done() else SLOW_SECONDS
        return age <= lasts and one.began >= since and one.control_seq == self._hub.control_seq and self._hub.alive()

    def _begun(self, name: Hashable, make: Make) -> asyncio.Future[SharedPage]:
        now = self._clock.monotonic()
        if len(self._newest) >= MOST:
            self._newest = {key: one for key, one in self._newest.items() if now - one.began <= SLOW_SECONDS}
        page = asyncio.ensure_future(make())
        made = self._newest[name] = _Made(now, self._hub.control_seq, page)

        def forget_failure(done: asyncio.Future[SharedPage]) -> None:
            if (done.cancelled() or done.exception() is not None) and self._newest.get(name) is made:
                del self._newest[name]

        page.add_done_callback(forget_failure)
        return page
