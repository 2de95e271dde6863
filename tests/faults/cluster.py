"""Three servers, three replicas: the leader killed under load, then a second one; and the fence with many writers."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import nats.errors
import nats.js.errors

from schemas import canonical, streams, subjects
from schemas.events.deliveries import Attempt
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.client import Conflict
from services.provision import find_nats_server
from services.provision.accounts.server_conf import Cluster, ServerSettings, Tls, render_server
from tests.faults.crashes import delivered, flowing
from tests.faults.harness import ALL, SQUARES, FaultCity
from tests.faults.load import Load, move_fence
from tests.faults.rows import Row, Scale
from tests.faults.sets import compare
from tests.support.mission import Mission, Writer, eventually, now
from tests.support.ports import free_port

NODES = ("nats-1", "nats-2", "nats-3")
QUIET_SECONDS = 8.0
"""How long it is watched that nothing happens while two of three servers are gone."""


class ThreeServers(Mission):
    """The city's broker as three servers, each with TLS for clients and between them."""

    def __init__(self, city: City, folder: Path) -> None:
        super().__init__(city)
        self.folder = folder
        self.ports = {node: (free_port(), free_port()) for node in NODES}
        self.processes: dict[str, asyncio.subprocess.Process] = {}

    async def __aenter__(self) -> ThreeServers:
        for node in NODES:
            (self.folder / f"{node}.conf").write_text(render_server(self._settings(node), "mission/nats/"))
        for node in NODES:
            await self.start(node)
        await eventually(self._leads, 60.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        for node in NODES:
            await self.kill(node)

    @property
    def url(self) -> str:
        """All three."""
        return ",".join(f"tls://127.0.0.1:{client}" for client, _ in self.ports.values())

    async def start(self, node: str) -> None:
        """Start a server on its own store."""
        log = self.folder / f"{node}.log"
        offset = log.stat().st_size if log.exists() else 0
        self.processes[node] = await asyncio.create_subprocess_exec(
            str(find_nats_server()), "-c", str(self.folder / f"{node}.conf"), "-l", str(log), stderr=-3, stdout=-3
        )

        async def listens() -> bool:
            assert self.processes[node].returncode is None, log.read_text()[-2000:]
            return log.exists() and b"Listening for client connections" in log.read_bytes()[offset:]

        await eventually(listens, 30.0)

    async def kill(self, node: str) -> None:
        """kill -9 of a server."""
        process = self.processes.get(node)
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    async def leader(self, reader: Writer) -> str:
        """The server that leads the ledger."""
        info = await reader.js.stream_info(streams.LEDGER)
        return (info.cluster.leader if info.cluster else None) or ""

    async def _leads(self) -> bool:
        logs = [(self.folder / f"{node}.log").read_text() for node in NODES]
        return any("JetStream cluster new metadata leader" in text for text in logs)

    def _settings(self, node: str) -> ServerSettings:
        client, route = self.ports[node]
        certificate = Tls(str(self.folder / "server.pem"), str(self.folder / "server.key"))
        others = tuple(f"127.0.0.1:{self.ports[other][1]}" for other in NODES if other != node)
        among = Tls(certificate.cert, certificate.key, ca=certificate.cert)
        return ServerSettings(
            port=client,
            store_dir=str(self.folder / node),
            name=node,
            tls=certificate,
            cluster=Cluster(f"127.0.0.1:{route}", others, advertise=f"127.0.0.1:{client}", tls=among),
        )


class ClusterCity(FaultCity):
    """A small city on a cluster of three."""

    mission: ThreeServers

    def _with_broker(self) -> ThreeServers:
        folder = self.city.folder.parent
        _certificate(folder)
        mission = ThreeServers(self.city, folder)
        path = self.city.folder / "city.toml"
        text = path.read_text().replace("replicas = 1", "replicas = 3").replace("embedded = true", "embedded = false")
        more = f'url = "{mission.url}"\ntls_ca = "{folder / "server.pem"}"'
        path.write_text(text.replace("[nats]", f"[nats]\n{more}", 1))
        self.city = mission.city = load_city(self.city.folder)
        return mission


def _certificate(folder: Path) -> None:
    """Make a certificate for 127.0.0.1 that is its own authority, for clients and routes."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cluster",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "server.key"),
         "-out", str(folder / "server.pem")],
        check=True, capture_output=True,
    )  # fmt: skip


def possible() -> bool:
    """True where certificates can be made."""
    return shutil.which("openssl") is not None


async def cluster(folder: Path, scale: Scale) -> list[Row]:
    """Kill the leader under load, then a second server; bring them back; compare. Then try the fence."""
    async with ClusterCity(folder) as city:
        everything = await city.start(*ALL)
        reader = await city.mission.writer("board")
        load = Load(city, prefix="flow")
        async with flowing(load):
            rounds = 3 if scale is Scale.FULL else 1
            stall = 0.0
            for _ in range(rounds):
                await asyncio.sleep(1.0)
                leader = await city.mission.leader(reader)
                await city.mission.kill(leader)
                stall = max(stall, await _through(city, load))
                if _ < rounds - 1:
                    await city.mission.start(leader)
                    await asyncio.sleep(3.0)
        first = await compare(city, load)
        second = next(node for node in NODES if node != leader)
        await city.mission.kill(second)
        wrong = await _nothing_happens(city)
        for node in (leader, second):
            await city.mission.start(node)
        back = await _through(city, load)
        found = await compare(city, load)
        await everything.end()
        fence = await _fence(city, writers=8, moves=60) if scale is Scale.FULL else await _fence(city, 4, moves=20)
    return [
        first.row("three servers: the leader killed", rounds, recovered=stall),
        found.row("three servers: two of three gone, then back", 1, recovered=back, wrong=tuple(wrong)),
        fence,
    ]


async def _through(city: FaultCity, load: Load) -> float:
    began = asyncio.get_running_loop().time()
    await delivered(city, await load.send(SQUARES[-1], seconds=120.0), 90.0)
    return asyncio.get_running_loop().time() - began


async def _nothing_happens(city: ClusterCity) -> list[str]:
    """Ask for a post while there is no quorum: nothing is acked, nothing posted, and a command says so clearly."""
    loop, before = asyncio.get_running_loop(), sum(map(len, city.public().values()))
    asked = Load(city, prefix="quorum")
    sending = asyncio.create_task(asked.send(SQUARES[0], seconds=300.0))
    began, wrong = loop.time(), []
    status, said = await _command(city, "publish", "Now. https://mission.example/q", "--as", "mcpe", "--to", SQUARES[1])
    if status != 6 or "Traceback" in said:
        wrong.append(f"onevoice publish without a quorum ended with {status}: {said[:300]}")
    await asyncio.sleep(max(0.0, QUIET_SECONDS - (loop.time() - began)))
    if asked.acked or sending.done():
        wrong.append("a request was acked by one server of three")
    if sum(map(len, city.public().values())) != before:
        wrong.append("something was posted without a quorum")
    sending.cancel()
    return wrong


async def _command(city: FaultCity, *words: str) -> tuple[int | None, str]:
    env = os.environ | {"ONEVOICE_CITY": str(city.city.folder), "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.desk", *words, "--yes", "--json", env=env, stdout=-1, stderr=-1
    )
    out, err = await asyncio.wait_for(process.communicate(), 90.0)
    return process.returncode, out.decode() + err.decode()


# --- the fence ----------------------------------------------------------------------------------------------


async def _fence(city: ClusterCity, writers: int, moves: int) -> Row:
    """Append attempts under the fence from many connections while another moves it; none may be stale."""
    mission = city.mission
    stop, halfway = asyncio.Event(), asyncio.Event()
    appending = [asyncio.create_task(_append(mission, number, stop)) for number in range(writers)]
    mover = asyncio.create_task(_move(mission, moves, halfway))
    await halfway.wait()
    leader = await mission.leader(await mission.writer("board"))
    await mission.kill(leader)  # in the middle of it
    moved = await mover
    stop.set()
    acked = {seq: control for one in await asyncio.gather(*appending) for seq, control in one.items()}
    await mission.start(leader)
    reader = await mission.writer("board")
    # The server that was started just now may be what the reader is connected to: it is asked until it can answer.
    stored, stale = await eventually(lambda: _patiently(lambda: _stale(reader)), 60.0)
    lost = [seq for seq in acked if seq not in stored]
    wrong = [f"{len(stale)} stale appends, the first at {stale[0]}"] if stale else []
    wrong += ["hardly anything was appended"] if len(acked) < moves else []
    return Row(
        f"the fence: {writers} writers against one, three servers, the leader killed",
        moved,
        acked=len(acked),
        stored=len(acked) - len(lost),
        lost=len(lost),
        remark=f"{len(stored)} appended, {len(stale)} stale",
        wrong=tuple(wrong),
    )


async def _move(mission: Mission, moves: int, halfway: asyncio.Event) -> int:
    """Push and release the stop button so many times, as eoc_state does; return how often."""
    writer, count = await mission.writer("eoc_state"), 0
    while count < moves:
        if count >= moves / 2:
            halfway.set()
        count += await move_fence(writer)
        await asyncio.sleep(0.02)
    return count


async def _append(mission: Mission, number: int, stop: asyncio.Event) -> dict[int, int]:
    """Append attempts with the control revision as this writer last saw it; return those that were acked."""
    writer = await mission.writer("fanout")
    acked: dict[int, int] = {}
    count = 0
    while not stop.is_set():
        entry = await _patiently(lambda: writer.ledger.last(subjects.CONTROL))
        if entry is None:
            continue
        for _ in range(5):
            count += 1
            event = _attempt(number, count, entry.seq)
            subject = subjects.attempt(event.profile, event.request_id)
            try:
                acked[(await writer.ledger.append(subject, event, fence=(subjects.CONTROL, entry.seq))).seq] = entry.seq
            except (Conflict, Unreachable):
                break
    return acked


def _attempt(writer: int, number: int, control_seq: int) -> Attempt:
    return Attempt(
        at=now(),
        request_id=f"fence-{writer}",
        revision=1,
        profile=SQUARES[0],
        platform="mastodon",
        number=number,
        worker=secrets.token_hex(4),
        verdict_seq=1,
        control_seq=control_seq,
        digest="0" * 64,
        rendering_sha256="0" * 64,
        idempotency_key=f"{writer}-{number}",
    )


T = TypeVar("T")


async def _patiently(call: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await call()
    except (Unreachable, nats.errors.Error, nats.js.errors.Error):
        await asyncio.sleep(0.1)
        return None


async def _stale(reader: Writer) -> tuple[set[int], list[int]]:
    """Return the sequences of all attempts of the fence test, and of those that another control revision preceded."""
    entries = await reader.ledger.history(f"ledger.attempt.{SQUARES[0]}.*")
    control = [entry.seq for entry in await reader.ledger.history(subjects.CONTROL)]
    mine = [entry for entry in entries if entry.subject.rsplit(".", 1)[1].startswith("fence-")]
    stale = []
    for entry in mine:
        in_force = max(seq for seq in control if seq < entry.seq)
        if int(canonical.loads(entry.data)["control_seq"]) != in_force:
            stale.append(entry.seq)
    return {entry.seq for entry in mine}, stale
