"""Writes what follows from schemas/flow.py: examples of the deployment files (services/provision/deployment).

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

from schemas import flow
from services.provision.accounts.accounts_conf import REALMS, RealmUsers, accounts_file, render_accounts
from services.provision.deployment.broker import broker
from services.provision.deployment.chart import chart
from services.provision.deployment.compose import compose
from services.provision.deployment.systemd import SITE_FOLDER, systemd
from services.provision.deployment.target import DeployTarget
from services.provision.deployment.web import web
from services.provision.plan.city_plan import demo_plan

HERE = Path(__file__).resolve().parent
NODES = tuple(f"nats-{number}.city.example" for number in (1, 2, 3))
"""The servers of the cluster's example, by host name; put your own in when you install them."""


def example_public_key(name: str) -> str:
    """Return a well-formed user nkey for which there is no private key."""
    raw = bytes([20 << 3]) + hashlib.sha256(b"onevoice example " + name.encode()).digest()
    return base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode()


def rendered() -> dict[str, str]:
    """Return each generated file's text by its path below deploy/."""
    example = DeployTarget()
    files = {"nats/nats-server.conf": broker(example)["nats-server.conf"]}
    files |= {f"nats/cluster/{name}": text for name, text in broker(replace(example, nodes=NODES)).items()}
    plan = demo_plan()
    for realm in REALMS:
        users = RealmUsers(
            realm=realm,
            services={row.user: example_public_key(f"{realm} {row.user}") for row in flow.SERVICES},
            provision=example_public_key(f"{realm} provision"),
            officers={o.id: example_public_key(f"{realm} {o.id}") for o in plan.officers},
            systems={s.id: example_public_key(f"{realm} {s.id}") for s in plan.systems},
            web=example_public_key(f"{realm} {flow.WEB}"),
        )
        files[f"nats/accounts/{accounts_file(realm)}"] = render_accounts(users)
    files |= {f"systemd/{name}": text for name, text in systemd(example).items()}
    files |= {f"helm/{name}": text for name, text in chart(example).items()}
    files |= {f"web/{name}": text for name, text in web(example, SITE_FOLDER).items()}
    files["docker/compose.yaml"] = compose(example, "../nats/nats-server.conf", BUILD)
    return files


BUILD = """\
    build:
      context: ../..
      dockerfile: deploy/docker/Dockerfile
"""


def main() -> None:
    """Write the files."""
    for name, text in rendered().items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"deploy/{name}\n")


if __name__ == "__main__":
    main()
