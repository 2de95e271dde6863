"""Verifies the record each hour, once a day all of it again, while ``onevoice up`` runs.

It is a process of its own: nothing waits for it.

A city of services of their own has a systemd timer for the same command.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence

from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.errors import Exit
from services.kernel.base.tasks import cancel_all

FIRST_SECONDS = 300.0
EVERY_SECONDS = 3_600.0


@contextlib.asynccontextmanager
async def verifying(cities: Sequence[City]) -> AsyncIterator[None]:
    """Verify each realm's record again and again while the block runs."""
    task = asyncio.create_task(_again_and_again(cities))
    try:
        yield
    finally:
        await cancel_all(task)


async def _again_and_again(cities: Sequence[City]) -> None:
    pause = FIRST_SECONDS
    while True:
        await asyncio.sleep(pause)
        for city in cities:
            await verify_once(city)
        pause = EVERY_SECONDS


async def verify_once(city: City) -> int:
    """Run ``onevoice audit verify --witness``, and log what it came to; return its exit status."""
    log = logs.logger(realm=city.realm)
    where = ("--city", str(city.folder), "--realm", city.realm)
    command = (sys.executable, "-m", "services.desk", "audit", "verify", "--witness", "--resume", "--json", *where)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    status = process.returncode if process.returncode is not None else -1
    if status == Exit.DONE:
        log.info("the whole record verifies")
    elif status == Exit.UNPROVEN:
        log.error("THE RECORD DOES NOT VERIFY", first=_first(said), hint="onevoice audit verify")
    else:
        log.error("the record was not verified, or a witness got no checkpoint", status=status, said=_first(said))
    return status


def _first(said: bytes) -> str:
    """Return the first violation, trouble or error of what the command answered."""
    try:
        answer = json.loads(said)
        listed = [one["message"] for one in answer.get("violations", ())]
        listed += answer.get("witnesses", {}).get("troubles", [])
        return str(listed[0] if listed else answer.get("error", ""))
    except (ValueError, KeyError, AttributeError, TypeError):
        return ""
