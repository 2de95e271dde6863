"""Options that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ActsAs = Annotated[
    str | None, typer.Option("--as", metavar="OFFICER", help="Who does this, with their key (or ONEVOICE_AS).")
]
AsksAs = Annotated[
    str | None,
    typer.Option("--as", metavar="OFFICER", help="Whose key asks; else the first officer's key in the city folder."),
]
RequestId = Annotated[
    str, typer.Argument(metavar="ID", help="The request; an unambiguous beginning of its id is enough.")
]
Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to wait for the posts to land: 60s, 5m, 0s.")
]
WaitForAnswer = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to wait for how it went: 15s, 1m, 0s.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Confirm, and acknowledge what screening found.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes on record.")]
Incident = Annotated[str, typer.Option("--incident", metavar="NAME", help="The incident's name.")]

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What to say; - reads it from standard input.")]
To = Annotated[list[str] | None, typer.Option("--to", metavar="PROFILE", help="A profile to post to; once for each.")]
AllDepartments = Annotated[
    bool, typer.Option("--all-departments", help="All official departmental profiles (crisis or EOC only).")
]
Link = Annotated[str | None, typer.Option("--link", metavar="URL", help="The page on the city's site to link to.")]
Image = Annotated[
    list[Path] | None, typer.Option("--image", metavar="FILE", help="A picture (up to four); each needs --alt.")
]
Alt = Annotated[
    list[str] | None, typer.Option("--alt", metavar="TEXT", help="What a picture shows, in the order of --image.")
]
Crisis = Annotated[
    bool | None,
    typer.Option("--crisis/--routine", help="Whether it is about the crisis; yes unless the posture is routine."),
]
SeverityOption = Annotated[
    str | None, typer.Option("--severity", metavar="S", help="minor, moderate, severe or extreme.")
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="TIME", help="Not posted after: 4h, 90m, 2d or 2026-01-31T18:00-08:00."),
]
Variant = Annotated[
    list[str] | None,
    typer.Option("--variant", metavar="PLATFORM=TEXT", help="Another text for one platform; once for each."),
]
EventId = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="An id of your own: a repeat with the same id is the same request."),
]
