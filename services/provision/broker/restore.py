"""Puts a second copy back into an empty ledger: each entry with the key of the service that wrote it.

``Nats-Expected-Last-Sequence`` on each makes the server refuse whatever does not belong there, so an interrupted
restore can be taken up again where the ledger ends.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import flow, streams, subjects
from services.audit.proof.compare import CHUNK, compare_record
from services.audit.proof.restore import Put, puts, refuse_foreign_entry, runs
from services.audit.proof.verify import reader_of
from services.audit.record.format import RecordEntry
from services.audit.record.media import pictures_of, read_picture
from services.audit.record.reader import last_copied
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven, Unreachable
from services.kernel.base.network.tls import client_context
from services.kernel.ledger.client import Ledger
from services.provision.accounts.permissions import PROVISION_USER
from services.provision.broker.connection import as_provisioner, connected
from services.provision.broker.preflight import find_nats_server, prepare_store
from services.provision.broker.put_back import say_restored
from services.provision.city.manifests import read_manifest

ACK_SECONDS = 20.0
LISTEN_SECONDS = 2.5
"""Heartbeats come every two seconds at most."""

REPORT_EVERY = 5_000


@dataclass(frozen=True)
class Restored:
    """What a restore did: ``entries`` in all, of which it found ``stood`` there already; ``pictures`` put back."""

    entries: int
    stood: int
    pictures: int
    pictures_missing: int


def check_beforehand(city: City) -> None:
    """Check beforehand what would make a restore fail half-way; nothing is moved or made.

    The files that it needs: the TLS authority, the manifest, the keys of those who write, and for the embedded broker
    its binary, its configuration and room on the disk.

    Raises:
        BadInput: one of them cannot be had; its code says which. ``broker.bad_conf``: nats-server refuses nats.conf.
    """
    client_context(city)
    read_manifest(city)
    for path in (city.provision_key_path, *(city.service_key_path(row.name) for row in flow.SERVICES)):
        load_key(path)
    if city.settings.nats.embedded:
        binary = find_nats_server()
        prepare_store(city)
        command = (str(binary), "-t", "-c", str(city.nats_conf_path))
        tried = subprocess.run(command, cwd=city.folder, capture_output=True, text=True, check=False)  # noqa: S603
        if tried.returncode:
            output = (tried.stderr.strip() or tried.stdout.strip()).splitlines()
            raise BadInput(
                "broker.bad_conf",
                f"the broker refuses {city.nats_conf_path}: {output[-1] if output else 'without a word'}",
                "fix it, or take it from a backup; nothing was moved",
            )


def check_copy(city: City) -> None:
    """Check that each entry of the copy has its place and its writer; raises Unproven as ``puts`` does."""
    for _ in puts(reader_of(city).entries()):
        pass


async def refuse_running(city: City, url: str) -> None:
    """Refuse while services are connected: they would write in between.

    Raises:
        BadInput: ``city.running``.
    """
    async with _as_service(city, url, "board") as client:
        heartbeats = await client.subscribe(subjects.HEALTH_ALL)
        try:
            message = await heartbeats.next_msg(LISTEN_SECONDS)
        except nats.errors.TimeoutError:
            return
    name = message.subject.rsplit(".", 1)[-1]
    raise BadInput("city.running", f"the service {name} runs on {url}", "stop all services, then restore")


async def restore(city: City, url: str, report: Callable[[str], None], report_every: int = REPORT_EVERY) -> Restored:
    """Put the copy of a realm back into the empty ledger of a provisioned broker.

    The copy must have been verified, and no service may run. ``report`` is called with the progress,
    after so many entries each time.

    Raises:
        BadInput: ``ledger.not_empty``, ``durable.used``: it is not a new store, or one that a restore has begun.
        Unproven: ``record.holes``, ``restore.differs`` when the ledger is not the copy in the end.
        Unreachable: the broker did not take an entry; to begin again goes on from there.
    """
    async with AsyncExitStack() as stack:
        await _refuse_used(city, url)
        ledger = Ledger()
        ledger.bind(await stack.enter_async_context(_as_service(city, url, "audit")))
        last = (await ledger.shape()).last
        stood = await _check_what_stands(ledger, reader_of(city).entries(), last)
        await say_restored(city, url, last_copied(city.audit_folder))
        ledger.bind(ledger.client)  # what it says is asked anew
        writers = EntryWriters(city, url, stack)
        found, missing = await _pictures(city, writers, report)
        entries = await _publish(writers, reader_of(city).entries(), stood, report, report_every)
        report("comparing ledger and copy")
        differences = await compare_record(city, ledger)
    if differences:
        first = differences[0]
        raise Unproven("restore.differs", f"at {first.seq}: {first.message}", "onevoice audit verify")
    return Restored(entries, stood, found, missing)


class EntryWriters:
    """Connections with the services' own keys, each made when it is first needed."""

    def __init__(self, city: City, url: str, stack: AsyncExitStack) -> None:
        self._city, self._url, self._stack = city, url, stack
        self._writers: dict[str, EntryWriter] = {}

    async def get(self, service: str) -> EntryWriter:
        """Return the connection of a service, or of the provisioning user for what no service writes any more."""
        if service not in self._writers:
            connection = as_provisioner if service == PROVISION_USER else partial(_as_service, name=service)
            client = await self._stack.enter_async_context(connection(self._city, self._url))
            self._writers[service] = await EntryWriter(client).start()
        return self._writers[service]


