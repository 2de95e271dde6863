"""Which manifest may begin the ledger: one of this realm, signed by enough of the pinned root keys."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.authority import Manifest
from schemas.events.control import Genesis
from schemas.events.envelope import MANIFEST_TYPE
from services.kernel.authority.signing import Signer, seal
from services.kernel.base.errors import BadInput
from services.registry.domain.genesis import check_genesis
from tests.unit.gatekeeper.policy_city import ROOT_KEYS, ROOTS, START, signer

MANIFEST = Manifest(
    realm="live", city="Mission", website="https://mission.example", issued_at=START, officers=(), profiles=()
)


def genesis(signers: tuple[Signer, ...] = ROOTS, manifest: Manifest = MANIFEST) -> Genesis:
    """The first control event, with a manifest signed by these keys."""
    return Genesis(at=START, manifest=seal(MANIFEST_TYPE, manifest, signers))


def test_a_manifest_signed_by_the_pinned_keys_begins_the_ledger() -> None:
    assert check_genesis(genesis(), "live", ROOT_KEYS, 2) == MANIFEST


@pytest.mark.parametrize("signers", [ROOTS[:1], (ROOTS[0], signer("a stranger"))])
def test_too_few_pinned_keys_are_refused(signers: tuple[Signer, ...]) -> None:
    with pytest.raises(BadInput, match="root keys") as caught:
        check_genesis(genesis(signers), "live", ROOT_KEYS, 2)
    assert "root keys of city.toml" in caught.value.hint


def test_a_manifest_of_the_other_realm_is_refused() -> None:
    with pytest.raises(BadInput, match="for live, this is exercise"):
        check_genesis(genesis(), "exercise", ROOT_KEYS, 2)


def test_an_expired_manifest_begins_nothing() -> None:
    for expires, good in ((START, False), (START + timedelta(seconds=1), True)):
        manifest = MANIFEST.model_copy(update={"expires_at": expires})
        if good:
            assert check_genesis(genesis(manifest=manifest), "live", ROOT_KEYS, 2) == manifest
        else:
            with pytest.raises(BadInput, match="the manifest expired on"):
                check_genesis(genesis(manifest=manifest), "live", ROOT_KEYS, 2)


def test_a_manifest_that_asks_for_fewer_people_than_the_city_pinned_is_refused() -> None:
    """Whoever may write the manifest cannot lower what city.toml asks for."""
    manifest = MANIFEST.model_copy(update={"threshold": 1})
    with pytest.raises(BadInput, match="asks for 1 people, and the pinned threshold is 2"):
        check_genesis(genesis(manifest=manifest), "live", ROOT_KEYS, 2)
