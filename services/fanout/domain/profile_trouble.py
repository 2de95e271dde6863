"""What keeps a profile from being posted to, before it matters. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from schemas.events.broadcasts import ProfileTrouble
from services.kernel.measures.city_measures import token_end

STEPS = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
"""So long before a credential ends somebody is warned, each time again."""

_LONGEST = 300


def ending(profile: str, end: datetime | None, now: datetime, not_renewed: str = "") -> ProfileTrouble | None:
    """Return that a profile's credential has ended, or ends within 30, 7 or 1 days; None while it does not.

    ``since`` is when the step was reached, so that each is reported once. ``not_renewed``: why it did not renew itself.
    """
    if end is None:
        return None
    why = f"; it was not renewed: {not_renewed}" if not_renewed else ""
    if end <= now:
        reason = f"its credential ended on {end:%Y-%m-%d}{why}"
        return ProfileTrouble(profile=profile, reason=reason[:_LONGEST], since=end)
    step = min((one for one in STEPS if end - now <= one), default=None)
    if step is None:
        return None
    reason = f"its credential ends on {end:%Y-%m-%d}, within {step.days} days{why}"
    return ProfileTrouble(profile=profile, reason=reason[:_LONGEST], since=end - step)


def end_of(profile: str, noted: datetime | None, ends: Mapping[str, date]) -> datetime | None:
    """Return when a credential ends: the sooner of what ``profiles connect`` noted and what city.toml says."""
    told = ends.get(profile)
    known = [one for one in (noted, token_end(told) if told is not None else None) if one is not None]
    return min(known, default=None)
