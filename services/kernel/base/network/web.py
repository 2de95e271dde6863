"""Small HTTP servers inside a process: start one on a port, know its URL, stop it cleanly."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from aiohttp import web

from services.kernel.base.errors import BadInput
from services.kernel.base.settings.addresses import in_url


@dataclass(frozen=True)
class Running:
    """A server that answers at ``url`` (no slash at the end) until ``stop``."""

    url: str
    runner: web.AppRunner

    async def stop(self) -> None:
        """Stop listening, let what is in hand finish for a few seconds, and let go of the port."""
        await self.runner.cleanup()


async def serve(app: web.Application, host: str, port: int, what: str) -> Running:
    """Serve an application; port 0 takes a free one. ``what`` names it in an error.

    Raises:
        BadInput: ``port.in_use``, or ``port.refused`` when the machine does not give that address.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                "port.in_use",
                f"{what} cannot listen on {in_url(host)}:{port}: something does already",
                "stop that program, or set another port in city.toml: each of its sections needs its own",
            ) from error
        raise BadInput(
            "port.refused",
            f"{what} cannot listen on {in_url(host)}:{port}: {error.strerror}",
            "set another address in city.toml",
        ) from error
    bound = runner.addresses[0][1]
    return Running(f"http://{in_url(host)}:{bound}", runner)
