"""One ledger entry as a line for people who watch. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

from schemas.events.desk import BoardEvent
from schemas.subjects import place_of
from services.desk.views.message.history import line_of, said_in

_ORDERS = {
    "eoc_activate": "activated the EOC, level {level}: {incident}",
    "eoc_change": "changed the EOC to level {level}: {incident}",
    "eoc_stand_down": "stood the EOC down",
    "crisis_declare": "declared a crisis: {incident}",
    "crisis_end": "ended the crisis",
    "withdraw": "withdrew {request_id}: {reason}",
    "revoke": "revoked {officer}",
    "profile_suspend": "suspended the profile {profile}",
    "profile_remove": "removed the profile {profile}",
    "confirm": "confirmed proposal {proposal}",
    "decline": "declined proposal {proposal}",
}


@dataclass(frozen=True, slots=True)
class News:
    """What happened; ``what`` is empty where a person need not read it. ``request_id`` may be empty.

    ``kind`` is that of the entry's subject (schemas.subjects.place_of).
    """

    seq: int
    at: datetime
    request_id: str
    who: str
    what: str
    kind: str = ""


def news_of(event: BoardEvent) -> News:
    """Return an entry as a line; one that cannot be read says nothing, and keeps its place."""
    kind, request_id, _ = place_of(event.subject)
    line = line_of(event)
    if line is not None:
        return News(event.seq, event.at, intern(line.request_id), intern(line.who), intern(line.what), kind)
    try:
        who, what = _control(event.body) if kind == "control" else ("", "")
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        who, what = "", ""
    return News(event.seq, event.at, intern(request_id), who, what, kind)


def concerned(found: Iterable[News], follows: Callable[[str], str | None]) -> tuple[list[str], bool, bool]:
    """Return which messages news is about and what those follow, whether it concerns every page, and control.

    A seal concerns no page: it says of what is known already that it is in the second copy.
    """
    about: dict[str, None] = {}
    everything = control = False
    for one in found:
        control |= one.kind == "control"
        if one.request_id:
            about[one.request_id] = None
        else:
            everything |= one.kind != "seal"
    earlier = [name for one in about if (name := follows(one))]
    return [*dict.fromkeys([*about, *earlier])], everything, control


def _control(body: dict[str, Any]) -> tuple[str, str]:
    kind = body.get("type")
    if kind == "ordered":
        order = said_in(body["order"])
        return str(order["officer"]), _order(order["action"])
    if kind == "eoc_active":
        return "the EOC", "is active: nothing that was decided before is in flight any more"
    return ("the root keys", "signed the city's authority") if kind in ("genesis", "renewed") else ("", "")


def _order(action: dict[str, Any]) -> str:
    name = str(action["action"])
    if name == "hold":
        return "stopped all posts (hold)" if action["on"] else "let posts go again (hold released)"
    form = _ORDERS.get(name)
    return form.format_map(action) if form else f"changed the city's authority ({name.replace('_', ' ')})"
