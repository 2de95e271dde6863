"""No command hangs: each ends by its deadline whatever the broker's address leads to, and at once at Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.messages import FIRE, words
from tests.cli.terminal import ask, read
from tests.support.mission import PATIENCE

MOST_SECONDS = 20.0
"""Far below a person's patience, and above the 5 s of a connection on a busy machine."""

INFO = (
    b'INFO {"server_id":"X","server_name":"x","version":"2.15.1","go":"go","host":"127.0.0.1","port":4222,'
    b'"headers":true,"max_payload":1048576,"proto":1%s}\r\n'
)


@pytest.fixture
def shell(made_folder: Path, tmp_path: Path) -> Shell:
    """Commands to a city folder of the test's own; no broker runs."""
    return Shell(Path(shutil.copytree(made_folder, tmp_path / "mission")))


@contextmanager
def listener(first: bytes | None) -> Iterator[int]:
    """Accept connections, say ``first``, and never anything more (None: do not even accept)."""
    kept: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            if first:
                connection.sendall(first)

    if first is not None:
        threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.close()
        for connection in kept:
            connection.close()


def address(shell: Shell, url: str) -> None:
    """Have the city's broker at an address, run by somebody else."""
    assert shell.folder is not None
    path = shell.folder / "city.toml"
    text = path.read_text().replace("embedded = true", f'embedded = false\nurl = "{url}"')
    assert url in text
    path.write_text(text)


NO_BROKERS: dict[str, bytes | None] = {
    "not accepted": None,
    "silent": b"",
    "half a line": b"INFO",
    "half-open": INFO % b"",
    "wants TLS": INFO % b',"tls_required":true',
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "TLS": b"\x15\x03\x03",
}


@pytest.mark.parametrize("first", NO_BROKERS.values(), ids=NO_BROKERS.keys())
def test_a_broker_that_is_none_ends_the_command(shell: Shell, first: bytes | None) -> None:
    with listener(first) as port:
        address(shell, f"nats://127.0.0.1:{port}")
        began = time.monotonic()
        done = shell.json("eoc", "status")
        assert time.monotonic() - began < MOST_SECONDS
    assert (done.status, done.code) == (6, "broker.unreachable"), done
    assert ("TLS" in done.body["error"]["message"]) == (first == NO_BROKERS["wants TLS"])
    assert "onevoice up" not in done.body["error"]["hint"], "this broker is somebody else's"


@pytest.mark.parametrize("command", ["pending", "hold on --as pio", "publish x --to fire-website --as pio --yes"])
def test_each_kind_of_command_ends(shell: Shell, command: str) -> None:
    with listener(INFO % b"") as port:
        address(shell, f"nats://127.0.0.1:{port}")
        began = time.monotonic()
        done = shell.json(*command.split())
        assert time.monotonic() - began < MOST_SECONDS
    assert (done.status, done.code) == (6, "broker.unreachable"), done


def test_the_doctor_says_it_and_ends(shell: Shell) -> None:
    with listener(INFO % b"") as port:
        address(shell, f"nats://127.0.0.1:{port}")
        done = shell.json("doctor")
    assert done.status == 6
    assert "broker" in {line["check"] for line in done.body["checks"] if line["level"] == "fail"}


@pytest.mark.parametrize("url", ["127.0.0.1:1", "tls://127.0.0.1:1", "nats://no-such-host.invalid:4222"])
def test_an_address_that_leads_nowhere_ends_the_command(shell: Shell, url: str) -> None:
    address(shell, url)
    began = time.monotonic()
    done = shell.process("eoc", "status", "--json")
    assert time.monotonic() - began < MOST_SECONDS
    assert done.status in (2, 6)
    assert done.body["error"]["hint"]
    assert ("name of the broker" in done.body["error"]["message"]) == ("no-such-host" in url)


def test_ctrl_c_ends_a_command_that_waits_for_a_broker(shell: Shell) -> None:
    with listener(b"") as port:
        address(shell, f"nats://127.0.0.1:{port}")
        process = shell.start("eoc", "status")
        time.sleep(1.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert time.monotonic() - began < 4
    assert process.returncode == 130
    assert "Nothing was sent." in err
    assert "Traceback" not in err


def test_ctrl_c_ends_a_command_at_its_prompt_and_a_late_yes_does_nothing(city: Shell) -> None:
    text = words()
    leader, process, said = ask(city, ["publish", text, *FIRE, "--as", "fire-publisher"], "Go on? [y/N]")
    os.write(leader, b"\x03")
    time.sleep(0.05)
    os.write(leader, b"y\n")
    assert process.wait(timeout=5) == 130, said
    said += read(leader, 0.5)
    assert "Nothing was sent." in said
    assert "Traceback" not in said
    os.close(leader)
    time.sleep(0.5)
    assert text not in {one["text"] for one in city.json("pending").body}


def test_a_person_may_think_for_longer_than_the_commands_own_time(city: Shell) -> None:
    """Time at a prompt does not count, and the connection stays alive meanwhile."""
    words_ = ["publish", words(), *FIRE, "--as", "fire-publisher"]
    leader, process, said = ask(city, words_, "Go on? [y/N]")
    time.sleep(5)
    os.write(leader, b"y\n")
    said += read(leader, 20, process)
    assert process.wait(timeout=PATIENCE) == 0, said
    os.close(leader)
