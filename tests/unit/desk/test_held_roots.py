"""The root keys that ``onevoice init --root`` is given: a key for each realm and officer, and none of them twice."""

from __future__ import annotations

import pytest

from services.desk.commands.city import held_roots
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base.errors import BadInput

A, B, C, D = (Signer(new_seed()).public_key for _ in range(4))
CAO, MCPE = f"cao={A},{B}", f"mcpe={C},{D}"


def test_each_realm_has_the_keys_of_both_officers() -> None:
    assert held_roots([MCPE, CAO], demo=False) == {"live": {"cao": A, "mcpe": C}, "exercise": {"cao": B, "mcpe": D}}
    assert held_roots([], demo=True) == {}


@pytest.mark.parametrize(
    "said",
    [[CAO], [CAO, MCPE, CAO], [CAO, MCPE, f"pio={A},{B}"], [CAO, f"mcpe={C}"], [CAO, f"mcpe={C},{D},{A}"]],
)
def test_what_is_missing_or_too_much_is_refused(said: list[str]) -> None:
    with pytest.raises(BadInput, match="once for each of cao and mcpe, with two keys") as refused:
        held_roots(said, demo=False)
    assert refused.value.code == "init.root"
    assert "--root cao=LIVE,EXERCISE --root mcpe=LIVE,EXERCISE" in refused.value.hint


def test_a_demonstration_makes_its_own() -> None:
    with pytest.raises(BadInput, match="not with --demo"):
        held_roots([CAO, MCPE], demo=True)


@pytest.mark.parametrize(("mcpe", "twice"), [((C, C), C), ((C, B), B), ((A, D), A), ((B, D), B)])
def test_no_key_stands_there_twice(mcpe: tuple[str, str], twice: str) -> None:
    """Between realms too: nats-server refuses a configuration in which two users have one key."""
    with pytest.raises(BadInput, match=f"the key {twice} stands there twice") as refused:
        held_roots([CAO, f"mcpe={','.join(mcpe)}"], demo=False)
    assert refused.value.code == "init.root"


def test_what_is_no_key_is_named() -> None:
    with pytest.raises(BadInput, match="--root is no public key") as refused:
        held_roots(["cao=U1"], demo=False)
    assert refused.value.code == "key.public"
