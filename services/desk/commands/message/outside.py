"""``onevoice outside``: what was published on official profiles and did not come through the gate."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.desk import BoardQuery
from schemas.events.outside import AcknowledgementReply, OutsideView
from services.desk import options, session, statements
from services.desk.app import Invocation, command, group
from services.desk.session import Session
from services.desk.views.message import outside as shown
from services.desk.words import check_id, reason_text
from services.kernel.authority.statements import signed
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit
from services.kernel.base.files import write_atomically

app = group("See posts on official profiles that did not come through the gate.", "onevoice outside list")

Name = Annotated[
    str, typer.Argument(metavar="ID", help="The post, from the list; an unambiguous beginning of its id is enough.")
]


@command(app, "list", "onevoice outside list --all")
async def list_(
    desk: Invocation,
    everything: Annotated[bool, typer.Option("--all", help="Those that were acknowledged, too.")] = False,
    as_: options.AsksAs = None,
) -> int:
    """List what was published on official profiles and did not come through the gate.

    Each profile is looked at every few minutes ([outside] in city.toml); what stood there before the watch began is not
    told. E-mail, webhooks, Slack, Teams and Telegram do not list what is there, and are not watched.
    """
    async with session.asking(desk, as_) as here:
        views = (await here.board(BoardQuery(query="outside", closed=everything or None))).outside or ()
    desk.answer([shown.as_json(view) for view in views], lambda out: shown.listed(out, views, SystemClock().now()))
    return Exit.DONE


@command(app, "show", "onevoice outside show 3fa2 --save evidence")
async def show(
    desk: Invocation,
    name: Name,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FOLDER", help="Write what was kept of it: a record, a picture.")
    ] = None,
    as_: options.AsksAs = None,
) -> int:
    """Show one post: its words, where it is, and what was kept of it as evidence."""
    async with session.asking(desk, as_) as here:
        view = await _one(here, name)
    files = _save(view, save) if save is not None else []

    def draw(out: Console) -> None:
        shown.whole(out, view, SystemClock().now())
        for path in files:
            out.print(Text(f"  written: {path}"), soft_wrap=True)

    desk.answer(shown.as_json(view), draw)
    return Exit.DONE


@command(app, "ack", 'onevoice outside ack 3fa2 --reason "taken down; password changed" --as pio')
async def ack(desk: Invocation, name: Name, reason: options.Reason, as_: options.ActsAs = None) -> int:
    """Acknowledge a post with your signature, so that it waits no more.

    An officer of the office, or an approver, says what came of it. The post and your word for it stay on record.
    """
    said = reason_text(reason)
    async with session.acting(desk, as_) as here:
        view = await _one(here, name)
        statement = statements.acknowledgement_statement(
            view, realm=here.realm, officer=here.user, reason=said, now=SystemClock().now()
        )
        event = statements.acknowledged(statement, signed(here.signer, statement))
        reply = await here.link.ask(subjects.DESK_OUTSIDE_ACKNOWLEDGE, event, AcknowledgementReply)
        query = BoardQuery(query="outside", name=reply.outside, at_least=reply.seq)
        after = ((await here.board(query)).outside or (view,))[0]
    desk.answer(shown.as_json(after), lambda out: shown.listed(out, [after], SystemClock().now()))
    return Exit.DONE


async def _one(here: Session, name: str) -> OutsideView:
    check_id(name, "outside")
    views = (await here.board(BoardQuery(query="outside", name=name))).outside
    if not views:
        raise BadInput("outside.unknown", f"there is no outside post {name}", "onevoice outside list")
    return views[0]


def _save(view: OutsideView, folder: Path) -> list[Path]:
    """Write what was kept into a folder; return the files. Raises BadInput ``outside.save``."""
    kept = {"json": view.record, "jpg": view.card}
    written = []
    try:
        for ending, encoded in kept.items():
            if encoded is not None:
                path = folder / f"{view.post.outside}.{ending}"
                write_atomically(path, base64.b64decode(encoded), mode=0o600)
                written.append(path)
    except OSError as error:
        raise BadInput("outside.save", f"cannot write to {folder}: {error.strerror}", "give another folder") from error
    return written
