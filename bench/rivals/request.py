"""One question to a NATS server and its answer, as a program: what any command that asks something has to do."""

from __future__ import annotations

import asyncio
import json
import sys

import nats


async def _main(url: str) -> None:
    client = await nats.connect(url)
    reply = await client.request("bench.submit", json.dumps({"id": "one"}).encode(), timeout=5)
    print(json.loads(reply.data))
    await client.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
