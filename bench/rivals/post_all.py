"""The bare loop as a program: posts one message to many accounts and prints the times of the first and last answer.

Its argument has the accounts as JSON: ``[[url, token], ...]``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp


async def _main(accounts: list[tuple[str, str]]) -> None:
    times: list[float] = []

    async def one(session: aiohttp.ClientSession, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post(f"{url}/api/v1/statuses", json={"status": "bench"}, headers=headers) as answer:
            await answer.json()
            times.append(time.time())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(one(session, url, token) for url, token in accounts))
    print(json.dumps({"first": min(times), "last": max(times)}))


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
