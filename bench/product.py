"""The one file that knows the product's own code: city folders, and what officers sign. All else goes by processes.

A new version of the product may move these names: this file is where the bench learns of it.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from schemas import canonical
from schemas.events.authority import Profile
from schemas.events.desk import PreviewReply
from schemas.events.envelope import pae
from schemas.events.requests import Request, digest_of
from schemas.streams import REPEAT_SECONDS
from services.desk import statements
from services.kernel.authority.signing import load_key
from services.kernel.authority.statements import signed
from services.provision import demo_plan, find_nats_server, make_city
from services.provision.plan.city_plan import Department, profile

ID_SECONDS = REPEAT_SECONDS
"""How long the broker keeps the message ids of the ledger in memory."""

PER_INSTANCE = 5
"""Profiles on one instance: the product sends one server at most 100 posts at once, so that it takes 20 messages."""

PORT_NAMES = ("port", "townsquare_port", "site_port")
SYSTEM = "drivebc"
"""The plan's one system: it may submit, and nothing else."""


def make(folder: Path, profiles: int, platform_urls: tuple[str, ...]) -> dict[str, int]:
    """Make a city of so many departments, each with one Mastodon profile; return the ports that it wants."""
    plan = demo_plan()
    made, instances = [], {}
    for number in range(profiles):
        instance = f"town-{number // PER_INSTANCE}"
        instances[instance] = platform_urls[number // PER_INSTANCE % len(platform_urls)]
        name = f"d{number}"
        department = Department(name, name.title(), f"department {number}")
        made.append(profile(plan.name, plan.website, department, "mastodon", f"{name}@{instance}"))
    ports = free_ports(3)
    people = tuple(one for one in plan.officers if one.id != "fire-publisher")
    city = make_city(
        folder,
        replace(
            plan,
            profiles=tuple(made),
            officers=people,
            instances=instances,
            port=ports[0],
            townsquare_port=ports[1],
            site_port=ports[2],
        ),
    )
    lift_quotas(folder)
    tokens = folder / "secrets" / "live"
    tokens.mkdir(mode=0o700, exist_ok=True)
    for one in made:
        _write_secret(city.token_path(one.id), token_of(one))
    return dict(zip(PORT_NAMES, ports, strict=True))


def move_pages(folder: Path) -> str:
    """Give the officers' pages of a city a free port; return their origin."""
    path, origin = folder / "city.toml", f"http://localhost:{free_ports(1)[0]}"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('origin = "http://localhost:4225"', f'origin = "{origin}"'), encoding="utf-8")
    return origin


def make_demo(folder: Path) -> dict[str, int]:
    """Make the demonstration city on free ports; return them."""
    ports = free_ports(3)
    make_city(folder, replace(demo_plan(), port=ports[0], townsquare_port=ports[1], site_port=ports[2]))
    lift_quotas(folder)
    return dict(zip(PORT_NAMES, ports, strict=True))


def lift_quotas(folder: Path) -> None:
    """Let every sender send as much as it can: what is measured is not how soon it is told to come again."""
    with (folder / "city.toml").open("a", encoding="utf-8") as file:
        rows = [f"{kind}_{what} = 1000000000" for kind in ("system", "officer") for what in ("messages", "bytes")]
        file.write("\n[quota]\n" + "\n".join([*rows, "system_open = 1000000000"]) + "\n")


def token_of(one: Profile) -> str:
    """Return the token that the bench's platform takes for a profile: it names the account."""
    return f"token-{one.account.partition('@')[0]}"


def _write_secret(path: Path, value: str) -> None:
    path.touch(mode=0o600)
    path.write_text(value, encoding="ascii")


def nats_server() -> str:
    """Return the nats-server that the product uses."""
    return str(find_nats_server())


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def key_path(folder: Path, name: str) -> Path:
    """Return the key file of a person or system."""
    return folder / "keys" / f"{name}.nk"


def service_key_path(folder: Path, name: str) -> Path:
    """Return the key file of a service."""
    return folder / "keys" / "services" / f"{name}.nk"


def provision_key_path(folder: Path) -> Path:
    """Return the key file of the provisioning user, who may read everything."""
    return folder / "keys" / "provision" / "live.nk"


def approval(folder: Path, officer: str, seen: bytes, *, stored: bool = False) -> bytes:
    """Sign an officer's approval of what a preview, or a stored request, shows."""
    subject: Any = Request.from_bytes(seen) if stored else PreviewReply.from_bytes(seen)
    statement = statements.decision_statement(
        subject,
        statements.Circumstances.shown(subject),
        realm="live",
        officer=officer,
        verb="approve",
        now=datetime.now(UTC),
        lifetime=timedelta(minutes=30),
    )
    return statements.approval(statement, signed(load_key(key_path(folder, officer)), statement)).to_bytes()


def digest(request: dict[str, Any]) -> str:
    """Return the digest over a request's renderings."""
    event = Request.from_value({**request, "digest": "0" * 64})
    return digest_of(event.request_id, event.revision, event.renderings)


class Pen:
    """Signs payloads with an officer's key, again and again."""

    def __init__(self, folder: Path, officer: str) -> None:
        self._signer = load_key(key_path(folder, officer))

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """Return the raw signature over a payload (DSSE)."""
        return self._signer.raw_signature(pae(payload_type, payload))


def dumps(value: Any) -> bytes:
    """Return canonical JSON, as the ledger keeps it."""
    return canonical.dumps(value)


async def connect(url: str, key: Path, user: str) -> Client:
    """Connect with a key of the city."""
    return await _connected(url, nkeys_seed=str(key), inbox_prefix=f"_INBOX_{user}".encode())


async def connect_public(url: str) -> Client:
    """Connect to the account of the public programs."""
    return await _connected(url)


async def _connected(url: str, **more: Any) -> Client:
    async def silence(_: Exception) -> None:
        """The bench looks at answers, not at remarks."""

    wanted = {"reconnect_time_wait": 0.1, "max_reconnect_attempts": -1, "pending_size": 64 * 1024 * 1024}
    return await asyncio.wait_for(nats.connect(url, error_cb=silence, **wanted, **more), 10.0)
