"""Who may do what, in plain words beside the table: a role cannot slip in or out of it in silence."""

from __future__ import annotations

from schemas import roles
from schemas.events.authority import Role
from services.gatekeeper.policy import authority
from services.kernel.authority import post_authorization

SAID = {
    "eoc_activate": "cao eoc_director",
    "eoc_change": "cao eoc_director",
    "eoc_stand_down": "cao eoc_director",
    "crisis_declare": "cao eoc_director mcpe pio",
    "crisis_end": "cao eoc_director mcpe pio",
    "hold": "cao comms_office eoc_director mcpe pio",
    "withdraw": " ".join(sorted(Role)),
    "designate": "cao mcpe",
    "revoke": "cao mcpe",
    "profile_add": "cao comms_office mcpe",
    "profile_suspend": "cao comms_office mcpe",
    "officer_add": "cao mcpe",
    "reinstate": "cao mcpe",
    "rekey": "cao comms_office designated employee eoc_director mcpe pio publisher",
    "passkey_invite": " ".join(sorted(Role)),
    "passkey_add": " ".join(sorted(Role)),
    "passkey_remove": " ".join(sorted(Role)),
    "settings": "cao mcpe",
    "confirm": "cao eoc_director mcpe pio",
    "decline": "cao eoc_director mcpe pio",
    "system_add": "cao comms_office mcpe",
    "system_remove": "cao comms_office mcpe",
    "profile_remove": "cao comms_office mcpe",
}


def words(of: frozenset[Role]) -> str:
    return " ".join(sorted(of))


def test_who_may_order_what() -> None:
    assert {action: words(may) for action, may in roles.WHO_MAY_ORDER.items()} == SAID


def test_the_office_and_the_approvers() -> None:
    assert words(roles.OFFICE) == "comms_office mcpe"
    assert words(roles.CRISIS_APPROVERS) == "comms_office mcpe pio"
    assert words(roles.EOC_APPROVERS) == "cao eoc_director mcpe pio"
    assert words(roles.OFFICE_OR_APPROVER) == "cao comms_office eoc_director mcpe pio"


def test_the_two_that_decide_in_code_of_their_own_agree_with_it() -> None:
    gate = (authority.OFFICE_ROUTINE, authority.OFFICE_IN_CRISIS, authority.UNDER_EOC)
    worker = (
        post_authorization.ROUTINE_SIGNERS,
        post_authorization.CRISIS_SIGNERS,
        post_authorization.EOC_SIGNERS,
    )
    assert gate == worker == (roles.OFFICE, roles.CRISIS_APPROVERS, roles.EOC_APPROVERS)
