"""Until when certificates are good: those that servers show to a client, and an authority's in its file."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 5.0
USUAL_PORT = 4222


async def certificate_end(server: str, context: ssl.SSLContext) -> datetime:
    """Return until when the certificate of a broker's server is good (UTC); it must be one that ``context`` accepts.

    Raises:
        OSError, TimeoutError: it does not answer within five seconds, or shows none that is accepted.
    """
    place = urlsplit(server if "//" in server else f"tls://{server}")
    return await _end(place.hostname or "", place.port or USUAL_PORT, context, speaks_first=True)


async def page_certificate_end(origin: str, context: ssl.SSLContext) -> datetime:
    """Return until when the certificate of an https address is good (UTC); raises as ``certificate_end`` does."""
    place = urlsplit(origin)
    return await _end(place.hostname or "", place.port or 443, context, speaks_first=False)


def authority_end(path: Path) -> datetime:
    """Return until when the earliest certificate of a PEM file is good (UTC); raises OSError, ValueError."""
    from cryptography.x509 import load_pem_x509_certificates

    return min(one.not_valid_after_utc for one in load_pem_x509_certificates(path.read_bytes()))


async def _end(host: str, port: int, context: ssl.SSLContext, *, speaks_first: bool) -> datetime:
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            if speaks_first:
                await reader.readline()  # nats-server says INFO in plain text first
            await writer.start_tls(context, server_hostname=host)
            shown = writer.get_extra_info("peercert")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
