"""The bare loop: aiohttp posts to all accounts at once and waits for all answers; nothing is kept or checked."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence

import aiohttp

Account = tuple[str, str]
"""A server's URL and a token."""


class BareLoop:
    """Posts a message to all accounts; connections are kept from one message to the next."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts = accounts
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=60)
        )

    async def post(self) -> float:
        """Post one message to all accounts; return the seconds to the last answer."""
        text = uuid.uuid4().hex
        began = time.perf_counter()
        await asyncio.gather(*(self._one(account, text) for account in self._accounts))
        return time.perf_counter() - began

    async def _one(self, account: Account, text: str) -> None:
        url, token = account
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": text}
        body = {"status": text, "visibility": "public", "language": "en"}
        async with self._session.post(f"{url}/api/v1/statuses", json=body, headers=headers) as answer:
            answer.raise_for_status()
            await answer.json()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
