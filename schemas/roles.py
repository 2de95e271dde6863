"""Who may do what, by role: one place for all but two.

The gatekeeper's policy and the post authorization decide who releases a post in code of their own: each checks the
other, and a mistake here must not be a mistake in both. Source: HUM.11(A) section 1 Oversight (i)-(iii), sections
2(i)-(iii) and 3(iv)(c).
"""

from __future__ import annotations

from schemas.events.authority import Role

OFFICE = frozenset({Role.MCPE, Role.COMMS_OFFICE})
"""The communications office: 3(iv)(c)."""

CRISIS_APPROVERS = frozenset({Role.MCPE, Role.PIO, Role.COMMS_OFFICE})
"""The office in a crisis: 2(i)."""

EOC_APPROVERS = frozenset({Role.CAO, Role.MCPE, Role.PIO, Role.EOC_DIRECTOR})
"""Whose approval all content needs under the EOC: 2(iii)."""

OFFICE_OR_APPROVER = OFFICE | EOC_APPROVERS
"""Who may stop, withdraw anybody's request, decide on an unconfirmed post and on dead letters: the city's plan."""

_DIRECTS = frozenset({Role.EOC_DIRECTOR, Role.CAO})
DESIGNATES = frozenset({Role.CAO, Role.MCPE})
"""Who decides who has power: 2(ii)."""

_SANCTIONS = OFFICE | {Role.CAO}

WHO_MAY_ORDER: dict[str, frozenset[Role]] = {
    "eoc_activate": _DIRECTS,
    "eoc_change": _DIRECTS,
    "eoc_stand_down": _DIRECTS,
    "crisis_declare": EOC_APPROVERS,
    "crisis_end": EOC_APPROVERS,
    "hold": OFFICE_OR_APPROVER,
    "withdraw": frozenset(Role),
    "designate": DESIGNATES,
    "revoke": DESIGNATES,
    "officer_add": DESIGNATES,
    "reinstate": DESIGNATES,
    "rekey": frozenset(Role),
    "passkey_invite": frozenset(Role),
    "passkey_add": frozenset(Role),
    "passkey_remove": frozenset(Role),
    "settings": DESIGNATES,
    "confirm": EOC_APPROVERS,
    "decline": EOC_APPROVERS,
    "system_add": _SANCTIONS,
    "system_remove": _SANCTIONS,
    "profile_add": _SANCTIONS,
    "profile_suspend": _SANCTIONS,
    "profile_remove": _SANCTIONS,
}
"""Who may order what: 2(ii) for designations, section 1 Oversight (i)-(iii) for profiles, else the city's plan.

A withdrawal is checked once more by eoc_state, which sees the request: its author, or ``OFFICE_OR_APPROVER``. A new key
or passkey is asked for, and a passkey taken back, by the officer whose it is, or by ``DESIGNATES``."""
