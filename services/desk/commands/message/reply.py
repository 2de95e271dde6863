"""``onevoice reply``: the PIO answers in public what somebody asked (HUM.11(A) 2(iv))."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from rich.text import Text

from schemas import unseen
from services.desk import options, people, session
from services.desk.app import Invocation, command, group
from services.desk.city.answering import answered
from services.desk.commands.message.publish import publish_draft
from services.desk.message import editor, templates
from services.desk.message.draft import MessageDraft
from services.desk.views.output import people_console
from services.kernel.base.errors import Refused

app = group("Answers to what people ask in public.")

_MOST = 1_000
"""Characters of an inquiry that are shown."""

Answers = Annotated[
    str, typer.Argument(metavar="URL|INQUIRY", help="The post's address, or an id from onevoice inquiries.")
]


@command(
    app,
    "reply",
    'onevoice reply https://x.com/i/status/1234 "Yes: boil it for a minute." --to fire-x --as pio',
    without=options.MANY,
)
async def reply(
    desk: Invocation, answers: Answers, message: options.MessageOptions, manner: options.PublishManner
) -> int:
    """Answer in public what somebody asked.

    It is a message like any other: previewed, signed with the address of the post that it answers, judged, and posted
    once, under that post. It goes to the one profile on the post's platform, or to the one of --to. On Bluesky,
    Facebook, Instagram, LinkedIn, Mastodon, Telegram, Threads and X; elsewhere it is refused. On Mastodon and X name
    the person in the text (@name), or they are not told.
    """
    if people.is_system(desk.city(), officer := people.acting(manner.officer, desk.city())):
        raise Refused(
            "system.publishes", f"{officer} is a system: it has no authority of its own", "an officer does this"
        )
    message = templates.filled(message, desk.city().templates_folder)
    async with session.acting(desk, officer) as here:
        found = await answered(here, answers, message.to or [])
        talk = people_console(desk.as_json)
        talk.print(Text(f"{found.profile} answers {unseen.shown(found.address)}", style="bold"), soft_wrap=True)
        if found.author:
            said = unseen.shown(f"@{found.author[:60]}: {found.text[:_MOST]}")
            talk.print(Text(f"  {said}", style="dim"), soft_wrap=True)
        message = await editor.written(replace(message, to=[found.profile]), here.city)
        draft = MessageDraft.of(message, manner, here.city.zone)
        return await publish_draft(here, replace(draft, answers=found.address), manner)
