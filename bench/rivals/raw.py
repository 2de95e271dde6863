"""The raw side of gate and intake: plain nats-py on the same server, with a stream of its own. Stores, decides nothing.

``loop``: consume a request, publish a verdict and wait for its ack, ack the request. ``reply``: store a request and
answer when it is on disk. Both run until a signal ends them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

IN, OUT = "BENCH_IN", "BENCH_OUT"
BATCH = 256


async def make_streams(js: JetStreamContext) -> None:
    """Make both streams and the durable; harmless when they are there."""
    await js.add_stream(api.StreamConfig(name=IN, subjects=["bench.in.*"]))
    await js.add_stream(api.StreamConfig(name=OUT, subjects=["bench.out.*"]))
    await js.add_consumer(
        IN, api.ConsumerConfig(durable_name="raw", ack_policy=api.AckPolicy.EXPLICIT, max_ack_pending=BATCH)
    )


async def _loop(js: JetStreamContext) -> None:
    puller = await js.pull_subscribe_bind(durable="raw", stream=IN)
    while True:
        try:
            messages = await puller.fetch(BATCH, timeout=1.0)
        except TimeoutError:
            continue
        await asyncio.gather(*(_decide(js, message) for message in messages))


async def _decide(js: JetStreamContext, message: Msg) -> None:
    request = json.loads(message.data)
    verdict = {"type": "verdict", "request_id": request["request_id"], "outcome": "blocked", "findings": ["none"]}
    await js.publish(f"bench.out.{request['request_id']}", json.dumps(verdict).encode())
    await message.ack()


async def _reply(client: Client, js: JetStreamContext) -> None:
    async def store(message: Msg) -> None:
        event = json.loads(message.data)
        ack = await js.publish(f"bench.out.{event['id']}", message.data)
        await message.respond(json.dumps({"accepted": True, "seq": ack.seq}).encode())

    tasks: set[asyncio.Task[None]] = set()

    async def begin(message: Msg) -> None:
        task = asyncio.create_task(store(message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    await client.subscribe("bench.submit", cb=begin)
    await asyncio.Event().wait()


async def _main(url: str, mode: str) -> None:
    client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    js = client.jetstream(timeout=30.0)
    await make_streams(js)
    print("ready", flush=True)
    await (_loop(js) if mode == "loop" else _reply(client, js))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(sys.argv[1], sys.argv[2]))
