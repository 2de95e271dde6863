"""A city that is half there: the broker gone in the middle, a service that is silent, a port that is taken."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.kernel.base.city import City, load_city
from services.kernel.base.run_file import write_run_file
from tests.cli.conftest import Done, Shell, lower_city, port_of, raise_city
from tests.support.mission import PATIENCE, Mission, flushed
from tests.support.ports import free_port


@pytest.fixture
def shell(made_folder: Path, tmp_path: Path) -> Shell:
    """Commands to a city folder of the test's own."""
    return Shell(Path(shutil.copytree(made_folder, tmp_path / "mission")))


def _city(shell: Shell) -> City:
    assert shell.folder is not None
    return load_city(shell.folder)


def _found_at(shell: Shell, mission: Mission) -> None:
    """Point city.toml at the test's broker."""
    assert shell.folder is not None
    path = shell.folder / "city.toml"
    path.write_text(path.read_text().replace(f"port = {port_of(shell.folder)}\n", f"port = {mission.port}\n", 1))


async def _give(shell: Shell, *words: str) -> Done:
    """Give a command while the test's own broker goes on; no service of the test may write to its output."""
    return await asyncio.to_thread(shell.json, *words)


async def _give_apart(shell: Shell, *words: str) -> Done:
    """Give a command in a process of its own while the test's own services go on."""
    return await asyncio.to_thread(shell.process, *words, "--json")


async def test_no_service_runs(shell: Shell) -> None:
    """The broker is there and nobody answers: the service is named, and nothing was done."""
    async with Mission(_city(shell)) as mission:
        _found_at(shell, mission)
        provisioned = await _give(shell, "provision")
        assert provisioned.status == 0, provisioned
        assert "stream LEDGER" in provisioned.body["created"]
        assert (await _give(shell, "provision")).body["created"] == []
        asked = await _give(shell, "eoc", "status")
        ordered = await _give(shell, "hold", "on", "--as", "pio")
        doctor = await _give(shell, "doctor")
    assert (asked.status, asked.code) == (6, "service.unreachable")
    assert "board" in asked.body["error"]["message"]
    assert "doctor" in asked.body["error"]["hint"]
    assert (ordered.status, ordered.code) == (6, "service.unreachable")
    assert "eoc-state" in ordered.body["error"]["message"]
    levels = {line["check"]: line["level"] for line in doctor.body["checks"]}
    assert doctor.status == 6
    assert (levels["broker"], levels["service board"], levels["streams"]) == ("ok", "fail", "ok")


def test_provisioning_may_be_given_another_address(shell: Shell) -> None:
    """In a cluster the broker has another name than city.toml's, which is the officers'."""
    elsewhere = f"nats://127.0.0.1:{free_port()}"
    done = shell.json("provision", "--url", elsewhere)
    assert done.status == 6, done
    assert elsewhere in done.body["error"]["message"]


async def test_the_gatekeeper_does_not_run(shell: Shell) -> None:
    """The request is on record, and the answer says so, and which service is missing."""
    async with Mission(_city(shell)) as mission:
        _found_at(shell, mission)
        assert (await _give(shell, "provision")).status == 0
        await mission.run("registry", "intake", "board")
        done = await _give_apart(
            shell, "publish", "Open house. https://mission.example", "--to", "fire-website", "--as", "mcpe", "--yes"
        )
        assert (done.status, done.code) == (6, "service.unreachable")
        assert "gatekeeper" in done.body["error"]["message"]
        found = re.search(r"The request (r[a-z2-7]{12}) is on record", done.body["error"]["message"])
        assert found is not None
        assert (await _give_apart(shell, "status", found[1])).body["verdict"] is None
        await mission.run("gatekeeper")
        verdict = None
        while verdict is None:
            verdict = (await _give_apart(shell, "status", found[1], "--as", "clerk")).body["verdict"]
        assert verdict["outcome"] == "cleared"


@pytest.fixture
def silent_board(shell: Shell) -> Iterator[tuple[Mission, threading.Event]]:
    """A broker with a board that hears and never answers, in a thread of its own; an event that a question came."""
    asked, stop, ready = threading.Event(), threading.Event(), threading.Event()
    found: list[Mission] = []

    async def serve() -> None:
        async with Mission(_city(shell)) as mission:
            _found_at(shell, mission)
            board = await mission.writer("board")

            async def hear(_message: Any) -> None:
                asked.set()

            await board.client.subscribe("desk.board.query.*", cb=hear)
            await flushed(board.client)
            found.append(mission)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(PATIENCE)
    yield found[0], asked
    stop.set()
    thread.join(PATIENCE)


def test_the_broker_goes_away_in_the_middle(shell: Shell, silent_board: tuple[Mission, threading.Event]) -> None:
    mission, asked = silent_board
    process = shell.start("eoc", "status", "--json")
    assert asked.wait(PATIENCE)
    pid = mission.broker.pid
    assert pid is not None
    subprocess.run(["kill", "-9", str(pid)], check=True)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 6, err
    assert json.loads(out)["error"]["code"] == "broker.lost"
    assert err == ""


def test_a_service_that_never_answers(shell: Shell, silent_board: tuple[Mission, threading.Event]) -> None:
    done = shell.json("eoc", "status")
    assert (done.status, done.code) == (6, "service.unreachable")
    assert "in time" in done.body["error"]["message"]


def test_a_key_that_the_broker_does_not_know(
    shell: Shell, silent_board: tuple[Mission, threading.Event], tmp_path: Path
) -> None:
    """Another city's key is refused by the broker: a refusal, not a broker that is gone."""
    stranger = tmp_path / "stranger"
    assert Shell()("init", str(stranger), "--demo").status == 0
    assert shell.folder is not None
    shutil.copy(stranger / "keys" / "pio.nk", shell.folder / "keys" / "pio.nk")
    done = shell.json("eoc", "status", "--as", "pio")
    assert (done.status, done.code) == (4, "broker.denied")


def test_up_refuses_a_port_in_use(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = shell.process("up", "--port", str(taken.getsockname()[1]), "--json")
    assert done.status == 2
    assert '"port.in_use"' in done.out


def test_up_runs_once_and_stops_at_sigterm(shell: Shell) -> None:
    """What a city that was killed left behind keeps none down, also where its process id is somebody else's now."""
    assert shell.folder is not None
    write_run_file(load_city(shell.folder), {"pid": os.getpid(), "nats_url": "nats://127.0.0.1:1"})
    process, addresses = raise_city(shell, free_port())
    try:
        again = shell.json("up")
        assert (again.status, again.code) == (2, "city.running")
        assert shell.json("eoc", "status").status == 0
    finally:
        assert lower_city(process, signal.SIGTERM) == 0
    gone = shell.json("eoc", "status")
    assert (gone.status, gone.code) == (6, "broker.unreachable")
    assert addresses["nats_url"] not in gone.body["error"]["message"]


def test_the_exercise_realm_is_a_city_of_its_own(shell: Shell) -> None:
    process, _ = raise_city(shell, free_port(), "--realm", "exercise")
    try:
        done = shell.json("eoc", "status", "--realm", "exercise")
        assert (done.status, done.body["realm"]) == (0, "exercise")
        text = ["publish", "EXERCISE. Open house. https://mission.example", "--to", "fire-townsquare"]
        posted = shell.json(*text, "--as", "fire-publisher", "--yes", "--realm", "exercise")
        assert posted.status == 0, posted
        assert "exercise" in posted.body["deliveries"][0]["url"]
        live = shell.json("eoc", "status")
        assert (live.status, live.code) == (6, "service.unreachable")
    finally:
        assert lower_city(process) == 0
