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


_PACKED = ("gzip", "deflate")
_MOST_PACKETS = 100
"""Of a body: behind each one the rest is copied, which takes seconds for half a million of two bytes."""
_OTHERWISE = ("br", "zstd", "compress", "dcb", "dcz")


def unpacked(raw: bytes, encoding: str) -> bytes:
    """Return what a body of a Content-Encoding holds; nothing of what is damaged, too long, or packed otherwise.

    What is no packing (``identity``, a charset that somebody wrote there) leaves the body as it is (RFC 9110, 8.4.1).
    """
    names = [name.strip().removeprefix("x-") for name in encoding.lower().split(",")]
    if any(name in _OTHERWISE for name in names):
        return b""
    if not any(name in _PACKED for name in names):
        return raw
    found = _inflated(raw, zlib.MAX_WBITS | 32)
    if found is None and "deflate" in names:
        found = _inflated(raw, -zlib.MAX_WBITS)  # without zlib's head, as old servers pack
    return found or b""


def _inflated(raw: bytes, kind: int) -> bytes | None:
    """Return what is packed, of several packets all (RFC 1952, 2.2); None for what is not whole, or too long."""
    found = bytearray()
    for _ in range(_MOST_PACKETS):
        if not raw:
            return bytes(found)
        unpacking = zlib.decompressobj(wbits=kind)
        try:
            found += unpacking.decompress(raw, _BODY_BYTES + 1 - len(found))
        except zlib.error:
            return bytes(found) or None  # zeros or the end of a line after a whole packet, which gzip takes, too
        if not unpacking.eof or len(found) > _BODY_BYTES:
            return None
        raw = unpacking.unused_data
    return None
