"""Being woken: a device asks for it, is tried out, and is ended; and the worker by which a browser shows a notice."""

from __future__ import annotations

from aiohttp import web

from services.kernel.base.errors import Unreachable
from services.web.desk import desk_of, say, session_of
from services.web.push.devices import WokenDevice
from services.web.push.sender import PushOutcome
from services.web.push.waker import try_out
from services.web.render import STATIC, address_of_file


async def add(request: web.Request) -> web.Response:
    """Keep a browser's subscription, and send it a first notice: a device that cannot be woken is not kept."""
    desk, session, form = desk_of(request), session_of(request), await request.post()
    said = {name: str(form.get(name, "")) for name in ("endpoint", "p256dh", "auth")}
    await _tried(request, desk.devices.add(session, said, desk.clock.now()))
    return web.json_response({"to": "/sessions"})


async def try_again(request: web.Request) -> web.Response:
    """Send an officer's own device a notice, to see whether it comes."""
    await _tried(request, _own(request))
    raise web.HTTPSeeOther("/sessions")


async def _tried(request: web.Request, device: WokenDevice) -> None:
    desk = desk_of(request)
    outcome = await try_out(desk, device)
    if outcome is PushOutcome.TAKEN:
        return
    if outcome is PushOutcome.GONE or request.path == "/push":
        desk.devices.end(device.id)
    raise Unreachable("push.unreachable", say(request, "push.not_taken"), say(request, "push.try_later"))


async def end(request: web.Request) -> web.Response:
    """Wake a device no more."""
    desk_of(request).devices.end(_own(request).id)
    raise web.HTTPSeeOther("/sessions")


def _own(request: web.Request) -> WokenDevice:
    found = desk_of(request).devices.of(session_of(request).officer)
    device = next((one for one in found if one.id == request.match_info["device"]), None)
    if device is None:
        raise web.HTTPNotFound
    return device


async def worker(_request: web.Request) -> web.Response:
    """Answer the script that a browser runs when a notice comes; it has to stand at the root to serve all pages."""
    text = (STATIC / "worker.js").read_text(encoding="utf-8")
    return web.Response(text=text, content_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def manifest(request: web.Request) -> web.Response:
    """Answer what a phone needs to put the pages on its home screen; on some, only then it can be woken."""
    desk = desk_of(request)
    name = f"{desk.city.settings.city.name} ({desk.city.realm})"
    icon = {"src": address_of_file("icon.svg"), "sizes": "any", "type": "image/svg+xml"}
    body = {"name": name, "short_name": "OneVoice", "start_url": "/", "display": "standalone", "icons": [icon]}
    return web.json_response(body, content_type="application/manifest+json")
