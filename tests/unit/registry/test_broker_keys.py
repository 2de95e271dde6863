"""Nobody gets a key that another user of the broker has, in either realm: the broker would take none of its users."""

from __future__ import annotations

import pytest

from schemas.events.authority import Officer, System
from schemas.events.control import Action, Hold, OfficerAdd, Reinstate, Rekey, SystemAdd
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.network.broker_users import BrokerUser
from services.registry.domain.broker_keys import check_user

AUDIT, CLERK, OTHER, FRESH, LOGIN = (Signer(new_seed()).public_key for _ in range(5))
OURS = (BrokerUser("audit", AUDIT, own=True), BrokerUser("clerk", CLERK, own=False))
THEIRS = (BrokerUser("clerk", OTHER, own=False),)


def system(key: str, name: str = "alerts") -> SystemAdd:
    return SystemAdd(system=System(id=name, name=name, public_key=key))


def officer(key: str, login: str | None, name: str = "dana") -> OfficerAdd:
    return OfficerAdd(officer=Officer(id=name, name=name, public_key=key, login_key=login, grants=()))


@pytest.mark.parametrize("used", [AUDIT, OTHER], ids=["a service", "the other realm"])
def test_a_key_of_a_service_or_of_the_other_realm_is_refused(used: str) -> None:
    wanted: tuple[Action, ...] = (
        system(used),
        officer(used, LOGIN),
        officer(FRESH, used),
        Rekey(officer="clerk", public_key=used),
        Reinstate(officer="clerk", public_key=FRESH, login_key=used),
    )
    for action in wanted:
        with pytest.raises(Refused) as caught:
            check_user(action, OURS, THEIRS)
        assert caught.value.code == "key.used"


def test_a_name_of_onevoices_own_is_refused() -> None:
    for action, code in (
        (system(FRESH, "doctor"), "system.reserved"),
        (officer(FRESH, LOGIN, "web"), "officer.reserved"),
    ):
        with pytest.raises(BadInput) as caught:
            check_user(action, OURS, THEIRS)
        assert caught.value.code == code


def test_all_else_is_left_to_the_fold() -> None:
    for action in (system(FRESH), system(CLERK), officer(FRESH, LOGIN), Hold(on=True)):
        check_user(action, OURS, THEIRS)
