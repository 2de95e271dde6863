"""The Merkle tree: the vectors of the Certificate Transparency reference code, RFC 6962's example, properties."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.record.merkle import (
    EMPTY_ROOT,
    CompactRange,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
hashes = st.lists(st.binary(max_size=8).map(leaf_hash), min_size=1, max_size=70)


def test_the_published_roots() -> None:
    """The eight entries and roots that the reference implementations of RFC 6962 are tested with."""
    leaves = [leaf_hash(entry) for entry in LEAVES]
    assert tuple(root_of(leaves[:size]).hex() for size in range(1, 9)) == ROOTS


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    """RFC 6962, 2.1: MTH({}) = SHA-256()."""
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT == root_of([]) == CompactRange().root()


def test_the_example_of_the_rfc() -> None:
    """RFC 6962, 2.1.3: seven leaves, its audit paths and consistency proofs, by its own letters."""
    d = [leaf_hash(b"d%d" % number) for number in range(7)]
    a, b, c, dd, e, f, j = d
    g, h, i = node_hash(a, b), node_hash(c, dd), node_hash(e, f)
    k, l_ = node_hash(g, h), node_hash(i, j)
    assert root_of(d) == node_hash(k, l_)
    assert inclusion_proof(d, 0) == (b, h, l_)
    assert inclusion_proof(d, 3) == (c, g, l_)
    assert inclusion_proof(d, 4) == (f, j, k)
    assert inclusion_proof(d, 6) == (i, k)
    assert consistency_proof(d, 3) == (c, dd, g, l_)
    assert consistency_proof(d, 4) == (l_,)
    assert consistency_proof(d, 6) == (i, j, k)


def test_a_leaf_never_passes_for_a_node() -> None:
    """The prefixes keep the two apart."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@given(hashes)
def test_the_growing_tree_equals_the_definition(leaves: list[bytes]) -> None:
    """The compact range has the root of the recursive definition at each size."""
    tree = CompactRange()
    for size, leaf in enumerate(leaves, 1):
        tree.append(leaf)
        assert tree.root() == root_of(leaves[:size])


@given(hashes, st.data())
def test_a_tree_goes_on_from_its_kept_state(leaves: list[bytes], data: st.DataObject) -> None:
    """Size and subtree roots are all that is needed."""
    at = data.draw(st.integers(0, len(leaves)))
    first = CompactRange()
    for leaf in leaves[:at]:
        first.append(leaf)
    again = CompactRange(first.size, first.hashes)
    for leaf in leaves[at:]:
        again.append(leaf)
    assert again.root() == root_of(leaves)


@given(hashes, st.data())
def test_inclusion(leaves: list[bytes], data: st.DataObject) -> None:
    """Each entry can be shown; another leaf, place or root cannot."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    size, root, proof = len(leaves), root_of(leaves), inclusion_proof(leaves, index)
    assert verify_inclusion(leaves[index], index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"another entry"), index, size, proof, root)
    assert not verify_inclusion(leaves[index], index, size, proof, bytes(32))
    assert not verify_inclusion(leaves[index], index, size, (*proof, bytes(32)), root)
    assert not verify_inclusion(leaves[index], size, size, proof, root)
    if proof:
        assert not verify_inclusion(leaves[index], index, size, proof[:-1], root)
        other = data.draw(st.integers(0, len(proof) - 1))
        bent = [*proof]
        bent[other] = bytes(32)
        assert not verify_inclusion(leaves[index], index, size, bent, root)


@given(hashes, st.data())
def test_consistency(leaves: list[bytes], data: st.DataObject) -> None:
    """Growth can be shown; a changed past cannot."""
    first = data.draw(st.integers(1, len(leaves)))
    second = len(leaves)
    older, newer = root_of(leaves[:first]), root_of(leaves)
    proof = consistency_proof(leaves, first)
    assert verify_consistency(first, second, older, newer, proof)
    assert not verify_consistency(first, second, bytes(32), newer, proof)
    assert not verify_consistency(first, second, older, bytes(32), proof)
    assert not verify_consistency(first, second, older, newer, (*proof, bytes(32)))
    if proof:
        assert not verify_consistency(first, second, older, newer, proof[:-1])


def test_proofs_of_what_is_not_there_are_refused() -> None:
    """No entry beyond the tree, no growth from nothing or from more."""
    leaves = [leaf_hash(b"a")]
    with pytest.raises(ProofError):
        inclusion_proof(leaves, 1)
    for first in (0, 2):
        with pytest.raises(ProofError):
            consistency_proof(leaves, first)
        assert not verify_consistency(first, 1, EMPTY_ROOT, root_of(leaves), ())
    with pytest.raises(ValueError, match="subtree roots"):
        CompactRange(3, [b"one"])
