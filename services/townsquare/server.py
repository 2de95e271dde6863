"""The townsquare's server: the API, the public pages and the fault injection, in one application."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path

from aiohttp import web
from pydantic import ValidationError

from schemas import canonical
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.clock import Clock, SystemClock
from services.kernel.base.errors import BadInput
from services.kernel.base.files import write_atomically
from services.kernel.base.network import web as kernel_web
from services.kernel.base.settings.city_file import TownsquareSection
from services.townsquare.accounts import Directory, accounts_path, add_token
from services.townsquare.api import Api
from services.townsquare.fault_injection import FaultInjector
from services.townsquare.faults import Fault, FaultQueue, On
from services.townsquare.manners import PostQuotas
from services.townsquare.oauth import Logins
from services.townsquare.pages import PublicPages
from services.townsquare.posts import Posts, Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_BODY_BYTES = 24 * 1024 * 1024


@dataclass(frozen=True)
class Townsquare:
    """A townsquare and what it is made of."""

    posts: Posts
    directory: Directory
    faults: FaultQueue
    injector: FaultInjector
    admin_token: str
    zone: tzinfo
    folder: Path
    manners: TownsquareSection

    @classmethod
    def of(cls, city: City, clock: Clock | None = None) -> Townsquare:
        """Open the townsquare of a city folder.

        Raises:
            BadInput: ``townsquare.no_accounts``, ``townsquare.accounts``, ``townsquare.journal``.
        """
        path = accounts_path(city.folder)
        directory = Directory(path)
        posts = Posts(path.parent, clock or SystemClock())
        posts.open()
        return cls(
            posts,
            directory,
            FaultQueue(),
            FaultInjector(posts),
            _admin_token(path.parent / "admin.token"),
            city.zone or UTC,
            city.folder,
            city.settings.townsquare or TownsquareSection(),
        )

    def app(self) -> web.Application:
        """Return the application; it closes the posts at the end."""
        api = Api(self.posts, self.directory, self.faults, self.manners, PostQuotas(self.manners.quota))
        app = web.Application(middlewares=[_refusals, self._inject], client_max_size=_BODY_BYTES)
        app.add_routes(api.routes())
        pages = PublicPages(api, self.zone)
        app.add_routes(pages.routes())
        give = partial(add_token, self.folder)
        app.add_routes(Logins(self.directory, self.admin_token, give, pages.login).routes())
        app.add_routes(
            [
                web.get("/admin/faults", self._list_faults),
                web.post("/admin/faults", self._add_fault),
                web.delete("/admin/faults", self._clear_faults),
                web.post("/admin/elsewhere", self._from_elsewhere),
            ]
        )

        async def close(_: web.Application) -> None:
            await self.injector.close()
            await self.posts.close()

        app.on_cleanup.append(close)
        return app

    @web.middleware
    async def _inject(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Inject the fault that is due on this call, if there is one."""
        on = _kind_of_call(request)
        fault = self.faults.take(self._caller(request), on, request.path) if on is not None else None
        return await handler(request) if fault is None else await self.injector.inject(fault, request, handler)

    def _caller(self, request: web.Request) -> str | None:
        account = self.directory.by_token(request.headers.get("Authorization", "").partition(" ")[2].strip())
        return account.username if account is not None else None

    def _admit(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").partition(" ")[2]
        near = request.remote in ("127.0.0.1", "::1")
        if not near or not secrets.compare_digest(token.encode(), self.admin_token.encode()):
            raise Refusal(403, "Only from this machine, with the token of var/townsquare/admin.token")

    async def _list_faults(self, request: web.Request) -> web.Response:
        self._admit(request)
        return web.json_response([fault.model_dump(mode="json") for fault in self.faults.left])

    async def _add_fault(self, request: web.Request) -> web.Response:
        self._admit(request)
        try:
            fault = Fault.from_bytes(await request.read())
        except (canonical.StrictJsonError, ValidationError) as error:
            raise Refusal(422, str(error)) from error
        self.faults.add(fault)
        return web.json_response(fault.model_dump(mode="json"), status=201)

    async def _from_elsewhere(self, request: web.Request) -> web.Response:
        """Make a post one of another server's: ``{"id": ..., "address": "https://other.example/@name/1"}``."""
        self._admit(request)
        try:
            value = canonical.loads(await request.read())
            name, address = str(value["id"]), str(value["address"])
        except (canonical.StrictJsonError, KeyError, TypeError) as error:
            raise Refusal(422, "id and address are needed") from error
        if name not in self.posts.posts:
            raise Refusal(404, "Record not found")
        self.posts.elsewhere[name] = address
        return web.json_response({"id": name, "address": address}, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._admit(request)
        self.faults.clear()
        return web.json_response([])


async def start(city: City, port: int | None = None, clock: Clock | None = None) -> kernel_web.Running:
    """Start a city's townsquare; ``port`` overrides city.toml's, 0 takes a free one.

    Raises:
        BadInput: ``townsquare.none`` (the city has none), ``port.in_use``, and those of ``Townsquare.of``.
    """
    settings = city.settings.townsquare
    if settings is None:
        raise BadInput("townsquare.none", "this city has no townsquare", "add a [townsquare] section to city.toml")
    app = Townsquare.of(city, clock).app()
    return await kernel_web.serve(app, settings.host, settings.port if port is None else port, "the townsquare")


def _admin_token(path: Path) -> str:
    """Read the token for fault injection; the first start makes it, mode 0600."""
    if not path.exists():
        write_atomically(path, secrets.token_urlsafe(32).encode() + b"\n", mode=0o600)
    return path.read_text(encoding="ascii").strip()


def _kind_of_call(request: web.Request) -> On | None:
    if not request.path.startswith("/api/"):
        return None
    if request.method == "DELETE":
        return "delete"
    if request.method == "POST":
        return "media" if request.path == "/api/v2/media" else "post"
    return "read"


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals as Mastodon does: a JSON object with ``error``; pages are refused by a page."""
    try:
        return await handler(request)
    except Refusal as refusal:
        headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
        return web.json_response({"error": refusal.reason}, status=refusal.status, headers=headers)
    except OSError as error:
        logs.logger().error("the townsquare cannot write", path=request.path, error=error.strerror)
        return web.json_response({"error": "This could not be stored"}, status=503)
