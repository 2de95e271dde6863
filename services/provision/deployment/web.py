"""Examples of a web server that serves the city's pages, and of one before the officers': nginx and Caddy."""

from __future__ import annotations

from services.provision.deployment.target import DeployTarget, template


def web(target: DeployTarget, folder: str) -> dict[str, str]:
    """Return the examples by file name; ``folder`` is where the pages lie."""
    values = {"host": target.website, "folder": folder, "desk": target.desk}
    names = ("nginx.conf", "Caddyfile", "desk.nginx.conf", "desk.Caddyfile")
    return {name: template(name, **values) for name in names}
