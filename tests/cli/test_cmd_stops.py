"""No command hangs: each ends by its deadline whatever the broker's address leads to, and at once at Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Shell, lower_city, raise_city
from tests.cli.messages import FIRE, words
from tests.cli.terminal import ask, read
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

AT_ONCE = 9
"""Commands that wait for their end together; one that does not come to it within PATIENCE is killed, and fails."""

INFO = (
    b'INFO {"server_id":"X","server_name":"x","version":"2.15.1","go":"go","host":"127.0.0.1","port":4222,'
    b'"headers":true,"max_payload":1048576,"proto":1%s}\r\n'
)


@pytest.fixture
def shell(made_folder: Path, tmp_path: Path) -> Shell:
    """Commands to a city folder of the test's own; no broker runs."""
    return Shell(Path(shutil.copytree(made_folder, tmp_path / "mission")))


@dataclass
class Listener:
    """Where something listens that is no broker; ``met`` once somebody has connected."""

    port: int
    met: threading.Event = field(default_factory=threading.Event)


@contextmanager
def listener(first: bytes | None) -> Iterator[Listener]:
    """Accept connections, say ``first``, and never anything more (None: do not even accept)."""
    kept: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))
    made = Listener(int(server.getsockname()[1]))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            made.met.set()
            if first:
                connection.sendall(first)

    if first is not None:
        threading.Thread(target=serve, daemon=True).start()
    try:
        yield made
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


HALF_OPEN = "half-open"
NO_BROKERS: dict[str, bytes | None] = {
    "not accepted": None,
    "silent": b"",
    "half a line": b"INFO",
    HALF_OPEN: INFO % b"",
    "wants TLS": INFO % b',"tls_required":true',
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "TLS": b"\x15\x03\x03",
}


STATUS = "eoc status"
COMMANDS = ["pending", "hold on --as pio", "publish x --to fire-website --as pio --yes"]
ADDRESSES = ["127.0.0.1:1", "tls://127.0.0.1:1", "nats://no-such-host.invalid:4222"]
Ended = Callable[[str, str], Done]


@pytest.fixture(scope="module")
def ended(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """How a command ended at an address, or at something that is no broker: several begin at once, for each waits."""
    folders = tmp_path_factory.mktemp("nowhere")
    with ExitStack() as stack:
        said = {name: stack.enter_context(listener(first)).port for name, first in NO_BROKERS.items()}
        urls = {name: f"nats://127.0.0.1:{port}" for name, port in said.items()} | {url: url for url in ADDRESSES}
        asked = [(STATUS, place) for place in urls] + [(command, HALF_OPEN) for command in (*COMMANDS, "doctor")]

        def give(number: int, command: str, place: str) -> Done:
            shell = Shell(Path(shutil.copytree(made_folder, folders / str(number))))
            address(shell, urls[place])
            return shell.process(*command.split(), "--json")

        with ThreadPoolExecutor(AT_ONCE) as pool:
            given = {each: pool.submit(give, number, *each) for number, each in enumerate(asked)}
    return lambda command, place: given[command, place].result()


@pytest.mark.parametrize("place", NO_BROKERS)
def test_a_broker_that_is_none_ends_the_command(ended: Ended, place: str) -> None:
    done = ended(STATUS, place)
    assert (done.status, done.code) == (6, "broker.unreachable"), done
    assert ("TLS" in done.body["error"]["message"]) == (place == "wants TLS")
    assert "onevoice up" not in done.body["error"]["hint"], "this broker is somebody else's"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_kind_of_command_ends(ended: Ended, command: str) -> None:
    done = ended(command, HALF_OPEN)
    assert (done.status, done.code) == (6, "broker.unreachable"), done


def test_the_doctor_says_it_and_ends(ended: Ended) -> None:
    done = ended("doctor", HALF_OPEN)
    assert done.status == 6
    assert "broker" in {line["check"] for line in done.body["checks"] if line["level"] == "fail"}


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_leads_nowhere_ends_the_command(ended: Ended, url: str) -> None:
    done = ended(STATUS, url)
    assert done.status in (2, 6)
    assert done.body["error"]["hint"]
    assert ("not be encrypted" in done.body["error"]["message"]) == ("no-such-host" in url), "another machine, in plain"


def test_ctrl_c_ends_a_command_that_waits_for_a_broker(shell: Shell) -> None:
    with listener(b"") as silent:
        address(shell, f"nats://127.0.0.1:{silent.port}")
        process = shell.start("eoc", "status")
        assert silent.met.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Nothing was sent." in err
    assert "Traceback" not in err


def test_ctrl_c_ends_a_command_at_its_prompt_and_a_late_yes_does_nothing(city: Shell) -> None:
    text = words()
    leader, process, said = ask(city, ["publish", text, *FIRE, "--as", "fire-publisher"], "Go on? [y/N]")
    os.write(leader, b"\x03")
    time.sleep(0.05)
    os.write(leader, b"y\n")
    assert process.wait(timeout=PATIENCE) == 130, said
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
    said += read(leader, PATIENCE, process)
    assert process.wait(timeout=PATIENCE) == 0, said
    os.close(leader)


def test_a_city_that_is_stopped_as_soon_as_it_is_up_ends_as_any_other(shell: Shell) -> None:
    for _ in range(3):
        process, _addresses = raise_city(shell, free_port())
        assert lower_city(process) == 0
