"""The Merkle tree of RFC 6962, section 2 (the same tree as in RFC 9162), over SHA-256.

Hashes are 32 bytes. ``CompactRange`` grows a tree of any size with O(log n) memory and time for each leaf;
the proofs let one entry, or the growth of the record, be checked without the whole record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

EMPTY_ROOT = hashlib.sha256().digest()


class ProofError(ValueError):
    """A proof was asked for an entry or size that the tree does not have."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf (prefix 0x00, so that a leaf can never pass for a node)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its children (prefix 0x01)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """A growing tree, kept as the roots of its perfect subtrees, largest (leftmost) first."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {max(size, 0).bit_count()} subtree roots")
        self.size = size
        self._hashes = list(hashes)

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The subtree roots: with ``size``, all that is needed to go on from here."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        node, carry = leaf, self.size
        while carry & 1:
            node = node_hash(self._hashes.pop(), node)
            carry >>= 1
        self._hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._hashes:
            return EMPTY_ROOT
        node = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            node = node_hash(left, node)
        return node


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, by the recursive definition (RFC 6962, 2.1)."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


class TreeLevels:
    """A whole tree, kept level by level: a proof of any leaf in O(log n), for 64 bytes a leaf."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.size = len(leaves)
        level = list(leaves)
        self._levels = [level]
        while len(level) > 1:
            pairs = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
            level = [*pairs, *level[2 * len(pairs) :]]  # without a sibling a node goes up as it is
            self._levels.append(level)

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the same audit path as ``inclusion_proof``; raises ProofError."""
        if not 0 <= index < self.size:
            raise ProofError(f"there is no entry {index} in a tree of {self.size}")
        found = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                found.append(level[index ^ 1])
            index >>= 1
        return tuple(found)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of the leaf at ``index`` (from 0), lowest sibling first (RFC 6962, 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise ProofError(f"there is no entry {index} in a tree of {len(leaves)}")
    return tuple(_path(leaves, index))


def consistency_proof(leaves: Sequence[bytes], first: int) -> tuple[bytes, ...]:
    """Return the proof that the tree over ``leaves`` grew out of its first ``first`` (RFC 6962, 2.1.2)."""
    if not 0 < first <= len(leaves):
        raise ProofError(f"a tree of {len(leaves)} did not grow out of one of {first}")
    return tuple(_growth(leaves, first, whole=True))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether the proof shows the leaf at ``index`` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, here = leaf, size - 1, index
    for sibling in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            node = node_hash(sibling, node)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether the proof shows that the second tree begins with the first (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    nodes = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not nodes:
        return False
    here, last = first - 1, second - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    older = newer = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            older, newer = node_hash(node, older), node_hash(node, newer)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            newer = node_hash(newer, node)
        here, last = here >> 1, last >> 1
    return last == 0 and older == first_root and newer == second_root


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _path(leaves: Sequence[bytes], index: int) -> Iterator[bytes]:
    if len(leaves) == 1:
        return
    split = _split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if index < split:
        yield from _path(left, index)
        yield root_of(right)
    else:
        yield from _path(right, index - split)
        yield root_of(left)


def _growth(leaves: Sequence[bytes], first: int, *, whole: bool) -> Iterator[bytes]:
    if first == len(leaves):
        if not whole:
            yield root_of(leaves)
        return
    split = _split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if first <= split:
        yield from _growth(left, first, whole=whole)
        yield root_of(right)
    else:
        yield from _growth(right, first - split, whole=False)
        yield root_of(left)
