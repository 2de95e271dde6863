"""Keeps the embedded broker going: it is started again when it ends by itself, and when a disk that was full has room.

After a write to disk that failed nats-server (2.15) stores nothing more in that stream until it is started again, also
when the disk has room by then. It goes on answering whoever reads, so that only who appends notices.
"""

from __future__ import annotations

import asyncio
import re

from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError
from services.provision.broker.embedded import EmbeddedBroker
from services.provision.broker.preflight import prepare_store

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 5.0
"""How long after a start the next one: it is tried until it works."""

REST_SECONDS = 300.0
"""How long after a start no failed write asks for the next one: what goes on failing must not take the rest along."""

_STORES_NOTHING = re.compile(
    r"\[\d+\] \S+ \S+ \[ERR\] (Filestore \[\w+\] Critical write error|JetStream failed to store a msg on stream ')"
)
"""What nats-server writes then. Other lines hold what a client calls itself, before anybody knows who it is."""


async def keep_running(
    city: City,
    broker: EmbeddedBroker,
    port: int | None = None,
    *,
    look: float = LOOK_SECONDS,
    again: float = AGAIN_SECONDS,
) -> None:
    """Look after a broker that runs, for ever; ``port``: as it was started."""
    log, heeds_writes_from = logs.logger(), 0.0
    while True:
        why = await _until_it_fails(city, broker, look, heeds_writes_from)
        log.error("the broker is started again", why=why)
        await _start_again(city, broker, port, again)
        log.warning("the broker runs again")
        heeds_writes_from = monotonic() + REST_SECONDS
        await asyncio.sleep(again)


async def _until_it_fails(city: City, broker: EmbeddedBroker, look: float, heeds_writes_from: float) -> str:
    """Wait until the broker has ended, or stores nothing although its disk has room; return what is so."""
    read, stuck = broker.log_size(), ""
    while True:
        words = await broker.ended()
        if words is not None:
            return f"it ended by itself: {words}"
        size = broker.log_size()
        stuck = failed_write(broker.said(read)) or stuck
        read = size
        if stuck and monotonic() >= heeds_writes_from and _has_room(city):
            return f"it stores nothing: {stuck}"
        await asyncio.sleep(look)


def failed_write(said: list[str]) -> str:
    """Return the line of the broker's log that tells of a write to disk that failed; empty without one."""
    return next((line for line in said if _STORES_NOTHING.match(line)), "")


def _has_room(city: City) -> bool:
    try:
        prepare_store(city)
    except OneVoiceError:
        return False
    return True


async def _start_again(city: City, broker: EmbeddedBroker, port: int | None, again: float) -> None:
    while True:
        try:
            await broker.stop()
            await broker.start(city, port)
        except OneVoiceError as error:
            logs.logger().error("the broker does not start", code=error.code, why=error.message, hint=error.hint)
        except OSError as error:  # no process can be made, as without memory
            logs.logger().error("the broker does not start", why=str(error))
        else:
            return
        await asyncio.sleep(again)
