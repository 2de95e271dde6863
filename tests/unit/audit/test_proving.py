"""A proof stands by itself, with nothing but the root keys, and falls with any bit of it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.audit.proof import check_proof, prove_request
from services.audit.record.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from tests.support.ledger_builder import LedgerBuilder, story, stranger

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "proof.md"


@pytest.fixture(scope="module")
def proof(city: City) -> bytes:
    """The proof of one request of a day."""
    shutil.rmtree(city.audit_folder, ignore_errors=True)
    story(LedgerBuilder(city)).write()
    made = prove_request(city, "r2a").to_bytes()
    shutil.rmtree(city.audit_folder)
    return made


def test_a_proof_needs_nothing_but_the_root_keys(city: City, proof: bytes) -> None:
    """Request, approval, verdict, attempts and receipts, in order."""
    found = check_proof(proof, frozenset(city.authority.root_keys))
    assert {"request", "approval", "verdict", "attempt", "receipt"} <= {one.kind for one in found.entries}
    assert {one.request_id for one in found.entries} == {"r2a"}


@pytest.mark.parametrize("roots", [frozenset(), frozenset({stranger().public_key})])
def test_without_the_right_root_keys_nothing_is_proven(proof: bytes, roots: frozenset[str]) -> None:
    """No key is no trust; each given key must have signed."""
    with pytest.raises(Unproven) as refused:
        check_proof(proof, roots)
    assert refused.value.code == "proof.root"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_flipped_bit_is_refused_or_changes_nothing(city: City, proof: bytes, data: st.DataObject) -> None:
    """Whatever is still there shows the very same; what does not is Unproven, never another error."""
    bent = bytearray(proof)
    bent[data.draw(st.integers(0, len(bent) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    roots = frozenset(city.authority.root_keys)
    try:
        found = check_proof(bytes(bent), roots)
    except Unproven:
        return
    assert found == check_proof(proof, roots)


def test_an_entry_of_another_request_is_refused(city: City, proof: bytes) -> None:
    """A genuine entry proves nothing about a request that it is not of."""
    other = json.loads(proof) | {"request_id": "r3b"}
    with pytest.raises(Unproven) as refused:
        check_proof(json.dumps(other).encode(), frozenset(city.authority.root_keys))
    assert refused.value.code == "proof.entry"


def test_a_request_that_the_record_lacks_is_no_proof(city: City) -> None:
    """An empty proof would look like one."""
    story(LedgerBuilder(city)).write()
    with pytest.raises(BadInput):
        prove_request(city, "rnone")
    shutil.rmtree(city.audit_folder)


def test_the_vectors_of_the_document_are_true() -> None:
    """docs/proof.md is what another language is written by."""
    vectors = json.loads(re.findall(r"```json vectors\n(.*?)```", DOCUMENT.read_text(), re.S)[0])
    leaves = [leaf_hash(bytes.fromhex(one)) for one in vectors["leaves"]]
    for size, root in vectors["roots"].items():
        assert root_of(leaves[: int(size)]).hex() == root
    for one in vectors["inclusion"]:
        assert [node.hex() for node in inclusion_proof(leaves[: one["size"]], one["index"])] == one["path"]
    for one in vectors["consistency"]:
        assert [node.hex() for node in consistency_proof(leaves[: one["second"]], one["first"])] == one["path"]
