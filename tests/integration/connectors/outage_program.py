"""Two small programs for namespaces of their own: a server that says what landed, and a client that calls it.

``server HOST PORT`` answers every request, and prints a line of JSON for all that arrives and for each whole request.
``client CASE BASE SECONDS`` opens a keep-alive connection, prints ``ready``, waits for a line, makes the call of the
case, prints ``sent`` once part of it is on its way and then its outcome, and lives on until its input ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import sys
import termios
import time
from contextlib import suppress
from typing import Any

import aiohttp

from services.fanout.connectors.calls.http import Endpoint, Http, Outcome
from tests.support.stopwatch import Stopwatch

LARGE = "x" * 2_000_000


def say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def serve(host: str, port: int) -> None:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting = bytearray()
        name = ""
        with suppress(OSError):
            while data := await reader.read(65_536):
                waiting += data
                name = name or path_of(waiting).removeprefix("/before-")
                say({"case": name, "bytes": len(data), "at": time.monotonic()})
                while size := whole(waiting):
                    say({"case": name, "landed": path_of(waiting), "at": time.monotonic()})
                    del waiting[:size]
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(connection, host, port)
    say("ready")
    async with server:
        await server.serve_forever()


def path_of(raw: bytes | bytearray) -> str:
    return raw.split(b" ")[1].decode()


def whole(raw: bytes | bytearray) -> int:
    """Return the size of the request that ``raw`` begins with, 0 while some of it is missing."""
    head, end, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    size = int(length[1]) if length else 0
    return len(head) + len(end) + size if end and len(body) >= size else 0


def body_of(case: str) -> dict[str, Any]:
    """Return a short status, a large body in one piece, or a picture as uploads send it."""
    if case.startswith("media"):
        form = aiohttp.FormData()
        form.add_field("file", LARGE.encode(), filename="picture.jpg", content_type="image/jpeg")
        return {"data": form}
    return {"value": {"status": LARGE if case.startswith("large") else case}}


def on_its_way() -> bool:
    """True while the kernel has bytes of any connection that are not acknowledged."""
    waiting = []
    for line in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            waiting.append(fcntl.ioctl(int(line), termios.TIOCOUTQ, bytes(4)) != bytes(4))
    return any(waiting)


async def say_when_sent() -> None:
    while not on_its_way():  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(0.01)
    say("sent")


async def call(case: str, base: str, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    http = Http(8)

    async def once(path: str, until: float, **more: Any) -> Outcome:
        return await http.call(Endpoint(base, "token", loop.time() + until), "POST", path, **more)

    await once(f"/before-{case}", 10.0)
    say("ready")
    await lines.readline()
    # What the Caller does when a control change takes the work back: the call's own end is far away.
    cancelled = "cancelled" in case
    saying = asyncio.create_task(say_when_sent())
    async with Stopwatch() as watch:
        try:
            async with asyncio.timeout(seconds if cancelled else None):
                outcome = await once(f"/{case}", 60.0 if cancelled else seconds, **body_of(case))
        except TimeoutError:
            outcome = None
    saying.cancel()
    say({"outcome": type(outcome).__name__, "seconds": watch.seconds})
    await lines.read()


if __name__ == "__main__":
    if sys.argv[1] == "server":
        asyncio.run(serve(sys.argv[2], int(sys.argv[3])))
    else:
        asyncio.run(call(sys.argv[2], sys.argv[3], float(sys.argv[4])))
