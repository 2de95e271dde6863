"""``onevoice correct``, ``update``, ``recall``, ``all-clear`` and ``repost``: what comes after a message is out."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from schemas.events.requests import Act, Request
from services.desk import options, people, session
from services.desk.app import Invocation, command, group
from services.desk.commands.message.publish import publish_draft
from services.desk.connection.follow import fetch
from services.desk.message import editor, templates
from services.desk.message.draft import USUAL_TEXTS, MessageDraft
from services.desk.views.output import people_console
from services.desk.words import check_id
from services.kernel.base.errors import Refused

app = group("What comes after a message is out.")

SAYS: dict[Act, str] = {
    "correct": "This corrects {id}, and goes to the profiles that got it:",
    "update": "This adds to {id}, and goes to the profiles that got it:",
    "recall": "This takes {id} back on the profiles that got it:",
    "all_clear": "This ends {id}, and goes to the profiles that got it:",
    "repost": "This shows {id} on more profiles:",
}


@command(
    app, "correct", 'onevoice correct rab12 "The boil water advisory is for zone 4." --as pio', without=options.MANY
)
async def correct(
    desk: Invocation, request_id: options.RequestId, message: options.MessageOptions, manner: options.PublishManner
) -> int:
    """Put a message right on each profile that got it.

    It is a message of its own: previewed, signed, and posted behind the first one, as a reply where the platform has
    replies, else in its place. What of the first message is not out yet stays back.
    """
    return await follow_up(desk, "correct", request_id, message, manner)


@command(
    app, "update", 'onevoice update rab12 "Crews are on the way. Next update at 6 pm." --as pio', without=options.MANY
)
async def update(
    desk: Invocation, request_id: options.RequestId, message: options.MessageOptions, manner: options.PublishManner
) -> int:
    """Add to a message on each profile that got it. The first one stays in force."""
    return await follow_up(desk, "update", request_id, message, manner)


@command(app, "recall", "onevoice recall rab12 --as pio", without=options.MANY)
async def recall(
    desk: Invocation, request_id: options.RequestId, message: options.MessageOptions, manner: options.PublishManner
) -> int:
    """Take a message back on each profile that got it.

    It is deleted where the platform can delete; elsewhere a reply says that it does not apply. The website keeps the
    page, and says that it was withdrawn. What is not out yet stays back.
    """
    return await follow_up(desk, "recall", request_id, message, manner)


@command(app, "all-clear", 'onevoice all-clear rab12 "You may go home." --as pio', without=options.MANY)
async def all_clear(
    desk: Invocation, request_id: options.RequestId, message: options.MessageOptions, manner: options.PublishManner
) -> int:
    """Say that what a message was about is over, on each profile that got it."""
    return await follow_up(desk, "all_clear", request_id, message, manner)


@command(app, "repost", "onevoice repost rab12 --to parks-townsquare --as pio", without=options.MANY)
async def repost(
    desk: Invocation, request_id: options.RequestId, message: options.MessageOptions, manner: options.PublishManner
) -> int:
    """Post a message on profiles that did not get it, in the same words unless others are given."""
    return await follow_up(desk, "repost", request_id, message, manner)


async def follow_up(
    desk: Invocation, act: Act, request_id: str, message: options.MessageOptions, manner: options.PublishManner
) -> int:
    """Publish a message about an earlier one, as ``publish`` does; return the exit status."""
    check_id(request_id, "request")
    if people.is_system(desk.city(), officer := people.acting(manner.officer)):
        raise Refused(
            "system.publishes", f"{officer} is a system: it has no authority of its own", "an officer does this"
        )
    message = templates.filled(message, desk.city().templates_folder)
    async with session.acting(desk, officer) as here:
        earlier = (await fetch(here.link, request_id)).request
        if act == "repost" and message.text is None and message.file is None:
            message = replace(message, text=earlier.text)
        message = await editor.written(message, here.city, USUAL_TEXTS.get(act))
        website = (await here.eoc()).website
        draft = MessageDraft.following(act, earlier, message, manner, here.city.zone, website)
        _show_earlier(desk, act, earlier)
        return await publish_draft(here, draft, manner)


def _show_earlier(desk: Invocation, act: Act, earlier: Request) -> None:
    talk = people_console(desk.as_json)
    talk.print(Text(SAYS[act].format(id=earlier.request_id), style="bold"))
    talk.print(Text(f"  {earlier.text}", style="dim"))
