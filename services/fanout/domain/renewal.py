"""When a credential that ends is renewed. Pure: the time is an argument."""

from __future__ import annotations

from datetime import datetime, timedelta

AHEAD = timedelta(days=40)
"""A credential is renewed from so long before its end on: ten days of vain tries pass before people are told of it."""

AGAIN = timedelta(days=1)
"""So long after a try, in vain or not, the next one is made: Meta renews none that is younger than a day."""


def is_due(end: datetime | None, now: datetime, tried: datetime | None) -> bool:
    """Return whether a credential is to be renewed now.

    One whose end nobody noted is renewed as well: the answer names the new end. ``tried``: when that was last tried.
    """
    if tried is not None and now < tried + AGAIN:
        return False
    return end is None or now < end <= now + AHEAD
