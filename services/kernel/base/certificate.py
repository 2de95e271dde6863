"""Asks a broker for its certificate, as a client sees it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

SECONDS = 5.0
USUAL_PORT = 4222


async def certificate_end(server: str, context: ssl.SSLContext) -> datetime:
    """Return until when a server's certificate is good (UTC); it must be one that ``context`` accepts.

    Raises:
        OSError, TimeoutError: it does not answer within five seconds, or shows none that is accepted.
    """
    place = urlsplit(server if "//" in server else f"tls://{server}")
    host = place.hostname or ""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(host, place.port or USUAL_PORT)
        try:
            await reader.readline()  # nats-server says INFO in plain text first
            await writer.start_tls(context, server_hostname=host)
            shown = writer.get_extra_info("peercert")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
