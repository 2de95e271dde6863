"""Run the townsquare as a program: ``python -m services.townsquare --city DIR [--port N]``, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from services.kernel.base import logs
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.network.reach import refuse_plain
from services.kernel.base.parts import missing_part


async def _run(city: City, port: int | None) -> None:
    try:
        from services.kernel.runtime.run import until_asked_to_stop
        from services.townsquare.server import start
    except ModuleNotFoundError as error:
        missing = missing_part(error)
        if missing is None:
            raise
        raise missing from error
    running = await start(city, port)
    logs.logger().info("the townsquare is open", url=running.url)
    try:
        await until_asked_to_stop([])
    finally:
        await running.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run it; return the exit status. Errors are one clear line on stderr."""
    parser = argparse.ArgumentParser(
        prog="services.townsquare", description="the platform for demonstrations and drills"
    )
    parser.add_argument("--city", default=os.environ.get("ONEVOICE_CITY", "."), help="the city folder")
    parser.add_argument("--port", type=int, help="the port, if not as in city.toml")
    chosen = parser.parse_args(arguments)
    try:
        city = load_city(Path(chosen.city))
        refuse_plain(city.settings)
        logs.configure(city.settings.log.format, city.settings.log.level, zone=city.zone)
        asyncio.run(_run(city, chosen.port))
    except OneVoiceError as error:
        sys.stderr.write(f"{error.message}\n  {error.hint}\n  ({error.code})\n")
        return int(error.exit_status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
