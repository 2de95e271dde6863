"""A signed file that is read piece by piece: no byte of a piece counts before the piece is the one that was signed.

Pieces of PIECE bytes (the last one may be shorter), the SHA-256 of each, how many there are (8 bytes, the highest
first), and a signature over the hashes. So what is kept of a long record is never in memory as bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any, BinaryIO

import nacl.signing

from services.kernel.authority.signing import Signer

PIECE = 1 << 20
_HASH, _COUNT, _SIGNATURE = 32, 8, 64
_CONTEXT = b"onevoice verified state\n"


class SignedPieces:
    """Writes such a file. ``seal`` comes last."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = bytearray()
        self._hashes: list[bytes] = []

    def write(self, content: bytes | memoryview) -> int:
        """Take bytes; raises OSError."""
        self._rest += content
        while len(self._rest) >= PIECE:
            self._put(bytes(self._rest[:PIECE]))
            del self._rest[:PIECE]
        return memoryview(content).nbytes

    def seal(self, signer: Signer) -> None:
        """Write what is left, and sign; raises OSError."""
        if self._rest:
            self._put(bytes(self._rest))
        hashes = b"".join(self._hashes)
        self._file.write(hashes + len(self._hashes).to_bytes(_COUNT, "big") + signer.raw_signature(_signed(hashes)))

    def _put(self, piece: bytes) -> None:
        self._hashes.append(hashlib.sha256(piece).digest())
        self._file.write(piece)


def read_signed(file: BinaryIO, public_key: bytes) -> BinaryIO:
    """Return a reader of what was written into a signed file.

    Raises:
        ValueError: it is no such file; also from the reader, at a piece that is another.
        nacl.exceptions.BadSignatureError: another key signed it.
    """
    end = file.seek(0, os.SEEK_END) - _COUNT - _SIGNATURE
    count = int.from_bytes(_at(file, end, _COUNT), "big")
    signature = _at(file, end + _COUNT, _SIGNATURE)
    hashes = _at(file, end - count * _HASH, count * _HASH)
    nacl.signing.VerifyKey(public_key).verify(_signed(hashes), signature)
    file.seek(0)
    return io.BufferedReader(_Proved(file, hashes, end - len(hashes)))


class _Proved(io.RawIOBase):
    """Hands over pieces that are proved; ``left``: bytes that are not read yet."""

    def __init__(self, file: BinaryIO, hashes: bytes, left: int) -> None:
        super().__init__()
        self._file, self._hashes, self._left = file, hashes, left
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the piece goes."""
        if not self._piece and self._left:
            self._piece = memoryview(self._next())
        into = memoryview(buffer).cast("B")
        count = min(len(into), len(self._piece))
        into[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def _next(self) -> bytes:
        piece = self._file.read(min(PIECE, self._left))
        if not piece or hashlib.sha256(piece).digest() != self._hashes[:_HASH]:
            raise ValueError("a piece is not the one that was signed")
        self._hashes, self._left = self._hashes[_HASH:], self._left - len(piece)
        return piece


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    if place < 0:
        raise ValueError("the file is too short")
    file.seek(place)
    return file.read(count)


def _signed(hashes: bytes) -> bytes:
    return _CONTEXT + hashlib.sha256(hashes).digest()