class EntryWriter:
    """Publishes runs of entries with one service's key, in order, and waits for all acks of a run."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._inbox = client.new_inbox()
        self._acks: dict[int, asyncio.Future[Msg]] = {}

    async def start(self) -> EntryWriter:
        """Begin to listen for acks."""
        await self.client.subscribe(f"{self._inbox}.*", cb=self._on_ack)
        return self

    async def put(self, run: list[Put]) -> None:
        """Publish a run; each entry is on disk, at its own sequence, when this returns.

        Raises:
            Unreachable: ``restore.refused``, ``broker.unreachable``.
        """
        loop = asyncio.get_running_loop()
        self._acks = {put.seq: loop.create_future() for put in run}
        waiting = list(self._acks.values())
        try:
            for put in run:
                await self.client.publish(put.subject, put.data, reply=f"{self._inbox}.{put.seq}", headers=put.headers)
            async with asyncio.timeout(ACK_SECONDS):
                acks = await asyncio.gather(*waiting)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise Unreachable(
                "broker.unreachable",
                f"the broker did not acknowledge entry {run[0].seq} or one of the {len(run)} from there",
                "begin again: it goes on where the ledger ends",
            ) from error
        for put, ack in zip(run, acks, strict=True):
            _check_ack(put, ack)

    async def _on_ack(self, message: Msg) -> None:
        waiting = self._acks.get(int(message.subject.rsplit(".", 1)[-1]))
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


def _check_ack(put: Put, ack: Msg) -> None:
    answer = json.loads(ack.data or b"{}")
    if answer.get("seq") == put.seq and not answer.get("duplicate") and not answer.get("error"):
        return
    why = (answer.get("error") or {}).get("description") or f"it was stored at {answer.get('seq')}"
    raise Unreachable(
        "restore.refused",
        f"the ledger did not take entry {put.seq}: {why}",
        "does a service run, or does anybody else write? stop it, and begin again",
    )


async def _publish(
    writers: EntryWriters, lines: Iterator[RecordEntry], stood: int, report: Callable[[str], None], every: int
) -> int:
    last, reported = stood, stood
    for run in runs(one for one in puts(lines) if one.seq > stood):
        writer = await writers.get(run[0].writer)
        await writer.put(run)
        last = run[-1].seq
        if last - reported >= every:
            reported = last
            report(f"{last} entries are back")
    return last


async def _check_what_stands(ledger: Ledger, lines: Iterator[RecordEntry], last: int) -> int:
    """Return how far an earlier restore came; whatever else is there is refused."""
    stood = 0
    while stood < last:
        chunk = list(islice(lines, min(CHUNK, last - stood)))
        if not chunk:
            raise BadInput(
                "ledger.not_empty",
                f"the ledger holds {last} entries, and the copy {stood}",
                "let the audit service catch up (onevoice up); there is nothing to restore",
            )
        for line, live in zip(chunk, await ledger.get_many([one.seq for one in chunk]), strict=True):
            refuse_foreign_entry(line, live)
        stood += len(chunk)
    return stood


async def _refuse_used(city: City, url: str) -> None:
    """Refuse a stream whose durables have handed anything out: services would not see what is put back."""
    async with as_provisioner(city, url) as client:
        js = client.jetstream()
        try:
            found = await js.consumers_info(streams.LEDGER)
            while found and len(found) % 256 == 0:
                more = await js.consumers_info(streams.LEDGER, offset=len(found))
                if not more:
                    break
                found += more
        except nats.js.errors.NotFoundError as error:
            raise BadInput("ledger.none", "the broker has no ledger", "onevoice provision makes one") from error
    for info in found:
        if info.num_waiting or (info.delivered and info.delivered.consumer_seq):
            raise BadInput(
                "durable.used",
                f"the durable {info.name} is in use or was: this is not a new store",
                "stop the services; a ledger is only restored into a new one: onevoice audit restore --into-new-store",
            )


async def _pictures(city: City, writers: EntryWriters, report: Callable[[str], None]) -> tuple[int, int]:
    """Put the pictures of the copy back; return how many, and how many requests name that the copy has not."""
    ledger, done, missing = Ledger(), set[str](), set[str]()
    for line in reader_of(city).entries():
        for sha256 in pictures_of(line):
            if sha256 in done or sha256 in missing:
                continue
            raw = read_picture(city.audit_folder, sha256)
            if raw is None:
                missing.add(sha256)
                continue
            ledger.bind((await writers.get("intake")).client)
            await ledger.put_media(raw)
            done.add(sha256)
    if done:
        report(f"{len(done)} pictures are back")
    return len(done), len(missing)


def _as_service(city: City, url: str, name: str) -> AbstractAsyncContextManager[Client]:
    return connected(city, url, city.service_key_path(name), flow.service(name).user)
