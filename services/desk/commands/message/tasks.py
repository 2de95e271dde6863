"""``onevoice tasks``: what an officer does by hand, with the exact text that was approved."""

from __future__ import annotations

from schemas.events.desk import BoardQuery
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.connection.follow import fetch
from services.desk.session import Session
from services.desk.views.message import tasks as shown
from services.desk.views.message import unconfirmed
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Exit

app = group("What an officer has to do by hand.")


@command(app, "tasks", "onevoice tasks\nonevoice resolve rab12 city-alerts --done --as pio")
async def tasks(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List what an officer has to enter or take back by hand.

    Places that no program can post to (platform manual) get their messages from a person. Each task has the very text
    that was approved; when it is done, onevoice resolve --done puts your signed word for it on record. A task that was
    withdrawn, corrected or is over says so: it must not be entered any more.
    """
    async with session.asking(desk, as_) as here:
        found = await open_tasks(here)
    desk.answer([task.as_json() for task in found], lambda out: shown.show(out, found, SystemClock().now()))
    return Exit.DONE


async def open_tasks(here: Session) -> list[shown.Task]:
    """Return what waits to be done by hand, the most urgent first."""
    waiting = [view for view in (await here.pending())[0] if any(map(unconfirmed.by_hand, unconfirmed.of(view)))]
    if not waiting:
        return []
    profiles = {one.id: one for one in (await here.board(BoardQuery(query="profiles"))).profiles or ()}
    eoc, now = await here.eoc(), SystemClock().now()
    whole = [await fetch(here.link, view.request.request_id) for view in waiting]
    return [task for view in whole for task in shown.of(view, profiles, eoc, now)]
