"""Two network namespaces with a wire between them, made for one test and removed after it."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HERE, PEER = "192.0.2.1", "192.0.2.2"
"""Addresses for documentation (RFC 5737): they exist inside the namespaces alone."""


class NotAllowed(Exception):
    """This process may not make network namespaces."""


@dataclass(frozen=True)
class Wire:
    """The names of both namespaces; in ``here`` is HERE, in ``peer`` is PEER."""

    here: str
    peer: str

    def unplug(self) -> None:
        """Make the peer unreachable: its packets are neither taken nor refused, and its sockets live on."""
        ip("-n", self.peer, "address", "del", f"{PEER}/24", "dev", "wire")

    def plug_in(self) -> None:
        """Make the peer reachable again."""
        ip("-n", self.peer, "address", "add", f"{PEER}/24", "dev", "wire")


def ip(*words: str) -> None:
    """Run Debian's ip; raises NotAllowed."""
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NotAllowed("there is no ip command (Debian: iproute2)") from error
    except subprocess.CalledProcessError as error:
        raise NotAllowed(f"ip {' '.join(words)}: {error.stderr.strip()}") from error


@contextmanager
def wire() -> Iterator[Wire]:
    """Make two joined namespaces, and remove them after the block; raises NotAllowed."""
    mark = uuid.uuid4().hex[:8]
    names = Wire(f"ov-here-{mark}", f"ov-peer-{mark}")
    made: list[str] = []
    try:
        for name in (names.here, names.peer):
            ip("netns", "add", name)
            made.append(name)
        ip("-n", names.here, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", names.peer)
        for name, address in ((names.here, HERE), (names.peer, PEER)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
        _introduce(names.here, names.peer, PEER)
        _introduce(names.peer, names.here, HERE)
        yield names
    finally:
        for name in made:
            ip("netns", "del", name)


def _introduce(name: str, other: str, address: str) -> None:
    """Tell one side the other's hardware address for good, so that no packet waits in a queue for it."""
    said = subprocess.run(
        ["ip", "netns", "exec", other, "cat", "/sys/class/net/wire/address"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    ip("-n", name, "neighbour", "replace", address, "lladdr", said.stdout.strip(), "dev", "wire", "nud", "permanent")
