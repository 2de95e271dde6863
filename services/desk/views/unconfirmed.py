"""Posts that nobody could find out about, and the command that a person answers them with. Pure."""

from __future__ import annotations

from schemas.events.desk import DeliveryView, RequestView

UNCONFIRMED = "unconfirmed"


def of(view: RequestView) -> tuple[DeliveryView, ...]:
    """Return the deliveries of a request that wait for a person's look at the profile."""
    return tuple(item for item in view.deliveries if item.outcome == UNCONFIRMED and item.final)


def command(request_id: str, profile: str) -> str:
    """Return what to type, as in ``onevoice resolve --help``."""
    return f"onevoice resolve {request_id} {profile} --posted URL | --post-again | --give-up"


def lines(view: RequestView) -> list[str]:
    """Return what a person reads of a request's unconfirmed posts, and what to type; empty where there are none."""
    found = of(view)
    if not found:
        return []
    asked = "What is there may be other than was approved, or nothing. Look at the profile, then say what you found:"
    return [asked, *(f"  {command(view.request.request_id, item.profile)}" for item in found)]


def state(item: DeliveryView) -> str:
    """Say in words how a delivery is, for a person who took it for unconfirmed."""
    what = "is still being looked for" if item.outcome == UNCONFIRMED else f"is {item.outcome}"
    where = item.url or item.reason
    return f"it {what}{f' ({where})' if where else ''}"
