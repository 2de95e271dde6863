"""The embedded broker as a process: how it starts, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import errno
import importlib.metadata
import os
import shutil
import signal
import socket
import sys
from collections import namedtuple
from pathlib import Path

import nats.errors
import pytest

from services.desk.city.checks import broker_users
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput, Unreachable
from services.provision import EmbeddedBroker, find_nats_server
from tests.integration.provision.conftest import Started
from tests.support.broker import connect
from tests.support.mission import PATIENCE, eventually
from tests.support.ports import free_port


def alive(pid: int) -> bool:
    """True when a process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int, seconds: float = PATIENCE) -> bool:
    for _ in range(int(seconds / 0.05)):
        if not alive(pid):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_it_answers_at_its_url_and_stops_when_asked(demo_city: City) -> None:
    broker = EmbeddedBroker()
    port = free_port()
    await broker.start(demo_city, port)
    pid = broker.pid
    assert pid is not None
    assert broker.url == f"nats://127.0.0.1:{port}"
    client = await connect(broker.url, demo_city.key_path("cao"), "cao")
    assert client.max_payload == 8 * 1024 * 1024
    await client.close()
    await broker.stop()
    assert not alive(pid)
    await broker.stop()  # once more is harmless


async def test_ctrl_c_in_the_terminal_does_not_reach_it(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        assert broker.pid is not None
        assert os.getpgid(broker.pid) != os.getpgid(0)
        assert os.getsid(broker.pid) != os.getsid(0)


async def test_a_port_in_use_is_named(demo_city: City) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=str(port)) as caught:
            await EmbeddedBroker().start(demo_city, port)
    assert caught.value.code == "port.in_use"
    assert "--port" in caught.value.hint


async def test_a_second_broker_on_the_same_city_is_refused(demo_city: City, started: Started) -> None:
    async with started(demo_city):
        second = EmbeddedBroker()
        with pytest.raises(BadInput) as caught:
            await second.start(demo_city, free_port())
        assert caught.value.code == "city.running"
    async with started(demo_city):  # and after the first has ended, the city is free again
        pass


async def test_a_broken_configuration_is_told_with_the_servers_words(demo_city: City) -> None:
    conf = demo_city.nats_conf_path
    right = conf.read_text()
    conf.write_text(right + "jetstream { nonsense\n")
    broker = EmbeddedBroker()
    with pytest.raises(Unreachable) as caught:
        await broker.start(demo_city, free_port())
    assert caught.value.code == "broker.died"
    assert f"line {len(right.splitlines()) + 2}" in caught.value.message
    assert caught.value.message.isprintable()
    assert "nats.conf" in caught.value.hint
    assert broker.pid is None


async def test_a_server_that_ends_after_opening_its_log_is_told_with_the_logs_last_line(demo_city: City) -> None:
    store = demo_city.var / "nats"
    store.mkdir()
    (store / "jetstream").write_text("not a folder")
    with pytest.raises(Unreachable) as caught:
        await EmbeddedBroker().start(demo_city, free_port())
    assert caught.value.code == "broker.died"
    assert "storage directory" in caught.value.message.lower() or "not a directory" in caught.value.message


async def test_it_tells_when_the_server_dies(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        assert await broker.ended() is None
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        assert "SIGKILL" in str(await eventually(broker.ended))


async def test_stopping_does_not_look_like_dying(demo_city: City) -> None:
    broker = EmbeddedBroker()
    await broker.start(demo_city, free_port())
    await broker.stop()
    assert await broker.ended() is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's")
async def test_it_does_not_outlive_a_parent_that_is_killed(demo_city: City) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from services.kernel.base.city import load_city\n"
        "from services.provision import EmbeddedBroker\n"
        "async def run():\n"
        "    broker = EmbeddedBroker()\n"
        "    await broker.start(load_city(Path(sys.argv[1])), int(sys.argv[2]))\n"
        "    print(broker.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(run())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(demo_city.folder), str(free_port()), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), PATIENCE))
    assert alive(child)
    parent.kill()
    await parent.wait()
    assert await gone(child)


async def test_reload_reads_the_accounts_anew(demo_city: City, started: Started) -> None:
    """A user whose line is taken out is put off; a broken file is refused and changes nothing."""
    async with started(demo_city) as broker:
        accounts = demo_city.nats_conf_path.with_name("accounts.live.conf")
        right = accounts.read_text()
        cut = right.index("      # drivebc\n")
        accounts.write_text(right[:cut] + right[right.index("    ]\n    imports", cut) :])
        await broker.reload()
        with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
            await connect(broker.url, demo_city.key_path("drivebc"), "drivebc", allow_reconnect=False)
        accounts.write_text("LIVE_CORE { users: [")
        with pytest.raises(Unreachable) as caught:
            await broker.reload()
        assert caught.value.code == "broker.reload"
        client = await connect(broker.url, demo_city.key_path("cao"), "cao")
        await client.close()


async def test_a_store_that_cannot_be_written_is_told(demo_city: City) -> None:
    (demo_city.var / "nats").write_text("a file where the store's folder has to be")
    with pytest.raises(BadInput) as caught:
        await EmbeddedBroker().start(demo_city, free_port())
    assert caught.value.code == "disk.unwritable"


async def test_a_disk_without_room_is_told(demo_city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1 << 30, 1 << 30, 1 << 20))
    with pytest.raises(BadInput, match="1 MB") as caught:
        await EmbeddedBroker().start(demo_city, free_port())
    assert caught.value.code == "disk.full"


async def test_a_full_disk_is_told(demo_city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _raw: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadInput) as caught:
        await EmbeddedBroker().start(demo_city, free_port())
    assert caught.value.code == "disk.full"


async def test_a_machine_without_nats_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "distribution", none)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInput) as caught:
        find_nats_server()
    assert caught.value.code == "broker.missing"


async def test_it_starts_on_accounts_that_name_a_key_in_both_realms(demo_city: City, started: Started) -> None:
    """As an order for both wrote them once: nobody could start the city then, to take it back."""
    exercise = load_city(demo_city.folder, "exercise")
    ours, theirs = (load_key(one.key_path("clerk")).public_key for one in (demo_city, exercise))
    exercise.accounts_path.write_text(exercise.accounts_path.read_text().replace(theirs, ours))
    async with started(demo_city) as broker:
        await (await connect(broker.url, demo_city.key_path("clerk"), "clerk")).close()
        await broker.reload()
    assert [line.check for line in broker_users(exercise)] == ["broker's users"]
    assert broker_users(demo_city) == []
