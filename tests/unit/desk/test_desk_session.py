"""The deadline of a command holds against whatever does not listen to its cancellation."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from services.desk.deadline import allow, while_a_person_thinks
from services.desk.session import run
from services.kernel.base.errors import Unreachable


def test_the_result_of_the_work_comes_back() -> None:
    async def work() -> int:
        return 3

    assert run(work()) == 3


def test_work_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(Unreachable) as caught:
        run(asyncio.sleep(60), 0.2)
    assert caught.value.code == "command.deadline"


def test_work_that_swallows_its_cancellation_is_abandoned() -> None:
    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    began = time.monotonic()
    with pytest.raises(Unreachable):
        run(deaf(), 0.2)
    assert time.monotonic() - began < 30


def test_a_thread_that_never_ends_holds_nobody_up() -> None:
    """As the look-up of a host's name is one."""
    never = threading.Event()

    async def work() -> None:
        await asyncio.get_running_loop().run_in_executor(None, never.wait)

    began = time.monotonic()
    try:
        with pytest.raises(Unreachable):
            run(work(), 0.2)
        assert time.monotonic() - began < 30
    finally:
        never.set()


def test_waiting_that_was_asked_for_and_a_person_who_thinks_do_not_count() -> None:
    """In a tenth of the seconds or in more, as the machine is slow: a command that counted them never ends in time."""

    def plays(unit: float) -> bool:
        async def work() -> str:
            allow(10 * unit)
            await asyncio.sleep(2 * unit)
            with while_a_person_thinks():
                await asyncio.sleep(12 * unit)
            await asyncio.sleep(unit / 10)
            return "done"

        try:
            return run(work(), unit) == "done"
        except Unreachable:
            return False

    assert any(plays(unit) for unit in (0.03, 0.3, 3.0))


def test_what_is_left_is_what_was_left_before_the_prompt() -> None:
    async def work() -> None:
        with while_a_person_thinks():
            await asyncio.sleep(0.1)
        await asyncio.sleep(60)

    began = time.monotonic()
    with pytest.raises(Unreachable):
        run(work(), 0.3)
    assert time.monotonic() - began < 30
