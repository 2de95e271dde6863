"""What all emulators share: a server on a free port, faults on order, and a count of the calls."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar, Literal

from aiohttp import web

from services.kernel.base.network.web import Running, serve
from tests.support.emulators.bending import Bends
from tests.support.emulators.described import described, fault_of_answer, fault_of_request

Kind = Literal["post", "media", "delete", "read", "other"]
Handler = Any


@dataclass
class Fault:
    """One fault for the next ``calls`` calls of a kind, after ``skip`` of them; ``code``: the platform's own error."""

    kind: str
    seconds: float = 0.0
    on: str = "post"
    calls: int = 1
    code: str = ""
    skip: int = 0


@dataclass(frozen=True)
class Post:
    """What stands: ``alts`` are its pictures' descriptions, ``under`` the post that it answers."""

    id: str
    account: str
    text: str
    alts: tuple[str, ...] = ()
    under: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


class Place(ABC):
    """Where posts stand, and what is to go wrong there."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()
        self.alters: Callable[[str], str] = str
        """How a text is shown."""
        self._number = 1_000

    @abstractmethod
    async def start(self) -> None:
        """Answer on a free port of this machine."""

    @abstractmethod
    async def stop(self) -> None:
        """Let go of the port."""

    def misbehave(self, kind: str, seconds: float = 0.0, on: str = "post", calls: int = 1, code: str = "") -> None:
        """Have the next calls of a kind end otherwise."""
        self.faults.append(Fault(kind, seconds, on, calls, code))

    def next_id(self) -> str:
        """Return an id that was never used."""
        self._number += 1
        return str(self._number)

    def of(self, account: str) -> list[Post]:
        """Return what is on an account, newest first."""
        return [post for post in reversed(self.posts) if post.account == account]

    def fault_for(self, kind: str) -> Fault | None:
        """Count a call, and return its fault, which is used up by it."""
        self.calls[kind] += 1
        fault = next((one for one in self.faults if one.on in (kind, "any")), None)
        if fault is not None and fault.skip:
            fault.skip -= 1
            return None
        if fault is not None:
            fault.calls -= 1
            if not fault.calls:
                self.faults.remove(fault)
        return fault


class Emulator(Place):
    """A platform over HTTP. Subclasses say what their calls are, and how the platform says no."""

    document: ClassVar[str] = ""
    """The platform whose documented calls these are (``documents/``)."""

    def __init__(self) -> None:
        super().__init__()
        self._running: Running | None = None
        self.bends = Bends()
        self.behind = timedelta(0)
        """How far its clock is behind ours."""
        self.undocumented: list[str] = []
        """What was asked or answered in another way than is documented."""

    @property
    def url(self) -> str:
        """Where it answers."""
        assert self._running is not None
        return self._running.url

    async def start(self) -> None:
        """Answer on a free port of this machine."""
        app = web.Application(middlewares=[self.bends.middleware, self._faulty], client_max_size=16 * 1024 * 1024)
        self.routes(app)
        app.on_response_prepare.append(self._dated)
        self._running = await serve(app, "127.0.0.1", 0, "the emulator")

    async def stop(self) -> None:
        """Let go of the port."""
        assert self._running is not None
        await self._running.stop()

    def now(self) -> datetime:
        """Return the time by its own clock."""
        return datetime.now(UTC) - self.behind

    async def _dated(self, _: web.Request, answer: web.StreamResponse) -> None:
        if self.behind:
            answer.headers["Date"] = format_datetime(self.now(), usegmt=True)

    def only_documented(self) -> None:
        """Raise AssertionError where something was asked or answered that is not documented."""
        if self.undocumented:
            raise AssertionError("; ".join(self.undocumented))

    @abstractmethod
    def routes(self, app: web.Application) -> None:
        """Add the platform's calls."""

    @abstractmethod
    def kind_of(self, request: web.Request) -> Kind:
        """Return what a call is."""

    @abstractmethod
    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        """Return the platform's own answer for an error, by its name; ``rate_limit`` asks to wait so many seconds."""

    @web.middleware
    async def _faulty(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self.fault_for(self.kind_of(request))
        if fault is None:
            return await self._handled(request, handler)
        if fault.kind in ("error", "rate_limit"):
            answer = self.refuse(fault.code or fault.kind, fault.seconds)
            self._look_at(request, answer)
            return answer
        if fault.kind.endswith("_before"):
            await request.read()
            return self._damaged(fault, request)
        if fault.kind == "slow":
            await request.read()
            await asyncio.sleep(fault.seconds)
            return await self._handled(request, handler)
        await self._handled(request, handler)
        return self._damaged(fault, request)

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        document = described(self.document)
        fault = await fault_of_request(document, request)
        if fault:
            self.undocumented.append(f"asked {request.method} {request.path}: {fault}")
            return web.Response(status=400, text=fault)
        try:
            answer: web.StreamResponse = await handler(request)
        except Refused as refused:
            answer = self.refuse(refused.code)
        self._look_at(request, answer)
        return answer

    def _look_at(self, request: web.Request, answer: web.Response | web.StreamResponse) -> None:
        fault = fault_of_answer(described(self.document), request, answer)
        if fault:
            self.undocumented.append(f"answered {request.method} {request.path} with {answer.status}: {fault}")

    def _damaged(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        if fault.kind.startswith("drop") and request.transport is not None:
            request.transport.abort()
        if fault.kind.startswith("html"):
            return web.Response(text="<html><h1>Welcome</h1></html>", content_type="text/html")
        return web.Response(status=500, text="Internal Server Error")


class Refused(Exception):
    """A call that the platform refuses, by the name of its error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
