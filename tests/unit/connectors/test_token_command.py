"""A credential that a command prints: run without a shell, safely, in time, and seldom."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.fanout.connectors.credentials.token_command import CommandFault, TokenCommands
from services.fanout.connectors.credentials.tokens import TokenFault, is_reference, read_token, token_of
from services.kernel.base.clock import ManualClock
from tests.support.broker import PATIENCE

Refer = Callable[..., Path]


@pytest.fixture
def refer(tmp_path: Path) -> Refer:
    """Make a program of a shell script, and a credential's file that refers to it with some words."""

    def make(script: str, words: str = "", mode: int = 0o700) -> Path:
        program = tmp_path / "secret-manager"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(mode)
        path = tmp_path / "fire-x.token"
        path.touch(mode=0o600)
        path.write_text(f"exec:{program} {words}".strip() + "\n")
        return path

    return make


async def test_what_a_command_prints_is_the_credential(refer: Refer) -> None:
    path = refer('echo "token-of-$2-$#"', "get 'the fire' fire-x")
    assert is_reference(path.read_text())
    with pytest.raises(TokenFault, match="printed no token"):
        read_token(path)  # it holds a space: the words came apart as a shell's do
    path = refer('echo "token-of-$2"; echo secret >&2', "get fire-x")
    assert await token_of(path) == "token-of-fire-x"
    assert read_token(path) == "token-of-fire-x"


def test_no_shell_reads_the_words(refer: Refer, tmp_path: Path) -> None:
    path = refer('printf "%s" "$1$2$3" | tr -d " "', f"$HOME ; >{tmp_path}/made")
    assert read_token(path) == f"$HOME;>{tmp_path}/made"
    assert not (tmp_path / "made").exists()


async def test_it_is_run_once_for_all_and_again_after_a_minute(refer: Refer, tmp_path: Path) -> None:
    path = refer(f'echo x >>{tmp_path}/runs; echo "token-$(wc -l <{tmp_path}/runs)" | tr -d " "')
    assert set(await asyncio.gather(*(token_of(path) for _ in range(26)))) == {"token-1"}
    clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
    commands, words = TokenCommands(clock.monotonic), path.read_text().strip().removeprefix("exec:")
    assert [commands.known(words), commands.printed_by(words), commands.known(words)] == [None, "token-2", "token-2"]
    clock.time += timedelta(seconds=59)
    assert commands.printed_by(words) == "token-2"
    clock.time += timedelta(seconds=2)
    assert [commands.known(words), commands.printed_by(words)] == [None, "token-3"]


async def test_a_command_blocks_nothing(refer: Refer) -> None:
    """The event loop goes on meanwhile."""
    asked = asyncio.create_task(token_of(refer("sleep 0.2; echo token")))
    await asyncio.sleep(0.01)
    assert not asked.done()
    assert await asked == "token"


async def test_one_that_hangs_is_ended_with_all_that_it_started(refer: Refer, tmp_path: Path) -> None:
    child = tmp_path / "child"
    words = refer(f"sleep 60 & echo $! >>{child}; wait").read_text().strip().removeprefix("exec:")
    for seconds in (1, 4, 16):  # longer, while the machine was too busy to start its child in time
        commands = TokenCommands(ManualClock(datetime(2026, 1, 31, tzinfo=UTC)).monotonic, seconds)
        for _ in range(2):
            with pytest.raises(CommandFault, match=f"secret-manager took longer than {seconds} s"):
                await asyncio.to_thread(commands.printed_by, words)
        if child.exists() and child.read_text().endswith("\n"):
            break
    (pid,) = map(int, child.read_text().split())  # a moment later it is not tried again
    deadline = time.monotonic() + PATIENCE
    while not _is_gone(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - it is no child of this process
        await asyncio.sleep(0.02)
    assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo a-secret; exit 3", "ended with status 3"),
        ("true", "printed no token"),
        ("echo one; echo two", "printed no token"),
        ("echo exec:/bin/true", "printed no token"),
        ("yes a-secret", "printed more than a credential"),
        ("kill -9 $$", "ended with status -9"),
    ],
)
def test_what_gives_no_credential_says_why_and_not_what_it_printed(refer: Refer, script: str, says: str) -> None:
    with pytest.raises(TokenFault, match=says) as caught:
        read_token(refer(script))
    assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_program_that_others_can_write_is_not_run(refer: Refer, tmp_path: Path, mode: int) -> None:
    path = refer(f"touch {tmp_path}/ran; echo token", mode=mode)
    with pytest.raises(TokenFault, match="secret-manager can be written by others"):
        read_token(path)
    assert not (tmp_path / "ran").exists()


def test_nor_is_one_in_a_folder_that_others_can_write(refer: Refer, tmp_path: Path) -> None:
    path = refer(f"touch {tmp_path}/ran; echo token")
    tmp_path.chmod(0o777)
    with pytest.raises(TokenFault, match="can be written by others"):
        read_token(path)
    link = tmp_path / "link"
    link.symlink_to("/bin/true")
    path.write_text(f"exec:{link}\n")
    with pytest.raises(TokenFault, match="can be written by others"):
        read_token(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_nor_is_one_of_another_users(refer: Refer, tmp_path: Path) -> None:
    path = refer("echo token")
    os.chown(tmp_path / "secret-manager", 65_534, -1)
    with pytest.raises(TokenFault, match="belongs to another user"):
        read_token(path)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("exec:secret-manager get", "without its whole path"),
        ("exec:", "without its whole path"),
        ("exec:/no/such/program", "there is no program program"),
        ("exec:/etc/passwd", "no program that may be run"),
        ("exec:/bin", "no program that may be run"),
        ("exec:/bin/echo 'token", "a quotation mark is not closed"),
    ],
)
def test_a_command_that_cannot_be_run_is_named(tmp_path: Path, reference: str, says: str) -> None:
    path = tmp_path / "fire-x.token"
    path.touch(mode=0o600)
    path.write_text(reference)
    with pytest.raises(TokenFault, match=says):
        read_token(path)
