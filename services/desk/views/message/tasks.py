"""Tasks: what an officer does by hand because the place has no interface for programs. Pure: views in, tasks out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.desk import EocView, RequestView
from schemas.events.requests import Act
from schemas.events.verdicts import Outcome
from schemas.platforms import MANUAL
from services.desk.views.hints import typed
from services.desk.views.layout import width
from services.desk.views.message import unconfirmed
from services.desk.views.timetext import local, utc

_EOC = (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)

_DO: dict[Act | None, str] = {
    "recall": "Take {earlier} back at {place}. Where nothing can be deleted, enter this text",
    "correct": "Put {earlier} right at {place}: replace it by this text, or enter it as a new message",
    "all_clear": "Enter this text at {place}; it ends {earlier}",
}
_ENTER = "Enter this text at {place}, exactly as it stands"


@dataclass(frozen=True)
class Task:
    """One thing to do by hand. ``stop``: why it may not be done now, empty where it may; ``until``: not after."""

    request_id: str
    profile: str
    place: str
    do: str
    text: str
    pictures: tuple[str, ...]
    until: datetime
    stop: str = ""

    @property
    def confirm(self) -> str:
        """What to type when it is done."""
        return typed(f"onevoice resolve {self.request_id} {self.profile} --done --as OFFICER")

    @property
    def leave(self) -> str:
        """What to type when it was not done, and will not be."""
        return typed(f"onevoice resolve {self.request_id} {self.profile} --give-up --as OFFICER")

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        said = {"pictures": list(self.pictures), "until": utc(self.until)}
        return asdict(self) | said | {"confirm": self.confirm, "leave": self.leave}


def of(view: RequestView, profiles: Mapping[str, Profile], eoc: EocView, now: datetime) -> list[Task]:
    """Return the tasks of a request, with their text as it was approved.

    Args:
        view: the request, with its renderings.
        profiles: the city's profiles by id.
        eoc: the posture.
        now: the present time.
    """
    request, stop = view.request, stopped(view, eoc, now)
    content = next((one.content() for one in request.renderings if one.platform == MANUAL), None)
    found = []
    for item in unconfirmed.of(view):
        profile = profiles.get(item.profile)
        if not unconfirmed.by_hand(item) or content is None:
            continue
        place = profile.account if profile is not None else "(the profile is not on the list any more)"
        away = "" if profile is not None and profile.official else f"{item.profile} is not sanctioned any more"
        found.append(
            Task(
                request.request_id,
                item.profile,
                place,
                _DO.get(request.act, _ENTER).format(place=place, earlier=request.earlier),
                "\n\n".join(content.parts),
                tuple(picture.alt for picture in content.pictures),
                request.expires_at,
                stop or away,
            )
        )
    return found


def stopped(view: RequestView, eoc: EocView, now: datetime) -> str:
    """Return why what was handed to a person may not be done any more; empty: it may."""
    found = view.verdict
    if view.withdrawn:
        return "it was withdrawn"
    if view.replaced_by is not None:
        return f"{view.replaced_by} corrects it or takes it back"
    if view.request.expires_at <= now:
        return "it is over: missed, not late"
    if found is None or found.outcome is not Outcome.CLEARED:
        return typed(f"it is {found.outcome if found else 'undecided'} now: onevoice status {view.request.request_id}")
    if eoc.hold:
        return "HOLD is on: nothing is posted, by hand neither"
    if eoc.posture in _EOC and found.control_seq < eoc.began_seq:
        return "it was cleared before the EOC was activated, and is decided again"
    return ""


def show(console: Console, tasks: Iterable[Task], now: datetime) -> None:
    """Show each task with its text between lines of its own, unwrapped, so that it can be copied as it is."""
    found = list(tasks)
    if not found:
        console.print("Nothing is to be done by hand.")
        return
    for number, task in enumerate(found, 1):
        console.print(Text(f"Task {number} of {len(found)}: {task.request_id} on {task.profile}", style="bold"))
        if task.stop:
            console.print(Text(f"DO NOT enter it: {task.stop}", style="bold red"), width=width(console))
            console.print(Text("Was it entered already? Take it down there if you can, then confirm which it is:"))
        else:
            console.print(Text(f"{task.do}, until {local(task.until, now)}:"), soft_wrap=True)
            console.print(Text("-" * 20, style="dim"))
            console.print(Text(task.text), soft_wrap=True)
            console.print(Text("-" * 20, style="dim"))
            for alt in task.pictures:
                console.print(Text(f"picture: {alt}", style="dim"), soft_wrap=True)
        console.print(Text(f"  done:     {task.confirm}"), soft_wrap=True)
        console.print(Text(f"  not done: {task.leave}"), soft_wrap=True)
        console.print()
