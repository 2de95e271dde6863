"""The root keys that ``onevoice init --root`` is given: a key for each realm and officer, and none of them twice."""

from __future__ import annotations

import pytest

from services.desk.commands.running.city import held_roots
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base.errors import BadInput

KEYS = {name: Signer(new_seed()).public_key for name in "ABCD"}
A, B, C, D = KEYS.values()
CAO, MCPE = f"cao={A},{B}", f"mcpe={C},{D}"


def test_each_realm_has_the_keys_of_both_officers() -> None:
    assert held_roots([MCPE, CAO], demo=False) == {"live": {"cao": A, "mcpe": C}, "exercise": {"cao": B, "mcpe": D}}
    assert held_roots([], demo=True) == {}


@pytest.mark.parametrize(
    "said",
    ["cao=AB", "cao=AB mcpe=CD cao=AB", "cao=AB mcpe=CD pio=AB", "cao=AB mcpe=C", "cao=AB mcpe=CDA"],
)
def test_what_is_missing_or_too_much_is_refused(said: str) -> None:
    pairs = [one.partition("=") for one in said.split()]
    given = [f"{name}={','.join(KEYS[key] for key in keys)}" for name, _, keys in pairs]
    with pytest.raises(BadInput, match="once for each of cao and mcpe, with two keys") as refused:
        held_roots(given, demo=False)
    assert refused.value.code == "init.root"
    assert "--root cao=LIVE,EXERCISE --root mcpe=LIVE,EXERCISE" in refused.value.hint


def test_a_demonstration_makes_its_own() -> None:
    with pytest.raises(BadInput, match="not with --demo"):
        held_roots([CAO, MCPE], demo=True)


@pytest.mark.parametrize(("mcpe", "twice"), [("CC", "C"), ("CB", "B"), ("AD", "A"), ("BD", "B")])
def test_no_key_stands_there_twice(mcpe: str, twice: str) -> None:
    """Between realms too: nats-server refuses a configuration in which two users have one key."""
    with pytest.raises(BadInput, match=f"the key {KEYS[twice]} occurs twice") as refused:
        held_roots([CAO, f"mcpe={','.join(KEYS[one] for one in mcpe)}"], demo=False)
    assert refused.value.code == "init.root"


def test_what_is_no_key_is_named() -> None:
    with pytest.raises(BadInput, match="--root is no public key") as refused:
        held_roots(["cao=U1"], demo=False)
    assert refused.value.code == "key.public"
