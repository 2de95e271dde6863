"""Ports for the servers of the tests, which no other test is given and no connection takes before the server listens.

A port that was found by binding to 0 and letting go belongs, a moment later, to whoever is quicker: the kernel gives
the same numbers to outgoing connections, and other test processes ask at the same time. So each process takes a block
of ports below the kernel's own range, locked for as long as it lives, and gives them out one after another.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.kernel.base.files import ExclusiveLock

BLOCK = 200
STEP = 5
"""A city that is up listens on the ports behind its broker's too: townsquare, website, and each realm's pages."""
FIRST = 10_000
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

_held: list[ExclusiveLock] = []
_ports: Iterator[int] | None = None


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given."""
    global _ports
    if _ports is None:
        _ports = _around(_a_block())
    return next(port for port in _ports if all(_is_free(one) for one in range(port, port + STEP)))


def _a_block() -> int:
    """Lock a block for this process; the kernel lets go of it when the process ends, however that happens."""
    folder = Path(tempfile.gettempdir()) / f"onevoice-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    blocks = list(range(FIRST, _ephemeral() - BLOCK, BLOCK))
    begin = secrets.randbelow(len(blocks))
    for block in blocks[begin:] + blocks[:begin]:
        lock = ExclusiveLock(folder / str(block))
        if lock.take():
            _held.append(lock)
            return block
        lock.close()
    raise RuntimeError(f"all blocks of ports from {FIRST} on are taken; see {folder}")


def _ephemeral() -> int:
    """The first port of the kernel's own choice; where it begins too low, there is no better place than the usual."""
    try:
        first = int(RANGE.read_text().split()[0])
    except (OSError, ValueError):
        first = 32_768
    return first if first >= FIRST + 10 * BLOCK else 32_768


def _around(block: int) -> Iterator[int]:
    while True:
        yield from range(block, block + BLOCK, STEP)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
