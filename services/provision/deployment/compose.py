"""The compose file of a city: the official NATS image, provisioning, each service, the pages and the hourly check."""

from __future__ import annotations

from schemas import flow
from services.provision.deployment.target import SITE, TOKENS, DeployTarget, needs, template


def compose(target: DeployTarget, conf: str = "./nats-server.conf", build: str = "") -> str:
    """Return the compose file.

    Args:
        target: the machine.
        conf: the broker's configuration, relative to the compose file.
        build: lines that say how the image is built; else it must be there.
    """
    parts = [template("compose.head.yaml", port=target.port, conf=conf, build=build)]
    for row in flow.SERVICES:
        read, written = needs(row)
        mounts = [f"      - ${{ONEVOICE_CITY}}/{path}:/city/{path}:ro" for path in read]
        mounts += [f"      - {_source(path)}:/city/{path}" for path in written]
        if TOKENS in read:
            mounts += [_key(path) for path in target.sealing]
        text = "".join(f"{line}\n" for line in mounts)
        parts.append(template("compose.service.yaml", user=row.user, name=row.name, mounts=text))
    parts.append(template("compose.tail.yaml"))
    users = [*(row.user for row in flow.SERVICES), flow.WEB]
    parts += [f"  {user}-key:\n    file: ${{ONEVOICE_CITY}}/keys/services/{user}.nk\n" for user in users]
    parts.append("\nvolumes:\n  nats-store:\n")
    return "".join(parts)


def _key(path: str) -> str:
    """Mount a key's file; where it is missing the container does not start, and no folder is made in its place."""
    return f"      - {{type: bind, source: {path}, target: {path}, read_only: true, bind: {{create_host_path: false}}}}"


def _source(path: str) -> str:
    return "${ONEVOICE_SITE:-${ONEVOICE_CITY}/site}" if path == SITE else f"${{ONEVOICE_CITY}}/{path}"


def environment(target: DeployTarget, user: int, group: int) -> str:
    """Return the text of .env, which compose reads beside its file."""
    return (
        "# What compose.yaml asks for; the ids are those of the city folder's owner.\n"
        f"ONEVOICE_CITY={target.city}\nONEVOICE_TLS={target.city}/tls\nONEVOICE_SITE={target.city}/site\n"
        f"ONEVOICE_UID={user}\nONEVOICE_GID={group}\n"
        f"# The host of [nats] url in city.toml.\nONEVOICE_BROKER={target.nodes[0]}\n"
        "# The officers' pages too:\n# COMPOSE_PROFILES=web\n"
    )
