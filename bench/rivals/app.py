"""A FastStream program with one durable on a JetStream stream, and nothing else: what the framework itself costs."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from faststream import FastStream
from faststream.nats import JStream, NatsBroker, PullSub


async def _main(url: str) -> None:
    broker = NatsBroker(url)
    app = FastStream(broker)

    @broker.subscriber("bench.app", stream=JStream("BENCH_APP"), durable="app", pull_sub=PullSub(batch_size=1))
    async def handle(_: str) -> None:
        """Do nothing."""

    @app.after_startup
    async def ready() -> None:
        print("ready", flush=True)

    await app.run()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(sys.argv[1]))
