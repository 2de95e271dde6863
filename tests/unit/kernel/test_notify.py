"""What a service tells systemd: ready, and a beat only after a read of the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kernel.base.errors import Unreachable
from services.kernel.base.tasks import cancel_all
from services.kernel.runtime.notify import ServiceManager
from tests.support.mission import PATIENCE
from tests.support.virtual_time import in_virtual_time


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def said(manager: socket.socket) -> list[str]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(manager.recv(100).decode())
    return found


def notifier(manager: socket.socket, **more: str) -> ServiceManager:
    return ServiceManager({"NOTIFY_SOCKET": manager.getsockname(), **more})


def test_it_says_that_it_is_ready(manager: socket.socket) -> None:
    notifier(manager).send("READY=1")
    assert said(manager) == ["READY=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "@gone"}])
def test_without_a_manager_it_says_nothing(environment: dict[str, str]) -> None:
    ServiceManager(environment).send("READY=1")


async def test_it_beats_after_each_look_and_not_after_one_that_failed(manager: socket.socket) -> None:
    looks, enough = 0, asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            enough.set()
            raise Unreachable("broker.no_answer", "no")

    watched = notifier(manager, WATCHDOG_USEC="30000", WATCHDOG_PID=str(os.getpid()))
    beating = asyncio.create_task(watched.keep_alive(look))
    await asyncio.wait_for(enough.wait(), PATIENCE)
    await cancel_all(beating)
    assert said(manager) == ["WATCHDOG=1"] * 2


@in_virtual_time
async def test_a_look_that_hangs_brings_no_beat(manager: socket.socket) -> None:
    async def look() -> None:
        await asyncio.sleep(60)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await notifier(manager, WATCHDOG_USEC="30000").keep_alive(look)
    assert said(manager) == []


async def test_the_watchdog_of_another_process_is_not_ours(manager: socket.socket) -> None:
    await notifier(manager, WATCHDOG_USEC="30000", WATCHDOG_PID="1").keep_alive(lambda: asyncio.sleep(0))
    assert said(manager) == []
