"""A signed file is read piece by piece, and no byte of a piece that is another is handed over."""

from __future__ import annotations

import io
from random import Random

import nacl.exceptions
import pytest

from services.audit.proof.signed_pieces import PIECE, SignedPieces, read_signed
from services.kernel.authority.signing import raw_public
from tests.support.ledger_builder import stranger

SIGNER = stranger()
KEY = raw_public(SIGNER.public_key)
CONTENT = Random(7).randbytes(2 * PIECE + 1_000)


def written(content: bytes, *steps: int) -> bytearray:
    """A signed file of that content, written so many bytes at a time."""
    file, left = io.BytesIO(), io.BytesIO(content)
    pieces = SignedPieces(file)
    for step in steps:
        pieces.write(left.read(step))
    pieces.write(left.read())
    pieces.seal(SIGNER)
    return bytearray(file.getvalue())


@pytest.mark.parametrize("content", [b"", b"few", CONTENT[:PIECE], CONTENT[: PIECE + 1], CONTENT])
def test_what_was_written_is_read(content: bytes) -> None:
    raw = written(content, 1, 70_000)
    assert raw == written(content, PIECE + 5), "however it was written"
    assert read_signed(io.BytesIO(raw), KEY).read() == content
    reader = read_signed(io.BytesIO(raw), KEY)
    assert b"".join(iter(lambda: reader.read(60_001), b"")) == content


def test_a_piece_that_is_another_is_not_handed_over() -> None:
    raw = written(CONTENT)
    raw[PIECE + 17] ^= 1
    reader = read_signed(io.BytesIO(raw), KEY)
    assert reader.read(PIECE) == CONTENT[:PIECE]
    with pytest.raises(ValueError, match="piece"):
        reader.read(1)


def test_pieces_in_another_order_or_fewer_of_them_are_refused() -> None:
    raw = written(CONTENT)
    moved = raw[PIECE : 2 * PIECE] + raw[:PIECE] + raw[2 * PIECE :]
    for other in (moved, raw[PIECE:]):
        with pytest.raises(ValueError, match="piece"):
            read_signed(io.BytesIO(other), KEY).read()


def test_another_signature_or_no_such_file_is_refused() -> None:
    with pytest.raises(nacl.exceptions.BadSignatureError):
        read_signed(io.BytesIO(written(CONTENT)), raw_public(stranger().public_key))
    for raw in (b"", b"x" * 71, b"\xff" * 1_000):
        with pytest.raises(ValueError, match="too short"):
            read_signed(io.BytesIO(raw), KEY)
