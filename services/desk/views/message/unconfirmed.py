"""Posts that nobody could find out about, and the command that a person answers them with. Pure."""

from __future__ import annotations

from schemas.events.desk import DeliveryView, RequestView
from schemas.events.requests import REPLACING
from schemas.platforms import MANUAL, MIRROR
from services.desk.views.hints import typed

UNCONFIRMED = "unconfirmed"
TASK = "task"
_FAILED = frozenset({"failed", "expired"})

_POST = "It may be other than was approved, or not there. Look at the profile, then say what you found:"
_RECALL = (
    "What it takes back may still be there. Look at the profile, and delete by hand what is left; --post-again then "
    "has the recall made once more:"
)


def of(view: RequestView) -> tuple[DeliveryView, ...]:
    """Return the deliveries of a request that wait for a person's look at the profile."""
    return tuple(item for item in view.deliveries if item.outcome == UNCONFIRMED and item.final)


def command(request_id: str, profile: str) -> str:
    """Return what to type, as in ``onevoice resolve --help``."""
    return typed(f"onevoice resolve {request_id} {profile} --posted URL | --post-again | --give-up")


def by_hand(item: DeliveryView) -> bool:
    """True for a task: nothing is doubtful, an officer has to do it and to confirm it."""
    return item.platform == MANUAL and item.outcome == UNCONFIRMED


def label(item: DeliveryView) -> str:
    """Return the outcome as people read it."""
    return TASK if by_hand(item) else item.outcome


def lines(view: RequestView) -> list[str]:
    """Return what a person reads of a request's unconfirmed posts, and what to type; empty where there are none."""
    found = of(view)
    said = [typed("An officer has to do it by hand: onevoice tasks")] if any(map(by_hand, found)) else []
    doubtful = [item for item in found if not by_hand(item)]
    if doubtful:
        recall = view.request.act == "recall"
        said.append(_RECALL if recall else _POST)
        said += [f"  {command(view.request.request_id, item.profile)}" for item in doubtful]
    return said


def left(view: RequestView) -> list[str]:
    """Return what a person does where a correction or recall failed, and what it is about may stand as it was."""
    act = view.request.act
    ended = [one for one in view.deliveries if one.final and one.outcome in _FAILED and one.profile != MIRROR]
    if not ended or act not in REPLACING or view.replaced_by is not None:
        return []
    where = ", ".join(one.profile for one in ended)
    if act == "recall":
        return [f"What it takes back may still be there: look at the profile, and delete it by hand on {where}."]
    again = typed(f"onevoice correct {view.request.request_id} TEXT")
    return [f"What it corrects may still stand on {where}. To reach it once more: {again}"]


def state(item: DeliveryView) -> str:
    """Say in words how a delivery is, for a person who took it for unconfirmed."""
    what = "is still being looked for" if item.outcome == UNCONFIRMED else f"is {item.outcome}"
    where = item.url or item.reason
    return f"it {what}{f' ({where})' if where else ''}"
