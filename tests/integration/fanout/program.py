"""A fanout process that hangs, stops or dies at given points: ``python -m tests.integration.fanout.program``.

``--trip POINT=ACTION@PROFILE``, any number of them. Points: ``before-attempt`` (nothing is in the ledger),
``after-attempt`` (it is in the ledger, nothing is sent), ``in-call`` (the platform was asked and has not posted yet),
``after-call`` (it has posted), ``after-receipt`` (in the ledger, the verdict not acked). Actions: ``hang`` (for ever),
``kill`` (SIGKILL) and ``stop`` (SIGSTOP) by its own hand. Each trips once; a file POINT.tripped says so.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from schemas import flow
from schemas.events.base import Contract
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.connectors.contract import FetchMedia, Intent, PublishResult
from services.fanout.wiring import compose
from services.kernel.base import crashpoints, logs
from services.kernel.base.city import load_city
from services.kernel.ledger.client import Appended, Ledger
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.run import until_asked_to_stop
from services.kernel.runtime.service import Runtime
from tests.support.emulators.folder import FolderPlatform

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Wire:
    """Trips once for each point and profile."""

    def __init__(self, folder: Path, trips: list[str]) -> None:
        self._folder = folder
        self._set = {}
        for trip in trips:
            point, _, rest = trip.partition("=")
            action, _, profile = rest.partition("@")
            self._set[point, profile] = action

    async def touch(self, point: str, profile: str) -> None:
        """Hang, stop or end this process if the wire is set here."""
        action = self._set.pop((point, profile), None)
        if action is None:
            return
        (self._folder / f"{point}.tripped").write_text(str(os.getpid()))
        if action == "hang":
            await asyncio.Event().wait()
        os.kill(os.getpid(), SIGNALS[action])


class TrippingLedger(Ledger):
    """The ledger, with the wire before each attempt and behind each append."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire = wire

    async def append(self, subject: str, event: Contract, **options: Any) -> Appended:
        _, kind, profile, _ = subject.split(".")
        if kind == "attempt":
            await self.wire.touch("before-attempt", profile)
        done = await super().append(subject, event, **options)
        await self.wire.touch(f"after-{kind}", profile)
        return done


class TrippingPlatform(FolderPlatform):
    """The platform in a folder, with the wire before and after a post."""

    wire: Wire

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        await self.wire.touch("in-call", intent.profile.id)
        result = await super().publish(intent, fetch_media)
        await self.wire.touch("after-call", intent.profile.id)
        return result


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--city", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--platforms", type=Path, required=True)
    parser.add_argument("--lease", type=float, required=True)
    parser.add_argument("--trip", action="append", default=[])
    chosen = parser.parse_args()
    logs.configure("lines", "info")
    crashpoints.arm_from_environment()
    wire = Wire(chosen.platforms, chosen.trip)
    platforms = {name: TrippingPlatform(chosen.platforms, name) for name in ("mastodon", "website")}
    for platform in platforms.values():
        platform.wire = wire
    ledger = TrippingLedger(wire)
    runtime, app = on_nats(
        flow.service("fanout"),
        load_city(chosen.city),
        lambda it: _compose(it, platforms, chosen.lease),
        url=chosen.url,
        ledger=ledger,
    )
    await app.start()
    (chosen.platforms / f"{os.getpid()}.ready").touch()
    try:
        await until_asked_to_stop([runtime])
    finally:
        await app.stop()


def _compose(runtime: Runtime, platforms: Any, lease: float) -> None:
    runtime.lease_seconds = lease
    compose(runtime, {MIRROR: platforms[WEBSITE], **platforms}, lease=lease, ask_seconds=2.0)


if __name__ == "__main__":
    asyncio.run(main())
