"""What blocks has threads enough that one silent thing holds up no other."""

from __future__ import annotations

import asyncio
import threading

from services.kernel.runtime.run import running
from tests.support.mission import PATIENCE, Mission


async def test_many_silent_name_servers_keep_no_thread_from_others(mission: Mission) -> None:
    """asyncio has six on two cores: with the uplink cut the website's page waited for the names of platforms."""
    silent = threading.Event()
    async with running(["registry"], mission.city, mission.url):
        asked = [asyncio.ensure_future(asyncio.to_thread(silent.wait, PATIENCE)) for _ in range(40)]
        try:
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "written"), PATIENCE / 2) == "written"
        finally:
            silent.set()
            await asyncio.gather(*asked)
