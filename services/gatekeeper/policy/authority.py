"""Whose word counts: which roles the policy asks for in which regime, and who holds them at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from schemas.events.authority import Grant, Role
from schemas.events.control import Posture
from schemas.events.requests import Request
from services.gatekeeper.policy.facts import Facts, PolicyFault
from services.gatekeeper.policy.wording import either
from services.kernel.control.control_state import ControlState

FOREVER = datetime.max.replace(tzinfo=UTC)
"""The end of what has no end."""


class Regime(StrEnum):
    """Which of the policy's regimes a request falls under; see ``regime_of``."""

    ROUTINE = "routine"
    CRISIS = "crisis"
    EOC = "eoc"


OFFICE_ROUTINE = frozenset({Role.MCPE, Role.COMMS_OFFICE})
OFFICE_IN_CRISIS = frozenset({Role.MCPE, Role.PIO, Role.COMMS_OFFICE})
UNDER_EOC = frozenset({Role.CAO, Role.MCPE, Role.PIO, Role.EOC_DIRECTOR})
ALL_PROFILES = frozenset({Role.PIO, Role.MCPE})

APPROVING: Mapping[Regime, frozenset[Role]] = MappingProxyType(
    {Regime.ROUTINE: OFFICE_ROUTINE, Regime.CRISIS: OFFICE_IN_CRISIS, Regime.EOC: UNDER_EOC}
)
"""Roles whose approval counts for any target: 3(iv)(c), 2(i) and 2(iii). In routine a publisher counts too, for
the profiles delegated (1 Oversight (iii))."""

_REGIME: Mapping[Posture, Regime] = MappingProxyType(
    {
        Posture.ROUTINE: Regime.ROUTINE,
        Posture.CRISIS: Regime.CRISIS,
        Posture.EOC_ACTIVATING: Regime.EOC,
        Posture.EOC_ACTIVE: Regime.EOC,
    }
)


def regime_of(request: Request, control: ControlState) -> Regime:
    """Return the regime of a request: EOC also when it was submitted under the EOC and that stood down since.

    Raises:
        PolicyFault: a posture that is not in the policy.
    """
    now, then = _regime(control.posture), _regime(request.submitted_posture)
    return Regime.EOC if then is Regime.EOC else now


def _regime(posture: str) -> Regime:
    try:
        return _REGIME[Posture(posture)]
    except (ValueError, KeyError) as error:
        raise PolicyFault(f"the posture {posture!r} is not in the policy") from error


def grants_of(control: ControlState, officer: str, now: datetime) -> tuple[Grant, ...]:
    """Return the grants that an officer holds at a time; none when unknown or revoked.

    Raises:
        PolicyFault: the officer has a role that is not in the policy.
    """
    person = control.officers.get(officer)
    for grant in person.grants if person is not None else ():
        if not isinstance(grant.role, Role):
            raise PolicyFault(f"{officer} has the role {grant.role!r}, which is not in the policy")
    return control.grants_of(officer, now)


def role_until(grants: tuple[Grant, ...], roles: frozenset[Role]) -> datetime | None:
    """Return until when (exclusive) grants give one of some roles; None when they give none of them."""
    ends = [grant.valid_until or FOREVER for grant in grants if grant.role in roles]
    return max(ends, default=None)


def delegated_until(grants: tuple[Grant, ...], targets: tuple[str, ...]) -> datetime | None:
    """Return until when (exclusive) a publisher holds every target; None when one of them is missing."""
    ends: dict[str, datetime] = {}
    for grant in grants:
        if grant.role is Role.PUBLISHER:
            end = grant.valid_until or FOREVER
            ends |= {profile: max(end, ends.get(profile, end)) for profile in grant.profiles}
    if not targets or not ends.keys() >= set(targets):
        return None
    return min(ends[target] for target in targets)


def not_delegated(grants: tuple[Grant, ...], targets: tuple[str, ...]) -> tuple[str, ...]:
    """Return the targets that no publisher grant among these covers."""
    held = {profile for grant in grants if grant.role is Role.PUBLISHER for profile in grant.profiles}
    return tuple(target for target in targets if target not in held)


def counts_until(grants: tuple[Grant, ...], request: Request, regime: Regime) -> datetime | None:
    """Return until when (exclusive) an approval by a holder of these grants counts; None when it does not.

    In routine a publisher of every target counts; for crisis content only while also ``designated`` (2(ii)).
    """
    ways = [role_until(grants, APPROVING[regime])]
    if regime is Regime.ROUTINE:
        ways.append(_publisher_until(grants, request))
    return max((way for way in ways if way is not None), default=None)


def _publisher_until(grants: tuple[Grant, ...], request: Request) -> datetime | None:
    delegated = delegated_until(grants, request.targets)
    if delegated is None or not request.crisis:
        return delegated
    designated = role_until(grants, frozenset({Role.DESIGNATED}))
    return None if designated is None else min(delegated, designated)


def counting_roles(regime: Regime, *, crisis: bool) -> str:
    """Return in words whose approval counts in a regime."""
    roles = [str(role) for role in Role if role in APPROVING[regime]]
    if regime is Regime.ROUTINE:
        roles.append(
            "a designated publisher of every profile asked for" if crisis else "a publisher of every profile asked for"
        )
    return either(roles)


def who_counts(facts: Facts, regime: Regime, among: frozenset[Role] | None = None) -> tuple[str, ...]:
    """Return the officers whose approval would count now, narrowed to holders of some roles if given."""
    possible = among or (APPROVING[regime] | {Role.PUBLISHER})
    return tuple(
        officer
        for officer, person in sorted(facts.control.officers.items())
        if any(grant.role in possible for grant in person.grants) and _would_count(facts, regime, officer, possible)
    )


def _would_count(facts: Facts, regime: Regime, officer: str, possible: frozenset[Role]) -> bool:
    grants = facts.control.grants_of(officer, facts.now)
    return role_until(grants, possible) is not None and counts_until(grants, facts.request, regime) is not None


def waiting_for(
    facts: Facts,
    regime: Regime,
    among: frozenset[Role] | None = None,
    without: frozenset[str] = frozenset(),
) -> str:
    """Return ``waiting for cao, mcpe or pio``: who can fix it now, or who must designate somebody first."""
    officers = [_named(facts, name) for name in who_counts(facts, regime, among) if name not in without]
    if officers:
        return f"waiting for {either(officers)}"
    roles = (
        either(str(role) for role in Role if role in among)
        if among
        else counting_roles(regime, crisis=facts.request.crisis)
    )
    return f"no other officer holds a role that can give it now ({roles}): the cao or the mcpe must designate one"


def _named(facts: Facts, officer: str) -> str:
    """Return an officer's id, with the roles where the id does not say them already."""
    roles = sorted(facts.control.roles_of(officer, facts.now))
    if officer.replace("-", "_") in roles:
        return officer
    return f"{officer} ({', '.join(roles)})"
