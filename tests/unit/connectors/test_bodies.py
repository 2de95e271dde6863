"""What a body holds, by its Content-Encoding (RFC 9110)."""

from __future__ import annotations

import gzip
import time
import zlib

import pytest

from services.fanout.connectors.calls.bodies import unpacked

MADE = b'{"id":"1"}'


@pytest.mark.parametrize("encoding", ["", "identity", "Identity", " identity ", "UTF-8", "none"])
def test_what_is_not_packed_is_taken_as_it_is(encoding: str) -> None:
    """Some servers say that they packed nothing; their answer is no less an answer."""
    assert unpacked(MADE, encoding) == MADE


@pytest.mark.parametrize(
    ("raw", "encoding", "body"),
    [
        (gzip.compress(MADE), "gzip", MADE),
        (gzip.compress(MADE), "X-GZIP", MADE),
        (gzip.compress(MADE[:4]) + gzip.compress(MADE[4:]), "gzip", MADE),
        (gzip.compress(MADE) + bytes(8), "gzip", MADE),
        (zlib.compress(MADE)[2:-4], "deflate", MADE),
        (zlib.compress(MADE)[2:-9], "deflate", b""),
        (gzip.compress(b"", 0) * 50_000, "gzip", b""),
        (gzip.compress(b" " * 600_000) * 2, "gzip", b""),
        (zlib.compress(MADE), "deflate", MADE),
        (gzip.compress(MADE)[:-9], "gzip", b""),
        (MADE, "gzip", b""),
        (MADE, "br", b""),
    ],
    ids=[
        "gzip",
        "x-gzip",
        "two packets",
        "zeros at the end",
        "deflate without a head",
        "that is cut off",
        "of too many packets",
        "too long together",
        "deflate",
        "cut off",
        "not packed",
        "packed otherwise",
    ],
)
def test_what_is_packed_is_unpacked_or_nothing(raw: bytes, encoding: str, body: bytes) -> None:
    assert unpacked(raw, encoding) == body


def test_a_body_of_very_many_packets_keeps_nobody_waiting() -> None:
    """Every post of the city would wait while it is unpacked, which took seconds of a body of a megabyte."""
    began = time.process_time()
    assert unpacked(b"\x03\x00" * 500_000, "deflate") == b""
    assert time.process_time() - began < 1.0
