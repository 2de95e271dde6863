"""The embedded broker is started again when it ends by itself, and when a disk that was full has room."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats.errors
import pytest
from nats.js import JetStreamContext

from schemas import streams, subjects
from schemas.events.desk import BoardQuery
from services.desk.city.up import whole_city
from services.desk.connection.link import connect as connect_desk
from services.kernel.base.city import City
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.tasks import cancel_all
from services.provision import EmbeddedBroker, keep_running, provision
from services.provision.broker.keeping import failed_write
from tests.integration.provision.conftest import Started
from tests.support.broker import connect
from tests.support.mission import FIRE, eventually
from tests.support.ports import free_port

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are looked up in Linux's /proc")


def broker_of(parent: int) -> int | None:
    """The nats-server that a process has started and that runs."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            state, ppid = rest.split()[:2]
            if name.endswith("(nats-server") and int(ppid) == parent and state != "Z":
                return int(stat.parent.name)
    return None


@contextlib.asynccontextmanager
async def kept(city: City, broker: EmbeddedBroker, port: int) -> AsyncIterator[None]:
    keeping = asyncio.create_task(keep_running(city, broker, port, look=0.05, again=0.1))
    try:
        yield
    finally:
        await cancel_all(keeping)


@contextlib.asynccontextmanager
async def fanout_of(city: City, url: str) -> AsyncIterator[JetStreamContext]:
    client = await connect(url, city.service_key_path("fanout"), "fanout", max_reconnect_attempts=-1)
    try:
        yield client.jetstream(prefix=streams.SERVICE_API, timeout=2)
    finally:
        await client.close()


async def stores(js: JetStreamContext) -> bool:
    try:
        await js.publish(subjects.attempt(FIRE, f"r{os.urandom(6).hex()}"), os.urandom(20_000))
    except (nats.errors.Error, OSError):
        return False
    return True


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ("Filestore [LEDGER] Critical write error: write 1.blk: no space left on device", True),
        ("JetStream failed to store a msg on stream 'LIVE_CORE > LEDGER': write 1.blk: no space left on device", True),
        ('203.0.113.9:50932 - cid:129 - "v1:x:Critical write error" - authentication error', False),
        (
            '203.0.113.9:5 - cid:1 - "v1:x:[ERR] JetStream failed to store a msg on stream \'L" - authentication error',
            False,
        ),
    ],
)
def test_only_the_broker_s_own_words_tell_of_a_failed_write(line: str, failed: bool) -> None:
    """A client's name stands in its log too: nobody without a key may have it started again."""
    assert bool(failed_write([f"[28986] 2026/11/27 11:36:49.098068 [ERR] {line}"])) is failed


@LINUX
async def test_a_city_goes_on_when_its_broker_was_killed(demo_city: City) -> None:
    async with whole_city(demo_city, free_port()):
        first = broker_of(os.getpid())
        assert first is not None
        os.kill(first, signal.SIGKILL)

        async def answers() -> bool:
            if broker_of(os.getpid()) in (None, first):
                return False
            try:
                async with connect_desk(demo_city, "clerk") as link:
                    return (await link.board(BoardQuery(query="eoc"))).eoc is not None
            except OneVoiceError:
                return False

        assert await eventually(answers)


class WithoutMemory(EmbeddedBroker):
    """A broker on a machine that has no memory for another process, as when the old one was killed for it."""

    left = 1

    async def start(self, city: City, port: int | None = None) -> None:
        if self.pid is None and self.url and self.left:
            self.left -= 1
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        await super().start(city, port)


async def test_a_broker_that_no_process_could_be_made_for_is_started_later(demo_city: City) -> None:
    broker, port = WithoutMemory(), free_port()
    await broker.start(demo_city, port)
    try:
        async with kept(demo_city, broker, port):
            first = broker.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)

            async def again() -> bool:
                return broker.left == 0 and broker.pid not in (None, first)

            assert await eventually(again)
    finally:
        await broker.stop()


async def test_a_broker_that_was_stopped_is_not_started_again(demo_city: City) -> None:
    broker, port = EmbeddedBroker(), free_port()
    await broker.start(demo_city, port)
    async with kept(demo_city, broker, port):
        await broker.stop()
        await asyncio.sleep(2.5)
        assert broker.pid is None


@pytest.fixture
def small_disk(demo_city: City) -> Iterator[Path]:
    """The broker's store on a file system of 256 MB."""
    store = demo_city.var / "nats"
    store.mkdir(parents=True)
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "onevoice", store]).returncode
    ):
        pytest.skip("no file system can be mounted here")
    try:
        yield store
    finally:
        subprocess.run(["umount", "-l", store], check=True)


async def test_a_full_disk_that_has_room_again_is_written_to(
    demo_city: City, small_disk: Path, started: Started
) -> None:
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        port = int(broker.url.rpartition(":")[2])
        async with kept(demo_city, broker, port), fanout_of(demo_city, broker.url) as js:
            assert await stores(js)
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"\0" * 4_096):
                    pass
            pid = broker.pid
            while await stores(js):
                pass
            assert broker.pid == pid  # what stands can be read meanwhile
            filler.unlink()

            async def again() -> bool:
                return await stores(js)

            assert await eventually(again)
            assert broker.pid not in (None, pid)


async def test_a_disk_that_goes_on_failing_has_the_broker_started_again_now_and_then(
    demo_city: City, started: Started
) -> None:
    """One stream that cannot be written must not take the others along every few seconds."""
    line = (
        "[1] 2026/11/27 11:36:49.098068 [ERR] Filestore [MEDIA] Critical write error: write 1.blk: input/output error\n"
    )
    async with started(demo_city) as broker:
        pids = {broker.pid}
        port = int(broker.url.rpartition(":")[2])
        async with kept(demo_city, broker, port):

            async def again() -> bool:
                with broker.log_path.open("a") as log:
                    log.write(line)
                pids.add(broker.pid)
                return len(pids - {None}) > 1

            assert await eventually(again)
            for _ in range(10):
                await asyncio.sleep(0.1)
                await again()
            assert len(pids - {None}) == 2
