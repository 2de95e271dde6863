"""Reads the body of an answer: no more than a bound, whether it comes packed or not."""

from __future__ import annotations

import zlib

import aiohttp

_BODY_BYTES = 1024 * 1024
"""More is not read: a page of 40 statuses takes some hundred kilobytes, and many calls are under way at a time."""


async def body_of(response: aiohttp.ClientResponse) -> bytes:
    """Read the body; of what is too long nothing. Raises ClientPayloadError when it is cut off."""
    if (response.content_length or 0) > _BODY_BYTES:
        return b""
    raw = bytearray()
    while not response.content.at_eof():
        raw += await response.content.readany()
        if len(raw) > _BODY_BYTES:
            return b""
    return unpacked(bytes(raw), response.headers.get("Content-Encoding", ""))


def unpacked(raw: bytes, encoding: str) -> bytes:
    """Return what a body of a Content-Encoding holds; nothing of what is damaged, too long, or packed otherwise."""
    if encoding.strip().lower() in ("", "identity"):  # some servers name that it is not packed (RFC 9110, 8.4.1)
        return raw
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        found = unpacking.decompress(raw, _BODY_BYTES)
    except zlib.error:
        return b""
    return found if unpacking.eof else b""
