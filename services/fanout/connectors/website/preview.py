"""Serves the website's folder on this machine, for looking at it; the real site is served by the city's own server."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from services.kernel.base.network.web import Running, serve

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    ".json": "application/feed+json; charset=utf-8",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
_NOTHING = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Nothing published yet</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    "<body><main><h1>Nothing has been published yet</h1></main></body></html>"
)


async def serve_site(folder: Path, host: str, port: int) -> Running:
    """Serve a folder's pages; port 0 takes a free one. Nothing hidden and nothing outside the folder is served.

    Raises:
        BadInput: ``port.in_use``, ``port.refused``.
    """

    async def page(request: web.Request) -> web.StreamResponse:
        found = _file(folder, request.match_info["path"])
        if found is None:
            missing = "Not here" if request.path != "/" else _NOTHING
            kind = "text/plain" if request.path != "/" else "text/html"
            return web.Response(text=missing, status=404 if request.path != "/" else 200, content_type=kind)
        if found.is_dir():
            raise web.HTTPMovedPermanently(f"{request.path}/")
        headers = {
            "Content-Type": _TYPES[found.suffix],
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        }
        return web.FileResponse(found, headers=headers)

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", page)])
    return await serve(app, host, port, "the website's preview")


def _file(folder: Path, path: str) -> Path | None:
    """Return the file for a path, or a folder whose slash is missing; None when there is nothing to serve."""
    parts = path.split("/")
    if any(part.startswith(".") or "\\" in part or "\0" in part for part in parts) or "" in parts[:-1]:
        return None
    found = folder.joinpath(*parts) if parts[-1] else folder.joinpath(*parts[:-1], "index.html")
    if found.is_dir():
        return found if (found / "index.html").is_file() else None
    inside = found.is_file() and found.resolve().is_relative_to(folder.resolve())
    return found if inside and found.suffix in _TYPES else None
