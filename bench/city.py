"""A running city, seen from outside: its processes, connections with people's keys, and its ledger."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from bench import product
from bench.children import ONEVOICE, Children, run
from bench.ledger import LedgerReader

START_SECONDS = 120.0
SERVICES = ("eoc_state", "registry", "intake", "gatekeeper", "fanout", "board", "audit")
BENCH_URL_USER = "bench:bench"


class NotStarted(RuntimeError):
    """The city did not come up; the message is its own."""


class City:
    """One city folder and whatever of it runs."""

    def __init__(self, children: Children, folder: Path, ports: dict[str, int]) -> None:
        self.children = children
        self.folder = folder
        self.ports = ports
        self._processes: list[subprocess.Popen[str]] = []
        self._clients: dict[str, Client] = {}

    @classmethod
    def make(cls, children: Children, folder: Path, profiles: int, urls: tuple[str, ...]) -> City:
        """Make a city of so many profiles on the bench's platform, with an account for public programs beside it."""
        city = cls(children, folder, product.make(folder, profiles, urls))
        city._add_account()
        return city

    @classmethod
    def demo(cls, children: Children, folder: Path) -> City:
        """Make the demonstration city."""
        city = cls(children, folder, product.make_demo(folder))
        city._add_account()
        return city

    def _add_account(self) -> None:
        conf = self.folder / "nats" / "nats.conf"
        account = "  BENCH { jetstream: enabled, users: [ { user: bench, password: bench } ] }\n  SYS {}"
        conf.write_text(conf.read_text(encoding="utf-8").replace("  SYS {}", account), encoding="utf-8")

    # --- processes ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the broker listens."""
        return f"nats://127.0.0.1:{self.ports['port']}"

    @property
    def public_url(self) -> str:
        """The same server, for the public programs' account."""
        return f"nats://{BENCH_URL_USER}@127.0.0.1:{self.ports['port']}"

    @property
    def pid(self) -> int:
        """The process that was started first: of ``onevoice up``, or the broker's."""
        return self._processes[0].pid

    async def up(self, seconds: float = START_SECONDS) -> float:
        """Start ``onevoice up``; return the seconds until it says that it is ready, ``seconds`` at most.

        Raises:
            NotStarted: with the error that it printed.
        """
        began = time.perf_counter()
        arguments = (*ONEVOICE, "up", "--json", "--city", str(self.folder))
        process = self.children.start(arguments, log=self.folder / "bench.log", stdout=subprocess.PIPE)
        self._processes.append(process)
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), seconds)
        except TimeoutError:
            await self.down()
            raise NotStarted(f"not ready within {seconds:.0f} s") from None
        taken = time.perf_counter() - began
        if not (said := _json_of(line)).get("ready"):
            said = said or _json_of(line + await asyncio.to_thread(process.stdout.read))
            await self.down()
            raise NotStarted(str(said.get("error", {}).get("message") or line or "it said nothing"))
        return taken

    def start_broker(self) -> None:
        """Start the broker alone, as an operator would."""
        arguments = (product.nats_server(), "-c", "nats/nats.conf", "-l", "var/nats.log")
        (self.folder / "var" / "nats").mkdir(parents=True, exist_ok=True)
        self._processes.append(self.children.start(arguments, folder=self.folder))

    def start_service(self, name: str) -> subprocess.Popen[str]:
        """Start one service as a process of its own; the broker must run."""
        arguments = (*ONEVOICE, "run", name, "--city", str(self.folder))
        process = self.children.start(arguments, log=self.folder / f"bench-{name}.log")
        self._processes.append(process)
        return process

    async def start_apart(self, copies: dict[str, int]) -> None:
        """Start the broker and each service as a process, some of them several times; returns when all are heard."""
        self.start_broker()
        await asyncio.sleep(1.0)
        await asyncio.to_thread(run, (*ONEVOICE, "provision", "--city", str(self.folder)))
        for name in SERVICES:
            for _ in range(copies.get(name, 1)):
                self.start_service(name)
        await self._all_heard({name: copies.get(name, 1) for name in SERVICES})

    async def _all_heard(self, wanted: dict[str, int]) -> None:
        deadline = time.monotonic() + START_SECONDS
        heard: dict[str, set[str]] = {}
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                reply = await self.ask("pio", "desk.board.query", {"query": "services"}, seconds=1.0)
                for one in reply.get("services", []):
                    heard.setdefault(one["service"].replace("-", "_"), set()).add(one["instance"])
                if all(len(heard.get(name, ())) >= count for name, count in wanted.items()):
                    return
            await asyncio.sleep(0.2)
        raise NotStarted(f"of the services only {', '.join(sorted(heard)) or 'none'} were heard")

    async def down(self) -> None:
        """Close all connections and stop all processes."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            with contextlib.suppress(Exception):
                await client.close()
        while self._processes:
            await asyncio.to_thread(self.children.stop, self._processes.pop())

    def forget(self, process: subprocess.Popen[str]) -> None:
        """Stop one process that was started here."""
        self._processes.remove(process)
        self.children.stop(process)

    # --- people -------------------------------------------------------------------------------------------

    async def client(self, user: str, key: Path | None = None) -> Client:
        """Return the connection of an officer or system, or of whoever the key belongs to."""
        if user not in self._clients:
            path = key or product.key_path(self.folder, user)
            self._clients[user] = await product.connect(self.url, path, user)
        return self._clients[user]

    async def ledger(self) -> LedgerReader:
        """Return the ledger as the provisioning user reads it."""
        return LedgerReader(await self.client("provision", product.provision_key_path(self.folder)))

    async def ask(self, user: str, base: str, body: Any, seconds: float = 60.0) -> dict[str, Any]:
        """Ask a desk subject as a person; raises RuntimeError with the product's own error."""
        client = await self.client(user)
        raw = body if isinstance(body, bytes) else product.dumps(body)
        answer: dict[str, Any] = json.loads((await client.request(f"{base}.{user}", raw, timeout=seconds)).data)
        if "error" in answer:
            raise RuntimeError(f"{answer['error']['code']}: {answer['error']['message']}")
        return answer

    def command(self, *words: str, statuses: tuple[int, ...] = (0,), seconds: float = 120.0) -> str:
        """Run a ``onevoice`` command on this city and return what it printed."""
        return run((*ONEVOICE, *words, "--city", str(self.folder)), statuses=statuses, seconds=seconds)

    async def declare_crisis(self) -> None:
        """Declare a crisis, in which the public information officer may address all departments."""
        await asyncio.to_thread(self.command, "crisis", "declare", "--incident", "Bench", "--as", "pio")

    async def prepare(self, officer: str = "pio", targets: Sequence[str] | None = None) -> Prepared:
        """Preview and submit a message as an officer, and sign it; the approval is yet to be sent."""
        event = new_event(targets)
        client = await self.client(officer)
        seen = await client.request(f"desk.request.preview.{officer}", product.dumps(event), timeout=60.0)
        preview = json.loads(seen.data)
        if "error" in preview:
            raise RuntimeError(f"{preview['error']['code']}: {preview['error']['message']}")
        reply = await self.ask(officer, "desk.request.submit", {**event, "time": preview["created_at"]})
        approval = product.approval(self.folder, officer, seen.data)
        return Prepared(self, officer, str(reply["request_id"]), int(reply["seq"]), approval)


class Prepared:
    """A request in the ledger, and its officer's signed approval, not sent yet."""

    def __init__(self, city: City, officer: str, request_id: str, seq: int, approval: bytes) -> None:
        self.city = city
        self.officer = officer
        self.request_id = request_id
        self.seq = seq
        self.approval = approval

    async def approve(self) -> float:
        """Send the approval; return the time of the reply (seconds since the epoch)."""
        await self.city.ask(self.officer, "desk.approval.submit", self.approval)
        return time.time()


def new_event(targets: Sequence[str] | None = None, crisis: bool = True) -> dict[str, Any]:
    """Return a submission with words of its own; without targets it goes to all departments."""
    name = uuid.uuid4().hex
    return {
        "specversion": "1.0",
        "id": name,
        "source": "https://bench.example",
        "type": "ca.onevoice.request.submitted.v1",
        "data": {
            "text": f"The road at {name[:8]} {name[8:16]} is closed until further notice. https://mission.example/roads",
            "targets": list(targets) if targets else "all-departments",
            "crisis": crisis,
        },
    }


def _json_of(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}
