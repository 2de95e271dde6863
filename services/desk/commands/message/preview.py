"""``onevoice preview``: what each platform would show, in the terminal or as a page."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from schemas.events.desk import PreviewReply
from services.desk import options, sent, session, statements, words
from services.desk.app import Invocation, command, group
from services.desk.message import editor, templates
from services.desk.message.draft import MessageDraft
from services.desk.message.submission import preview as asked
from services.desk.views.layout import table
from services.desk.views.message import outcome, preview_page
from services.desk.views.message import request as show
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit

app = group("What each platform would show.")


@command(
    app,
    "preview",
    'onevoice preview "Boil water before drinking." --all-departments \\\n'
    '         --image map.png --alt "The area: north of the river" --open --as pio',
    without=("event_id",),
)
async def preview(
    desk: Invocation,
    message: options.MessageOptions,
    as_: options.ActsAs = None,
    open_: Annotated[bool, typer.Option("--open", help="Write it as a page, and open that in a browser.")] = False,
) -> int:
    """Show a message as each platform would show it.

    Each text with its length as the platform counts it, and what screening found. Nothing is submitted. With --open a
    page is written that needs nothing from outside; its path is printed, and a browser opened where there is one.
    """
    city = desk.city()
    filled = await editor.written(templates.filled(message, city.templates_folder), city)
    draft = MessageDraft.of(filled, options.PublishManner(officer=as_, dry_run=True), city.zone)
    async with session.acting(desk, as_) as here:
        sent.only_looks()
        _, seen = await asked(here, draft, await here.eoc())
    statements.checked_digest(seen)
    path = _written(seen, draft, city.settings.city.name) if open_ else None
    counted = preview_page.counts(seen.renderings)
    body: dict[str, Any] = outcome.preview_json(seen)
    body["counts"] = [vars(one) for one in counted]
    body["page"] = str(path) if path else None

    def draw(out: Console) -> None:
        show.preview(out, seen, SystemClock().now(), draft.next_update)
        _draw_counts(out, counted)
        out.print(Text("Nothing was submitted." if path else "Nothing was submitted. --open shows it as a page."))
        if path is not None:
            out.print(Text(f"The page: {path}", style="bold"), soft_wrap=True)

    desk.answer(body, draw)
    if path is not None and _has_browser():
        webbrowser.open(path.as_uri())
    return Exit.DONE


def _written(seen: PreviewReply, draft: MessageDraft, city: str) -> Path:
    pictures = [words.read_picture(path) for path, _ in draft.pictures]
    try:
        folder = Path(tempfile.mkdtemp(prefix="onevoice-preview-"))
        return preview_page.write(folder, preview_page.page(seen, city, pictures, SystemClock().now()))
    except OSError as error:
        message = f"the page cannot be written: {error.strerror}"
        raise BadInput("preview.disk", message, "set TMPDIR to a folder with room") from error


def _draw_counts(out: Console, counted: list[preview_page.Counted]) -> None:
    shown = table("platform", "part", "length", "at most")
    for one in counted:
        shown.add_row(one.platform, f"{one.part} of {one.parts}", str(one.length), str(one.most))
    out.print(shown)


def _has_browser() -> bool:
    """Say whether a page can be opened beside the terminal: a browser within it would take it over."""
    if os.environ.get("BROWSER") or sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
