"""Marks the messages that are past the end that their author gave, whatever else is written. Called under the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.fanout.connectors.website.state import CITY, Broken, Message

if TYPE_CHECKING:
    from services.fanout.connectors.website.edit import SiteEdit


def mark_ended(work: SiteEdit) -> None:
    """Have the pages and feeds of what is over say so; what was ended in another way before keeps its time."""
    for end, request_id in work.state.over(work.now):
        try:
            message = work.state.message(request_id)
        except Broken:
            continue  # reported where its page is written; the others end all the same
        if message is None or message.content.expires != end:
            work.state.forget_end(end, request_id)
            continue
        work.put(_ended(work, message))


def _ended(work: SiteEdit, message: Message) -> Message:
    changed_at = work.time_for(CITY) if message.in_force else message.changed_at
    return message.model_copy(update={"ended_at": message.ended_at or work.now, "changed_at": changed_at})
