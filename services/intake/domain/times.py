"""Until when a submission may be posted, and from when. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.events.requests import Submission, posted_until
from services.kernel.base.errors import BadInput
from services.kernel.base.zones import utc_text
from services.kernel.control.control_state import ControlState

EXPIRY_FACTOR = 7
"""A request may last at most this many times the city's ``request_seconds``."""


def expiry_of(
    data: Submission, time: datetime | None, state: ControlState, now: datetime, created_at: datetime
) -> datetime:
    """Return until when it may be posted, in UTC.

    Raises:
        BadInput: ``at.past``, ``.too_far``, ``expires.past``, ``.too_far``, ``next-update.past``, ``.too_far``.
    """
    usual = timedelta(seconds=state.settings.request_seconds)
    latest = now + usual * EXPIRY_FACTOR
    begins = now if data.not_before is None else data.not_before
    if data.not_before is not None:
        _check("at", data.not_before, now, latest, "is to go out")
    if data.expires is not None:
        if time is not None:
            begins = max(begins, time)
        _check("expires", data.expires, begins, latest, "expires")
    if data.next_update is not None:
        _check("next-update", data.next_update, begins, latest, "promises an update")
    # Counted from the preview's own time, so that the end is the one that the author saw and signs.
    return posted_until(data.not_before, data.expires, created_at + usual)


def _check(what: str, when: datetime, after: datetime, latest: datetime, does: str) -> None:
    if when <= after:
        late = "which is past" if what == "at" else "which is past, or before it goes out"
        hint = "give a time that is still to come, or leave it out"
        raise BadInput(f"{what}.past", f"it {does} at {utc_text(when)}, {late}", hint)
    if when > latest:
        raise BadInput(
            f"{what}.too_far",
            f"it {does} at {utc_text(when)}; {utc_text(latest)} is the latest here",
            "give an earlier time: a message that lasts longer is a page on the website",
        )
