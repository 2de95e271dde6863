"""Apprise's async notify, by its Mastodon plugin, to the same accounts."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence

import apprise

from bench.rivals.loop import Account


class AppriseNotify:
    """Notifies all accounts with one message."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        logging.getLogger("apprise").setLevel(logging.ERROR)
        self._apprise = apprise.Apprise()
        for url, token in accounts:
            if not self._apprise.add(f"mastodon://{token}@{url.removeprefix('http://')}/?visibility=public"):
                raise RuntimeError(f"Apprise does not take {url}")

    async def post(self) -> float:
        """Notify all; return the seconds to the end."""
        began = time.perf_counter()
        if not await self._apprise.async_notify(body=uuid.uuid4().hex):
            raise RuntimeError("Apprise could not notify all accounts")
        return time.perf_counter() - began
