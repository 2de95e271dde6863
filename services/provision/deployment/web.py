"""Examples of a web server that serves the city's pages: nginx and Caddy."""

from __future__ import annotations

from services.provision.deployment.target import DeployTarget, template


def web(target: DeployTarget, folder: str) -> dict[str, str]:
    """Return the examples by file name; ``folder`` is where the pages lie."""
    values = {"host": target.website, "folder": folder}
    return {"nginx.conf": template("nginx.conf", **values), "Caddyfile": template("Caddyfile", **values)}
