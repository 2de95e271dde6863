"""What a body holds, by its Content-Encoding (RFC 9110)."""

from __future__ import annotations

import gzip
import zlib

import pytest

from services.fanout.connectors.calls.bodies import unpacked

MADE = b'{"id":"1"}'


@pytest.mark.parametrize("encoding", ["", "identity", "Identity", " identity "])
def test_what_is_not_packed_is_taken_as_it_is(encoding: str) -> None:
    """Some servers say that they packed nothing; their answer is no less an answer."""
    assert unpacked(MADE, encoding) == MADE


@pytest.mark.parametrize(
    ("raw", "encoding", "body"),
    [
        (gzip.compress(MADE), "gzip", MADE),
        (zlib.compress(MADE), "deflate", MADE),
        (gzip.compress(MADE)[:-9], "gzip", b""),
        (MADE, "gzip", b""),
        (MADE, "br", b""),
    ],
    ids=["gzip", "deflate", "cut off", "not packed", "packed otherwise"],
)
def test_what_is_packed_is_unpacked_or_nothing(raw: bytes, encoding: str, body: bytes) -> None:
    assert unpacked(raw, encoding) == body
