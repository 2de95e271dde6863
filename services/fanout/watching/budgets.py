"""What is left for profiles' posts, for the heartbeat: so that somebody knows before it matters."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events.authority import Profile
from schemas.events.broadcasts import ProfileBudget
from services.fanout.hosts.credits import PREPAID, PrepaidCredit
from services.fanout.hosts.host import HostRegistry

MOST = 200


def budgets_of(profiles: Iterable[Profile], hosts: HostRegistry, credit: PrepaidCredit) -> tuple[ProfileBudget, ...]:
    """Return what is left of each official profile's quota and credit, the least first; of others nothing is known."""
    left, usd = hosts.quotas_left(), credit.left()
    found = []
    for one in profiles:
        part = left.get(one.id)
        cents = int(usd * 100) if usd is not None and one.platform == PREPAID else None
        if one.official and (part is not None or cents is not None):
            percent = None if part is None else min(100, int(part * 100))
            found.append(ProfileBudget(profile=one.id, quota_percent=percent, credit_cents=cents))
    found.sort(key=lambda one: (100 if one.quota_percent is None else one.quota_percent, one.profile))
    return tuple(found[:MOST])
