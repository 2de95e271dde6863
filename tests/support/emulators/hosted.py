"""Emulators in a thread of their own, for tests that give commands and wait for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.emulators.base import Place


@contextmanager
def hosted(*places: Place) -> Iterator[None]:
    """Have places answer while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="emulators", daemon=True)
    thread.start()

    def run(step: str) -> None:
        for place in places:
            asyncio.run_coroutine_threadsafe(getattr(place, step)(), loop).result(30)

    run("start")
    try:
        yield
    finally:
        run("stop")
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
