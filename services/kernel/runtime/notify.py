"""Tells systemd that a service is ready, and that it still works: sd_notify(3), without a library."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

from services.kernel.base.errors import OneVoiceError

SHARE = 3
"""A beat is due at a third of the watchdog's time, so that two may be missed."""


class ServiceManager:
    """Speaks to the service manager that the environment names; says nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        given, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        mine = pid in ("", str(os.getpid()))
        self.watchdog_seconds = int(given) / 1_000_000 if given.isdigit() and mine else 0.0

    def send(self, state: str) -> None:
        """Send a state, as in ``READY=1``; a manager that does not listen is no reason to stop."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as there:
            try:
                there.sendto(state.encode(), self._address)
            except OSError:
                return

    async def keep_alive(self, look: Callable[[], Awaitable[object]]) -> None:
        """Beat until cancelled, each time after ``look`` has read the ledger; returns at once without a watchdog."""
        while self._address and self.watchdog_seconds:
            try:
                async with asyncio.timeout(self.watchdog_seconds / SHARE):
                    await look()
                self.send("WATCHDOG=1")
            except (OneVoiceError, TimeoutError):
                pass  # no beat: if it stays so, the manager restarts the service
            await asyncio.sleep(self.watchdog_seconds / SHARE)
