"""A peer that is unreachable while a call ends, and comes back within TCP's retransmission: nothing lands any more.

Real namespaces and real TCP, all cases in one outage. Without linger 0, TCP_USER_TIMEOUT and abort each of them landed
0.7 to 0.9 s after the peer had come back.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.connectors.namespaces import PEER, NotAllowed, Wire, wire
from tests.support.mission import PATIENCE

PORT = 8080
CALL_SECONDS = 2.0
"""Until the calls end. TCP sends again 0.2, 0.6, 1.4, 3.0 and 6.2 s after the first time."""
ENDED_SECONDS = 0.5
"""From the end of the last call until the peer is back: the kernel's own timer ends those of stopped programs."""

TIMED_OUT = ["small", "large", "media"]
CANCELLED = ["small-cancelled", "large-cancelled", "media-cancelled"]
STOPPED = ["small-stopped", "large-stopped"]
KILLED = ["small-killed", "large-killed"]
CASES = TIMED_OUT + CANCELLED + STOPPED + KILLED


@dataclass(frozen=True)
class Seen:
    """What landed and how many bytes came after the peer was back, as the server says; how and when each call ended."""

    landed: list[str]
    late: dict[str, int]
    outcomes: dict[str, tuple[str, float]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """One outage, played once for all cases."""
    try:
        with wire() as cable:
            return asyncio.run(play(cable))
    except NotAllowed as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")


async def play(cable: Wire) -> Seen:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(program(cable.peer, "server", PEER, str(PORT)))
        url = f"http://{PEER}:{PORT}"
        clients = [program(cable.here, "client", case, url, str(CALL_SECONDS)) for case in CASES]
        opened = await asyncio.gather(*(stack.enter_async_context(client) for client in clients))
        return await outage(cable, server, dict(zip(CASES, opened, strict=True)))


async def outage(cable: Wire, server: Process, clients: dict[str, Process]) -> Seen:
    await asyncio.to_thread(cable.unplug)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for client in clients.values():
        assert client.stdin is not None
        client.stdin.write(b"go\n")
    assert {await said(client) for client in clients.values()} == {"sent"}
    sent = loop.time()
    for case in STOPPED:
        clients[case].send_signal(signal.SIGSTOP)
    for case in KILLED:
        clients[case].kill()
    ended = {case: await said(clients[case]) for case in TIMED_OUT + CANCELLED}
    await asyncio.sleep(sent + CALL_SECONDS + ENDED_SECONDS - loop.time())
    back = loop.time()
    await asyncio.to_thread(cable.plug_in)
    # Whoever would still send, would send again before so long has passed as it was unreachable.
    await asyncio.sleep(loop.time() - began + 1.0)
    server.terminate()
    lines = [json.loads(line) for line in (await rest(server)).splitlines()]
    late = Counter({line["case"]: 0 for line in lines})
    for line in lines:
        late[line["case"]] += line.get("bytes", 0) if line["at"] >= back else 0
    return Seen(
        landed=[line["landed"] for line in lines if "landed" in line],
        late=dict(late),
        outcomes={case: (value["outcome"], value["seconds"]) for case, value in ended.items()},
    )


@asynccontextmanager
async def program(namespace: str, *words: str) -> AsyncIterator[Process]:
    """Run outage_program in a namespace until the block ends."""
    process = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", namespace, sys.executable, "-m", "tests.integration.connectors.outage_program", *words,
        stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        assert await said(process) == "ready"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def said(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))


async def rest(process: Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.read()


def test_each_connection_was_open_before_the_outage(seen: Seen) -> None:
    """A connection that has yet to be made is no case of this: its request never leaves."""
    assert sorted(CASES) == sorted(seen.late)


@pytest.mark.parametrize("case", CASES)
def test_nothing_lands_after_the_call_ended(seen: Seen, case: str) -> None:
    assert f"/{case}" not in seen.landed


@pytest.mark.parametrize("case", CASES)
def test_not_a_byte_is_sent_after_the_call_ended(seen: Seen, case: str) -> None:
    assert seen.late[case] == 0


@pytest.mark.parametrize("case", TIMED_OUT)
def test_a_call_into_the_outage_ends_in_time_and_is_unknown(seen: Seen, case: str) -> None:
    outcome, seconds = seen.outcomes[case]
    assert outcome == "NoAnswer"
    assert seconds < CALL_SECONDS + 0.4
