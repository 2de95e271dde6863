"""Writes what follows from schemas/flow.py: one systemd unit per service, the compose file, the example accounts.

``python deploy/generate.py`` writes the files; ``rendered()`` is what ``check.py`` compares them with. The example
accounts hold public keys that nobody has a private key for: they are hashes, not keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from string import Template

from schemas import flow
from services.provision.accounts.accounts_conf import REALMS, RealmUsers, accounts_file, render_accounts
from services.provision.accounts.server_conf import Cluster, ServerSettings, Tls, render_server
from services.provision.plan.city_plan import demo_plan

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE / "templates"
CITY = "/var/lib/onevoice/city"
NODES = ("nats-1", "nats-2", "nats-3")
DOMAIN = "city.example"
"""The servers of the cluster's example, by host name; put your own in when you install them."""

NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "fanout": (("secrets/live",), ("site", "var/website")),
    "audit": ((), ("var/audit",)),
    "board": ((), ("var/notify",)),
}
"""What of the city folder a service needs beside city.toml, authority/ and its own key: paths read, paths written."""


def example_public_key(name: str) -> str:
    """Return a well-formed user nkey for which there is no private key."""
    raw = bytes([20 << 3]) + hashlib.sha256(b"onevoice example " + name.encode()).digest()
    return base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode()


def rendered() -> dict[str, str]:
    """Return each generated file's text by its path below deploy/."""
    settings = ServerSettings(
        host="0.0.0.0",  # noqa: S104 - officers connect from their desks; TLS and nkeys are what guards it
        store_dir="/var/lib/onevoice-nats",
        monitor="127.0.0.1:8222",
        tls=Tls("/etc/onevoice/tls/server.pem", "/etc/onevoice/tls/server.key"),
    )
    files = {"nats/nats-server.conf": render_server(settings, "accounts/")}
    files |= {f"nats/cluster/{node}.conf": render_server(clustered(node), "accounts/") for node in NODES}
    plan = demo_plan()
    for realm in REALMS:
        users = RealmUsers(
            realm=realm,
            services={row.user: example_public_key(f"{realm} {row.user}") for row in flow.SERVICES},
            provision=example_public_key(f"{realm} provision"),
            officers={o.id: example_public_key(f"{realm} {o.id}") for o in plan.officers},
            systems={s.id: example_public_key(f"{realm} {s.id}") for s in plan.systems},
        )
        files[f"nats/accounts/{accounts_file(realm)}"] = render_accounts(users)
    files |= {f"systemd/onevoice-{row.user}.service": unit(row) for row in flow.SERVICES}
    files["docker/compose.yaml"] = compose()
    return files


def clustered(node: str) -> ServerSettings:
    """Return the settings of one server of the cluster of three."""
    tls = Tls("/etc/onevoice/tls/server.pem", "/etc/onevoice/tls/server.key")
    cluster = Cluster(
        listen="0.0.0.0:6222",
        routes=tuple(f"{other}.{DOMAIN}:6222" for other in NODES if other != node),
        advertise=f"{node}.{DOMAIN}:4222",
        tls=replace(tls, ca="/etc/onevoice/tls/ca.pem"),
    )
    return ServerSettings(
        host="0.0.0.0",  # noqa: S104 - officers connect from their desks; TLS and nkeys are what guards it
        store_dir="/var/lib/onevoice-nats",
        name=node,
        monitor="127.0.0.1:8222",
        tls=tls,
        cluster=cluster,
    )


def needs(row: flow.Service) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the paths that a service reads and those that it writes, with its snapshot's folder if it has one."""
    read, written = NEEDS.get(row.name, ((), ()))
    return read, (*written, f"var/fold/{row.user}") if row.folds else written


def unit(row: flow.Service) -> str:
    """Return a service's systemd unit."""
    read, written = needs(row)
    own_key = f"keys/services/{row.user}.nk"
    binds = [f"BindReadOnlyPaths={CITY}/{path}" for path in ("city.toml", "authority", own_key, *read)]
    binds += [f"BindPaths={CITY}/{path}" for path in written]
    return _template("service.unit").substitute(
        user=row.user, module=row.name, summary=row.summary, city=CITY, binds="\n".join(binds)
    )


def compose() -> str:
    """Return the compose file."""
    parts = [_template("compose.head.yaml").substitute()]
    for row in flow.SERVICES:
        read, written = needs(row)
        mounts = [f"      - ${{ONEVOICE_CITY}}/{path}:/city/{path}:ro" for path in read]
        mounts += [f"      - ${{ONEVOICE_CITY}}/{path}:/city/{path}" for path in written]
        parts.append(
            _template("compose.service.yaml").substitute(
                user=row.user, name=row.name, mounts="".join(f"{line}\n" for line in mounts)
            )
        )
    parts.append("\nsecrets:\n  tls-key:\n    file: ${ONEVOICE_TLS}/server.key\n")
    parts.append("  provision-key:\n    file: ${ONEVOICE_CITY}/keys/provision/live.nk\n")
    parts += [f"  {row.user}-key:\n    file: ${{ONEVOICE_CITY}}/keys/services/{row.user}.nk\n" for row in flow.SERVICES]
    parts.append("\nvolumes:\n  nats-store:\n")
    return "".join(parts)


class _Marked(Template):
    """Placeholders are ``@{name}``, since ``$`` is compose's and systemd's own."""

    delimiter = "@"


def _template(name: str) -> _Marked:
    return _Marked((TEMPLATES / name).read_text(encoding="utf-8"))


def main() -> None:
    """Write the files."""
    for name, text in rendered().items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"deploy/{name}\n")


if __name__ == "__main__":
    main()
