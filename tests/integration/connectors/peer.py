"""A server on 127.0.0.1 that answers or hangs by a request's path, and says how each connection ended."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.mission import PATIENCE

ANSWER = json.dumps({"id": "1", "username": "water", "url": "http://peer/@water/1"}).encode()


@dataclass
class Peer:
    """``hangs``: paths whose requests are read no further than their head until ``read_on`` is set.

    ``early``: paths that are answered before their body is read. ``twice``: that are answered two times.
    ``requests`` are the paths of whole requests.
    ``ends`` says of each connection how it ended, and the path of the request that it was in, or "" between two.
    """

    hangs: set[str] = field(default_factory=set)
    early: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    read_on: asyncio.Event = field(default_factory=asyncio.Event)
    met: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[str] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    base: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        path = ""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ")[1]
                await self._one(path, head, reader, writer)
                path = ""
        except asyncio.IncompleteReadError:
            self.ends.append((path, "closed"))
        except OSError:
            self.ends.append((path, "reset"))
        finally:
            writer.close()

    async def _one(self, path: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path in self.early:
            await self._answer(writer, "413 Too Large")
        if path in self.hangs | self.early:
            self.met.set()
            await self.read_on.wait()
        await reader.readexactly(int(head.lower().partition("content-length:")[2].split("\r\n")[0] or 0))
        self.requests.append(path)
        if path not in self.early:
            await self._answer(writer, "200 OK")
        if path in self.twice:
            await self.read_on.wait()
            await self._answer(writer, "201 Created")
            self.met.set()

    async def _answer(self, writer: asyncio.StreamWriter, status: str) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
        writer.write(head.encode() + ANSWER)
        await writer.drain()

    async def ended(self) -> list[tuple[str, str]]:
        """Let it read on; return how its connections ended, once all have."""
        self.read_on.set()
        async with asyncio.timeout(PATIENCE):
            while len(self.ends) < self.connections:  # noqa: ASYNC110 - a test's own look at what it waits for
                await asyncio.sleep(0.01)
        return self.ends


@asynccontextmanager
async def peer(context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Run a peer while the block runs."""
    made = Peer()
    listening = socket.create_server(("127.0.0.1", 0))
    # Small, so that of a large body most is still here when the call ends.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    server = await asyncio.start_server(made.serve, sock=listening, ssl=context)
    port = server.sockets[0].getsockname()[1]
    made.base = f"{'https' if context else 'http'}://127.0.0.1:{port}"
    try:
        yield made
    finally:
        server.close()
